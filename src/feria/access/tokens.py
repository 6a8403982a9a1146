"""Tokens: made, listed, revoked, and recognised in microseconds once they were verified."""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update

from feria.access import hashing
from feria.access.memory import MOST, Remembered
from feria.access.tables import SessionRow, TokenRow
from feria.access.wire import (
    LOCAL,
    PERMISSIONS,
    RESERVED,
    Caller,
    NewToken,
    Permission,
    Role,
    Token,
    TokenOrder,
)
from feria.clock import Clock
from feria.errors import Busy, Conflict, Invalid, NotFound, Unavailable
from feria.storage.database import Database

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Verifications at once; each takes a core for some 30 ms and 16 MiB."""
WAITING = 64
USED_EVERY = timedelta(hours=1)
"""How coarsely it is written down when a token was last used."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a valid token or session belongs to. No `id`: a command of whoever can read the home."""

    id: str | None
    caller: Caller
    expires_at: datetime | None = None


class Tokens:
    """`locked` says whether the node would be without a key if its last admin token went."""

    def __init__(self, database: Database, clock: Clock, *, locked: bool) -> None:
        self._database = database
        self._clock = clock
        self._locked = locked
        self._holders: Remembered[str, Holder] = Remembered(self._find, clock)
        self._verified: dict[bytes, str] = {}
        """sha256 of a token whose secret was found right: its id. Whether it is still valid is another
        question, which `_holders` answers."""
        self._verifying = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self.local = str(hashing.fresh())
        """A token that nobody issued: it lets in who can read it in the home, as long as the node runs."""
        self._local_digest = _digest(self.local)

    async def create(self, order: TokenOrder) -> NewToken:
        """Raises `Invalid` for a name or permissions that will not do."""
        if order.name in RESERVED:
            raise Invalid(f"The name {order.name} is taken by {RESERVED[order.name]}.")
        allowed = PERMISSIONS[order.role]
        if order.allow is not None and not order.allow <= allowed:
            beyond = ", ".join(sorted(order.allow - allowed))
            raise Invalid(f"The role {order.role} does not include: {beyond}.")
        now, made = self._clock.now(), hashing.fresh()
        row = TokenRow(
            id=made.id,
            name=order.name,
            role=order.role,
            permissions=" ".join(sorted(allowed if order.allow is None else order.allow)),
            secret=await asyncio.to_thread(hashing.hashed, made.secret),
            created_at=now,
            expires_at=None if order.days is None else now + timedelta(days=order.days),
            last_used_at=None,
        )
        async with self._database.transaction() as session:
            session.add(row)
        log.info("Token %s of %s was made: %s.", row.id, row.name, row.role)
        return NewToken(**_listed(row).model_dump(), token=str(made))

    async def all(self) -> tuple[Token, ...]:
        """Those that were not revoked, expired ones too, the newest first."""
        async with self._database.transaction(read_only=True) as session:
            newest_first = select(TokenRow).order_by(TokenRow.created_at.desc(), TokenRow.id)
            return tuple(_listed(row) for row in await session.scalars(newest_first))

    async def revoke(self, id: str, *, force: bool = False) -> None:
        """End a token and its sessions, here at once and on other nodes within seconds.

        Raises `NotFound`, and `Conflict` for the last one that administers a locked node.
        """
        async with self._database.transaction() as session:
            # Locked, so that two who revoke each other's do not both succeed.
            rows = (await session.scalars(select(TokenRow).with_for_update())).all()
            if not any(row.id == id for row in rows):
                raise NotFound(f"No token {id}.")
            await self._remove({id}, rows, force=force)

    async def administered(self) -> bool:
        """Whether there is a valid token that may do everything."""
        async with self._database.transaction(read_only=True) as session:
            return self._administered((await session.scalars(select(TokenRow))).all())

    async def recognise(self, text: str) -> Holder | None:
        """Whom a token belongs to; nothing for one that is not, or no longer, valid. Raises `Busy`."""
        digest = _digest(text)
        if digest == self._local_digest:
            return Holder(None, LOCAL)
        id = self._verified.get(digest)
        if id is None:
            presented = hashing.parse(text)
            if presented is None or not await self._verify(presented, digest):
                return None
            id = presented.id
        return await self.holder(id)

    def knows(self, text: str) -> bool:
        """Whether to recognise that takes no verification, right or wrong as the token may be."""
        digest = _digest(text)
        return digest in self._verified or digest == self._local_digest

    async def holder(self, id: str) -> Holder | None:
        """Whom the token of that id belongs to, while it is valid."""
        holder = await self._holders.get(id)
        if holder and (holder.expires_at is None or self._clock.now() < holder.expires_at):
            return holder
        return None

    async def export(self, subject: str) -> Any:
        """Tokens and sessions kept under a name."""
        async with self._database.transaction(read_only=True) as session:
            rows = (await session.scalars(select(TokenRow).where(TokenRow.name == subject))).all()
            of_these = SessionRow.token_id.in_([row.id for row in rows])
            ends = (await session.scalars(select(SessionRow.expires_at).where(of_these))).all()
        return {
            "tokens": [_listed(row).model_dump(mode="json") for row in rows],
            "sessions": [{"expires_at": end.isoformat()} for end in ends],
        }

    async def erase(self, subject: str) -> int:
        """Revoke all tokens of that name."""
        async with self._database.transaction() as session:
            rows = (await session.scalars(select(TokenRow).with_for_update())).all()
            ids = {row.id for row in rows if row.name == subject}
            await self._remove(ids, rows, force=False)
        return len(ids)

    async def _remove(self, ids: set[str], rows: Iterable[TokenRow], *, force: bool) -> None:
        left = [row for row in rows if row.id not in ids]
        if self._locked and not force and self._administered(rows) and not self._administered(left):
            raise Conflict("That is the last token that administers this node. Create another one first.")
        async with self._database.transaction() as session:
            await session.execute(delete(SessionRow).where(SessionRow.token_id.in_(ids)))
            await session.execute(delete(TokenRow).where(TokenRow.id.in_(ids)))

            async def forget() -> None:
                for id in ids:
                    self._holders.forget(id)
                    log.info("Token %s was revoked.", id)

            await self._database.after_commit(forget)

    def _administered(self, rows: Iterable[TokenRow]) -> bool:
        now = self._clock.now()
        return any(
            set(row.permissions.split()) == PERMISSIONS[Role.admin]
            and (row.expires_at is None or now < row.expires_at)
            for row in rows
        )

    async def _verify(self, presented: hashing.Presented, digest: bytes) -> bool:
        if self._waiting >= WAITING:
            raise Busy("Too many tokens are being verified.")
        self._waiting += 1
        try:
            async with self._verifying:
                if digest in self._verified:  # by another request, while this one waited
                    return True
                async with self._database.transaction(read_only=True) as session:
                    kept = await session.scalar(select(TokenRow.secret).where(TokenRow.id == presented.id))
                if kept is None or not await asyncio.to_thread(hashing.matches, presented.secret, kept):
                    return False
        finally:
            self._waiting -= 1
        if len(self._verified) >= MOST:
            del self._verified[next(iter(self._verified))]
        self._verified[digest] = presented.id
        return True

    async def _find(self, id: str) -> Holder | None:
        async with self._database.transaction(read_only=True) as session:
            row = await session.get(TokenRow, id, populate_existing=True)
        if row is None:
            return None
        now = self._clock.now()
        if row.last_used_at is None or now - row.last_used_at > USED_EVERY:
            with contextlib.suppress(Unavailable):  # a full disk is no reason to keep anybody out
                async with self._database.transaction() as session:
                    await session.execute(update(TokenRow).where(TokenRow.id == id).values(last_used_at=now))
        token = _listed(row)
        return Holder(id, Caller(row.name, frozenset(token.permissions), token.role), row.expires_at)


def _listed(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        permissions=tuple(Permission(one) for one in row.permissions.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
