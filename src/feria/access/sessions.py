"""Browsers that signed in with a token."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete

from feria.access.memory import Remembered
from feria.access.tables import SessionRow
from feria.access.tokens import Holder, Tokens
from feria.clock import Clock
from feria.errors import NotAllowed
from feria.storage.database import Database


class Sessions:
    """A session is worth what its token is worth, and ends with it."""

    def __init__(self, database: Database, tokens: Tokens, clock: Clock, *, hours: float) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._length = timedelta(hours=hours)
        self._rows: Remembered[str, SessionRow] = Remembered(self._find, clock)

    async def open(self, holder: Holder) -> tuple[str, datetime]:
        """A new session's cookie, and when it ends."""
        if holder.id is None:
            raise NotAllowed("A browser signs in with a token of its own: `feria tokens create`.")
        cookie, now = secrets.token_hex(32), self._clock.now()
        ends = now + self._length
        async with self._database.transaction() as session:
            await session.execute(delete(SessionRow).where(SessionRow.expires_at < now))
            session.add(SessionRow(id=_digest(cookie), token_id=holder.id, expires_at=ends))
        return cookie, ends

    def knows(self, cookie: str) -> bool:
        """Whether that session was recognised a moment ago."""
        return _digest(cookie) in self._rows

    async def recognise(self, cookie: str) -> Holder | None:
        row = await self._rows.get(_digest(cookie))
        if row is None or row.expires_at <= self._clock.now():
            return None
        return await self._tokens.holder(row.token_id)

    async def close(self, cookie: str) -> None:
        id = _digest(cookie)
        async with self._database.transaction() as session:
            await session.execute(delete(SessionRow).where(SessionRow.id == id))
        self._rows.forget(id)

    async def _find(self, id: str) -> SessionRow | None:
        async with self._database.transaction(read_only=True) as session:
            return await session.get(SessionRow, id, populate_existing=True)


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
