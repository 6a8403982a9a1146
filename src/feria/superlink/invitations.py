"""How a store becomes a client: its owner is given an invitation here, and redeems it from there.

A token is good for one key, that of the store that came first. The key is noted before the SuperLink is told
of it, and the client stands in the database after that; so whatever ends a redemption half-way, the same
store may ask again, and is answered as if nothing had happened.
"""

import hashlib
import logging
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from feria.clock import Clock
from feria.errors import Conflict, NotAllowed, NotFound, Unavailable
from feria.federation.clients import OFF, Clients
from feria.federation.invitation import Invitation, Redeemed, Redemption, encode
from feria.federation.tables import ClientRow
from feria.storage.database import Database
from feria.superlink.tables import InvitationRow
from feria.superlink.wire import InvitationState, IssuedInvitation, NewInvitation

if TYPE_CHECKING:
    from feria.superlink.hub import Hub

log = logging.getLogger(__name__)

NOT_TAKEN = "This hub does not take that invitation: it is wrong, used, expired or revoked."
"""In the same words for all: who tries tokens learns nothing."""

NO_STORES = f"No stores come in here. {OFF}"


class Invitations:
    """`hub` is None where no stores come in."""

    def __init__(self, database: Database, clients: Clients, clock: Clock, hub: "Hub | None") -> None:
        self._database = database
        self._clients = clients
        self._clock = clock
        self._hub = hub

    async def invite(self, name: str, *, owner: str, days: float) -> NewInvitation:
        """In place of an earlier one for that name, if it was not redeemed.

        Raises `Conflict` where its owner has a client of that name, `NotAllowed` where no stores come in.
        """
        if (hub := self._hub) is None:
            raise NotAllowed(NO_STORES)
        if await self._clients.has(owner, name):
            raise Conflict(f"You have a client '{name}'; remove it first.")
        earlier = await self._find(InvitationRow.owner == owner, InvitationRow.name == name)
        if earlier is not None:
            await self._end(earlier)
        now, token = self._clock.now(), secrets.token_urlsafe(32)
        values = {
            "id": secrets.token_hex(16),
            "owner": owner,
            "name": name,
            "token": _digest(token),
            "created_at": now,
            "expires_at": now + timedelta(days=days),
            "public_key": None,
            "redeemed_at": None,
            "node_id": None,
            "revoked_at": None,
        }
        await self._put(earlier, values)
        row = InvitationRow(**values)
        said = Invitation(
            name=name, hub=hub.url, superlink=hub.superlink, ca=hub.ca, token=token, expires=row.expires_at
        )
        return NewInvitation(**self._issued(row, is_client=False).model_dump(), text=encode(said))

    async def all(self, owner: str | None = None) -> list[IssuedInvitation]:
        """Those of one owner, or of all, by name: the latest for each."""
        query = (
            select(InvitationRow, ClientRow.id)
            .outerjoin(ClientRow, ClientRow.id == InvitationRow.id)
            .order_by(InvitationRow.name, InvitationRow.owner)
        )
        if owner is not None:
            query = query.where(InvitationRow.owner == owner)
        async with self._database.transaction(read_only=True) as session:
            found = (await session.execute(query)).all()
        return [self._issued(row, is_client=client is not None) for row, client in found]

    async def find(self, id: str) -> IssuedInvitation:
        """Raises `NotFound`."""
        row = await self._row(id)
        return self._issued(row, is_client=await self._is_client(row))

    async def revoke(self, id: str) -> None:
        """It is not taken any more. Once more does no harm.

        Raises `NotFound`, `Conflict` where its store is a client, and `Unavailable` where that was about to
        be one and the SuperLink cannot be told now.
        """
        row = await self._row(id)
        if await self._is_client(row):
            raise Conflict(f"'{row.name}' has joined with it; remove the client to shut it out.")
        await self._end(row)

    async def redeem(self, told: Redemption, *, host: str, port: int) -> Redeemed:
        """Make the store a client of who invited it; durable on return. It asks from `host` and `port`.

        Raises `NotAllowed` for a token that is not taken, `Invalid` for what no store can tell of itself,
        `Conflict` where its name has gone to another client, `NotFound` where no stores come in, and
        `Unavailable`.
        """
        if (hub := self._hub) is None:
            raise NotFound(NO_STORES)
        self._clients.check(told)
        hub.check(told.public_key)
        row = await self._claimed(told)
        if row.redeemed_at is None:
            row = await self._redeemed(row, told, hub, host, port)
        if row.node_id is None or not await self._is_client(row):
            raise NotAllowed(NOT_TAKEN)
        return Redeemed(name=row.name, node_id=row.node_id, superlink=hub.superlink)

    # ------------------------------------------------------------------- personal data
    async def export(self, subject: str) -> list[dict[str, Any]]:
        return [one.model_dump(mode="json") for one in await self.all(subject)]

    async def erase(self, subject: str) -> int:
        """Stores that have joined are clients, and end with these."""
        async with self._database.transaction(read_only=True) as session:
            rows = list(await session.scalars(select(InvitationRow).where(InvitationRow.owner == subject)))
        for row in rows:
            await self._end(row)
            async with self._database.transaction() as session:
                await session.execute(delete(InvitationRow).where(InvitationRow.id == row.id))
        return len(rows)

    # ------------------------------------------------------------------- redeeming
    async def _claimed(self, told: Redemption) -> InvitationRow:
        """The invitation of that token, which is this store's from now on. Raises `NotAllowed`."""
        row = await self._find(InvitationRow.token == _digest(told.token))
        if row is not None and row.public_key is None and self._clock.now() < row.expires_at:
            async with self._database.transaction() as session:
                await session.execute(
                    update(InvitationRow)
                    .where(InvitationRow.id == row.id, InvitationRow.public_key.is_(None))
                    .values(public_key=told.public_key)
                )
            row = await self._find(InvitationRow.id == row.id)
        if row is None or row.public_key != told.public_key or row.revoked_at is not None:
            raise NotAllowed(NOT_TAKEN)
        return row

    async def _redeemed(
        self, row: InvitationRow, told: Redemption, hub: "Hub", host: str, port: int
    ) -> InvitationRow:
        """As it stands afterwards."""
        name_gone = Conflict(f"The hub has another client '{row.name}' by now; ask for another invitation.")
        if await self._clients.has(row.owner, row.name) and not await self._is_client(row):
            raise name_gone
        try:
            node_id = await hub.let_in(row.name, told.public_key)
        except Conflict:  # the key was shut out
            raise NotAllowed(NOT_TAKEN) from None
        stands = (
            InvitationRow.id == row.id,
            InvitationRow.redeemed_at.is_(None),  # by another request of the same store
            InvitationRow.revoked_at.is_(None),
        )
        redeemed = update(InvitationRow).where(*stands).values(redeemed_at=self._clock.now(), node_id=node_id)
        try:
            async with self._database.transaction() as session:
                done = await session.execute(redeemed)
                if done.rowcount == 1:  # type: ignore[attr-defined]
                    await self._clients.take_in(
                        row.id, row.name, node_id, told, owner=row.owner, host=host, port=port
                    )
        except IntegrityError:
            await hub.shut_out(node_id)
            raise name_gone from None
        after = await self._find(InvitationRow.id == row.id)
        if after is None or after.redeemed_at is None:  # revoked, or replaced, in the meantime
            await hub.shut_out(node_id)
            raise NotAllowed(NOT_TAKEN)
        log.info("'%s', a store of %s, has joined as node %s.", row.name, row.owner, node_id)
        return after

    # ------------------------------------------------------------------- inside
    async def _put(self, earlier: InvitationRow | None, values: dict[str, Any]) -> None:
        """In the place of that one. Raises `Conflict` where it is not there any more, or has a client."""
        is_client = select(ClientRow.id).where(ClientRow.id == InvitationRow.id).exists()
        try:
            async with self._database.transaction() as session:
                if earlier is None:
                    await session.execute(insert(InvitationRow).values(values))
                    return
                replaced = update(InvitationRow).where(InvitationRow.id == earlier.id, ~is_client)
                done = await session.execute(replaced.values(values))
                if done.rowcount == 1:  # type: ignore[attr-defined]
                    return
        except IntegrityError:
            pass
        raise Conflict(f"'{values['name']}' has just joined, or is just being invited.")

    async def _end(self, row: InvitationRow) -> None:
        """Unless it was redeemed; and with it what a store has begun and not finished."""
        async with self._database.transaction() as session:
            await session.execute(
                update(InvitationRow)
                .where(
                    InvitationRow.id == row.id,
                    InvitationRow.redeemed_at.is_(None),
                    InvitationRow.revoked_at.is_(None),
                )
                .values(revoked_at=self._clock.now())
            )
        ended = await self._find(InvitationRow.id == row.id)
        if ended is not None and ended.redeemed_at is None and ended.public_key is not None:
            if self._hub is None:
                raise Unavailable(NO_STORES)
            await self._hub.shut_out_key(ended.public_key)

    async def _row(self, id: str) -> InvitationRow:
        row = await self._find(InvitationRow.id == id)
        if row is None:
            raise NotFound(f"No invitation {id}.")
        return row

    async def _find(self, *which: ColumnElement[bool]) -> InvitationRow | None:
        async with self._database.transaction(read_only=True) as session:
            found: InvitationRow | None = await session.scalar(select(InvitationRow).where(*which))
        return found

    async def _is_client(self, row: InvitationRow) -> bool:
        async with self._database.transaction(read_only=True) as session:
            return await session.scalar(select(ClientRow.id).where(ClientRow.id == row.id)) is not None

    def _issued(self, row: InvitationRow, *, is_client: bool) -> IssuedInvitation:
        state: InvitationState
        if row.redeemed_at is not None:
            state = "redeemed" if is_client else "revoked"
        elif row.revoked_at is not None:
            state = "revoked"
        else:
            state = "open" if self._clock.now() < row.expires_at else "expired"
        return IssuedInvitation(
            id=row.id,
            name=row.name,
            owner=row.owner,
            state=state,
            created_at=row.created_at,
            expires_at=row.expires_at,
            redeemed_at=row.redeemed_at,
        )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
