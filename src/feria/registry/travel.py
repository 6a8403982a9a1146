"""Which files of the shelf a member has, and how the others come to it.

Rows are everywhere; files are fetched: by policy before anybody asks, and otherwise when a model is first
used. What came with feria is not: every node brings its own.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from feria.access.wire import HOUSE
from feria.cluster.files import Files
from feria.cluster.holdings import Holdings
from feria.cluster.member import Member
from feria.errors import Busy, Corrupt, FeriaError, NotFound, Unavailable
from feria.registry.rows import Row
from feria.registry.wire import State
from feria.settings import ClusterSettings

log = logging.getLogger(__name__)

RETRY_SECONDS = 10.0
"""Time after which files that no member could give are asked for again."""

ReadRows = Callable[[], Awaitable[Sequence[Row]]]
Arrived = Callable[[str], Awaitable[None]]
"""Told the name of a model of which a file came."""


class Travel:
    """Made by `open_travel`. `rows` reads the whole shelf."""

    def __init__(self, files: Files, holdings: Holdings, member: Member, settings: ClusterSettings) -> None:
        self._files = files
        self._holdings = holdings
        self._member = member
        self._settings = settings
        self._news = asyncio.Event()
        self._works: set[asyncio.Task[None]] = set()
        self.arrived: Arrived | None = None
        self.rows: ReadRows | None = None

    def holds(self, digest: str) -> bool:
        return self._files.holds(digest)

    def share(self, digest: str) -> float:
        """How much of that file is on this member, 0 to 1."""
        return self._files.share(digest)

    def look(self) -> None:
        """The shelf, or what is held of it, has changed."""
        self._news.set()

    def begin(self, work: Awaitable[None]) -> None:
        """Have something go on by itself; what it raises is told in the log."""
        task = asyncio.ensure_future(_told(work))
        self._works.add(task)
        task.add_done_callback(self._works.discard)

    async def fetch(self, row: Row) -> None:
        """Have the file here, however long it takes. Raises `Unavailable` when nobody that answers has it."""
        manifest, digest = row.manifest, row.model.digest
        if manifest is None:
            raise NotFound(
                f"No file {digest[:12]}… on this node, and its row does not say what it is made of."
            )
        held = self._files.holds(digest)
        fetching = self._files.fetch(manifest, lambda: self._holdings.holders(digest))
        try:
            await asyncio.shield(fetching)
        except Unavailable as error:
            if type(error) is not Unavailable:
                raise
            holders = self._holdings.holders(digest)
            known = f"{', '.join(sorted(holders))} had it last" if holders else "nobody says to have it"
            raise Unavailable(
                f"The file of {row.model.reference} is not on this node, and no member that answers has all "
                f"of it: {known}. It comes when such a member is back.",
                holders=sorted(holders),
            ) from None
        if not held:
            log.info("The file of %s came.", row.model.reference)
        self.look()
        if self.arrived is not None:
            await self.arrived(row.model.name)

    async def bring(self, row: Row, seconds: float) -> None:
        """`fetch`, for who waits so long at most. Raises `Busy` when it takes longer; it goes on."""
        fetching = asyncio.ensure_future(self.fetch(row))
        self._works.add(fetching)
        fetching.add_done_callback(self._works.discard)
        done, _ = await asyncio.wait([fetching], timeout=seconds)
        if not done:
            fetching.add_done_callback(_heard)
            raise Busy(
                f"The file of {row.model.reference} is on its way here; {self.share(row.model.digest):.0%} "
                "has come. Ask again.",
                retry_after=5.0,
            )
        await fetching

    @contextlib.asynccontextmanager
    async def going_on(self) -> AsyncGenerator[None]:
        """Begins when everybody who wants to hear of files that came has said so."""
        keeping = asyncio.create_task(self.keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def close(self) -> None:
        works = list(self._works)
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    async def keep(self) -> None:
        """Fetch what is this member's to hold, and tell others what it holds, for ever."""
        while True:
            self._news.clear()
            missing: list[Row] = []
            try:
                missing = await self._look_round()
            except FeriaError as error:
                log.warning("What is held of the shelf could not be told: %s", error.message)
            for row in missing:
                try:
                    await self.fetch(row)
                except Corrupt as error:
                    log.error(
                        "The file of %s is not what its row says: %s", row.model.reference, error.message
                    )
                except FeriaError as error:
                    log.info("%s is not here yet: %s", row.model.reference, error.message)
                if self._news.is_set():
                    break  # what was published meanwhile comes first
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await self._news.wait()

    async def _look_round(self) -> list[Row]:
        """Files that are this member's to hold and are not here, the latest first."""
        assert self.rows is not None
        rows = [row for row in await self.rows() if row.model.state is not State.deleted]
        self._files.know(manifest for row in rows if (manifest := row.manifest) is not None)
        if self._member.network is None:
            return []
        held = {row.model.digest for row in rows if self._files.holds(row.model.digest)}
        await self._holdings.say(held)
        if self._member.has_left:
            return []
        missing = [
            row for row in rows if row.model.digest not in held and row.manifest and self._is_mine(row)
        ]
        return sorted(missing, key=lambda row: row.model.published_at, reverse=True)

    def _is_mine(self, row: Row) -> bool:
        if row.model.owner == HOUSE:
            return False
        if self._settings.keep_models == "some":
            members = sorted(
                [self._member.id, *self._member.live()], key=lambda id: _order(id, row.model.digest)
            )
            return self._member.id in members[: self._settings.model_copies]
        return self._settings.keep_models == "all"


def _order(member: str, digest: str) -> bytes:
    """Whoever comes first holds it: members agree without a word, and when one goes, little moves (rendezvous
    hashing, Thaler and Ravishankar 1998)."""
    return hashlib.blake2b(member.encode(), key=bytes.fromhex(digest)).digest()


async def _told(work: Awaitable[None]) -> None:
    try:
        await work
    except FeriaError as error:
        log.info("Put off: %s", error.message)
    except Exception:
        log.exception("Something failed when the shelf had changed.")


def _heard(task: "asyncio.Task[None]") -> None:
    """Who waited has gone; nobody else need hear what it raises."""
    if not task.cancelled():
        task.exception()


@contextlib.asynccontextmanager
async def open_travel(
    files: Files, holdings: Holdings, member: Member, settings: ClusterSettings
) -> AsyncGenerator[Travel]:
    """What is asked for comes as long as the block lasts; by policy, as long as that of `going_on` does."""
    await holdings.open()
    travel = Travel(files, holdings, member, settings)
    try:
        yield travel
    finally:
        await travel.close()
