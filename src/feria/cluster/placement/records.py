"""Tasks written down where all members read them: the journal of a node in a cluster.

Each task has a *keeper*, the member that accepted it, who alone writes its record: that it runs, how it
ended. A record that another member has written since is another's, and what the former keeper found out is
dropped: so a task has one end, whoever did its work, and how often.

Tasks of kinds that only this node can do, and all tasks of a node that is alone, stand in its database.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from feria.cluster.gossip_map import GossipMap
from feria.cluster.placement.fence import Fence
from feria.errors import Conflict, FeriaError, NotFound
from feria.storage.database import Database
from feria.storage.group_commit import GroupCommit
from feria.tasks.files import TaskFiles
from feria.tasks.journal import Journal, TakenOver, Values
from feria.tasks.wire import TaskState

log = logging.getLogger(__name__)

PREFIX = "task/"
PAYLOADS, RESULTS, FILES, KEYS, WISHES = (
    "task-payload/",
    "task-result/",
    "task-file/",
    "task-key/",
    "task-wish/",
)
APART_BYTES = 16 * 2**10
"""A longer payload or result has a row of its own, so that a record stays short each time it is written."""
RETRY_SECONDS = 1.0


class Record(msgspec.Struct, frozen=True):
    keeper: str
    id: str
    kind: str
    owner: str
    idempotency_key: str | None
    request_id: str
    priority: int
    payload: bytes | None
    """None where it is apart."""
    file: str | None
    state: str
    attempts: int
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    result: bytes | None
    result_apart: bool
    error: bytes | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode
_FINAL = {state.value for state in TaskState if state.final}


class KeptJournal(Journal):
    """`shares` says which new tasks all members are to know."""

    def __init__(
        self,
        rows: GossipMap,
        me: str,
        files: TaskFiles,
        fence: Fence,
        shares: Callable[[Values], bool],
        database: Database,
        changes: GroupCommit[Any, bool],
    ) -> None:
        super().__init__(database, changes, None)
        self._rows = rows
        self._me = me
        self._files = files
        self._fence = fence
        self._shares = shares
        self._versions: dict[str, int] = {}
        """Of the records that this member keeps, as it last wrote them."""

    def is_shared(self, task_id: str) -> bool:
        """Whether this member keeps a record of it that all know."""
        return task_id in self._versions

    def owns(self, values: Values) -> bool:
        return bool(values.get("keeper", self._me) == self._me)

    # ------------------------------------------------------------------------------- writing
    async def add(self, values: Values) -> None:
        if not self._shares(values):
            await super().add(values)
            return
        task_id = values["id"]
        if values["idempotency_key"] is not None:
            key = _key(values["owner"], values["idempotency_key"])
            try:
                await self._rows.put(key, task_id.encode(), if_version=0)
            except Conflict:
                raise Conflict("This idempotency key was used before.") from None
        if len(values["payload"]) > APART_BYTES:
            await self._rows.put(PAYLOADS + task_id, values["payload"])
        if values["file"] is not None:
            await self._rows.put_file(FILES + task_id, self._files.path(values["file"]))
        record = _encode(_record(values, self._me))
        self._versions[task_id] = (await self._rows.put(PREFIX + task_id, record, if_version=0)).version

    async def change(self, values: Values) -> None:
        task_id = values["id"]
        if task_id not in self._versions:
            await super().change(values)
            return
        while True:
            try:
                await self._changed(task_id, values)
                return
            except Conflict:
                self._versions.pop(task_id, None)
                raise TakenOver from None
            except FeriaError as error:
                log.warning("How task %s stands could not be written down: %s", task_id, error.message)
                await asyncio.sleep(RETRY_SECONDS)

    async def _changed(self, task_id: str, values: Values) -> None:
        await self._fence.passed()
        if task_id not in self._versions:
            raise Conflict("It is another's.")
        if len(values["result"] or b"") > APART_BYTES:
            await self._rows.put(RESULTS + task_id, values["result"])
        record = _encode(_record(values, self._me))
        put = await self._rows.put(PREFIX + task_id, record, if_version=self._versions[task_id])
        self._versions[task_id] = put.version
        if values["state"] in _FINAL:
            self._versions.pop(task_id, None)
            if values["file"] is not None:
                await self._rows.remove(FILES + task_id)
            await self._rows.remove(WISHES + task_id)

    async def change_anyones(self, values: Values) -> None:
        if "keeper" in values:
            await self.change(values)  # of this member: those of others are called off by their keepers
        else:
            await super().change_anyones(values)

    async def take(self, task_id: str) -> Values | None:
        """Become the keeper of a task whose keeper has gone; its file is here when this returns. None where
        it has ended, or changed under our hands. Raises `Unavailable` when its file is nowhere."""
        entry = await self._rows.get(PREFIX + task_id)
        if entry is None or (record := _decode(entry.value)).state in _FINAL:
            return None
        values = await self._values(record) | {"keeper": self._me, "state": TaskState.waiting.value}
        if record.file is not None:
            await self._rows.save(FILES + task_id, self._files.path(record.file))
        with contextlib.suppress(Conflict):
            put = await self._rows.put(
                PREFIX + task_id, _encode(_record(values, self._me)), if_version=entry.version
            )
            self._versions[task_id] = put.version
            return values
        return None

    async def delete(self, task_id: str) -> None:
        entry = await self._rows.get(PREFIX + task_id)
        if entry is None:
            await super().delete(task_id)
        else:
            await self._remove(_decode(entry.value))

    async def delete_of(self, owner: str) -> int:
        mine = [record for record in await self._records() if record.owner == owner]
        for record in mine:
            await self._remove(record)
        return len(mine) + await super().delete_of(owner)

    async def delete_expired(self, now: datetime) -> None:
        await super().delete_expired(now)
        for record in await self._records():
            if record.expires_at is not None and record.expires_at < now:
                await self._remove(record)

    async def _remove(self, record: Record) -> None:
        self._versions.pop(record.id, None)
        apart = [RESULTS, FILES, WISHES] + ([PAYLOADS] if record.payload is None else [])
        for prefix in apart:
            await self._rows.remove(prefix + record.id)
        if record.idempotency_key is not None:
            await self._rows.remove(_key(record.owner, record.idempotency_key))
        await self._rows.remove(PREFIX + record.id)

    # ------------------------------------------------------------------------------- reading
    async def find(self, task_id: str) -> Values | None:
        if not task_id.isalnum():
            return None
        entry = await self._rows.get(PREFIX + task_id)
        return await super().find(task_id) if entry is None else await self._values(_decode(entry.value))

    async def find_key(self, owner: str, key: str) -> Values | None:
        entry = await self._rows.get(_key(owner, key))
        found = None if entry is None else await self.find(entry.value.decode())
        return found or await super().find_key(owner, key)

    async def unfinished(self) -> Sequence[Values]:
        """Those of this member."""
        mine = []
        for entry in await self._rows.scan(PREFIX):
            record = _decode(entry.value)
            if record.keeper == self._me and record.state not in _FINAL:
                self._versions[record.id] = entry.version
                mine.append(await self._values(record))
        return [*await super().unfinished(), *mine]

    async def newest(
        self,
        *,
        owner: str | None,
        state: TaskState | None,
        kind: str | None,
        before: str | None,
        limit: int,
    ) -> Sequence[Values]:
        here = await super().newest(owner=owner, state=state, kind=kind, before=before, limit=limit)
        shared = [
            msgspec.structs.asdict(record) | {"payload": b"", "result": None}
            for record in await self._records()
            if owner in {None, record.owner} and kind in {None, record.kind}
            if (state is None or record.state == state.value) and (before is None or record.id < before)
        ]
        return sorted([*here, *shared], key=lambda values: str(values["id"]), reverse=True)[:limit]

    async def of_owner(self, owner: str) -> Sequence[Values]:
        shared = [await self._values(record) for record in await self._records() if record.owner == owner]
        return [*await super().of_owner(owner), *shared]

    async def unfinished_of(self, owner: str) -> Sequence[str]:
        shared = [r.id for r in await self._records() if r.owner == owner and r.state not in _FINAL]
        return [*await super().unfinished_of(owner), *shared]

    async def _records(self) -> list[Record]:
        return [_decode(entry.value) for entry in await self._rows.scan(PREFIX)]

    async def _values(self, record: Record) -> Values:
        values = msgspec.structs.asdict(record)
        if record.payload is None:
            values["payload"] = await self._apart(PAYLOADS + record.id)
        if record.result_apart:
            values["result"] = await self._apart(RESULTS + record.id)
        return values

    async def _apart(self, key: str) -> bytes:
        entry = await self._rows.get(key)
        if entry is None:
            raise NotFound("The task is known, and a part of it has not come here yet. Ask again.")
        return entry.value


def read(value: bytes) -> Record:
    """A record as its row holds it."""
    return _decode(value)


def _record(values: Values, keeper: str) -> Record:
    fields = {name: values[name] for name in Record.__struct_fields__ if name in values}
    fields["keeper"] = keeper
    if len(values["payload"]) > APART_BYTES:
        fields["payload"] = None
    fields["result_apart"] = len(values["result"] or b"") > APART_BYTES
    if fields["result_apart"]:
        fields["result"] = None
    return Record(**fields)


def _key(owner: str, key: str) -> str:
    return KEYS + hashlib.blake2b(f"{owner}\0{key}".encode(), digest_size=20).hexdigest()
