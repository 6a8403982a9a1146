"""Which member holds which files, as each of them says in a row of its own."""

from collections.abc import Collection

from feria.cluster.maps import ReplicatedMap

PREFIX = "holds/"
SHORT_BYTES = 8
"""Of a sha256: who is mistaken asks in vain, and is told so."""


class Holdings:
    """`open` first. What others say may be old by some milliseconds, or by as long as they were away."""

    def __init__(self, rows: ReplicatedMap, me: str) -> None:
        self._rows = rows
        self._me = me
        self._held: dict[str, frozenset[bytes]] = {}
        self._said: bytes | None = None

    async def open(self) -> None:
        for entry in await self._rows.scan(PREFIX):
            self._hear(entry.key, entry.value)
        self._rows.subscribe(PREFIX, self._changed)

    async def say(self, sha256s: Collection[str]) -> None:
        """Tell everybody that these files are here, and no others of the shelf. Raises what `put` raises."""
        value = b"".join(sorted(map(_short, sha256s)))
        if value != self._said:
            await self._rows.put(PREFIX + self._me, value)
            self._said = value

    def holders(self, sha256: str) -> list[str]:
        """Ids of the members that say they have it."""
        short = _short(sha256)
        return [member for member, held in self._held.items() if short in held]

    def counts(self) -> dict[str, int]:
        """How many files each member says to have, by its id."""
        return {member: len(held) for member, held in self._held.items()}

    def holds(self, member: str, sha256: str) -> bool:
        return _short(sha256) in self._held.get(member, frozenset())

    async def _changed(self, key: str) -> None:
        entry = await self._rows.get(key)
        self._hear(key, None if entry is None else entry.value)

    def _hear(self, key: str, value: bytes | None) -> None:
        member = key.removeprefix(PREFIX)
        if value is None:
            self._held.pop(member, None)
            return
        places = range(0, len(value), SHORT_BYTES)
        self._held[member] = frozenset(value[at : at + SHORT_BYTES] for at in places)
        if member == self._me:
            self._said = value


def _short(sha256: str) -> bytes:
    return bytes.fromhex(sha256)[:SHORT_BYTES]
