"""Was a promise broken? Judged by what clients saw and what each node holds in the end, and by nothing else.

The names are those of the simulator's checks (cluster/ALGORITHM.md):

- **C1** no write that was answered is lost: a key ends at its greatest answered version or above, with a
  value that somebody wrote and was not refused, and is gone only if a deletion was its last version. What
  one disk alone held when it was set back is excused.
- **C2** all nodes end with the same keys, versions and values.
- **C4** at one node versions of a key do not go back, from the end of one request to the begin of another,
  also across kill -9, unless the node's disk was set back between them.
- **Conditions**: at one node no two writes succeed that demanded the same version of one key.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from real_nodes.history import Event, Operation, Restored

Final = Mapping[int, Mapping[str, tuple[int, str]]]
"""What each node shows in the end: version and value of each key."""


@dataclass(frozen=True)
class Found:
    violations: list[str]
    excused: int
    """Answered writes that only a disk held which was set back."""


def check(events: Iterable[Event], final: Final) -> Found:
    events = list(events)
    operations = [one for one in events if isinstance(one, Operation)]
    restored = [one for one in events if isinstance(one, Restored)]
    excused = {id(one) for one in operations if any(_is_excused(one, back) for back in restored)}
    by_key: dict[str, list[Operation]] = defaultdict(list)
    for one in operations:
        by_key[one.key].append(one)
    violations = _differences(final)
    for node, shown in final.items():
        for key in by_key.keys() | shown.keys():
            said = _lost(by_key.get(key, []), excused, shown.get(key), anew=bool(restored))
            if said is not None:
                violations.append(f"C1: n{node} ends with {key} at {shown.get(key)}: {said}")
    violations += _backwards(operations, restored)
    violations += _twice(operations, restored)
    return Found(violations, len(excused))


def _is_excused(one: Operation, back: Restored) -> bool:
    return (
        one.kind != "get"
        and one.node == back.node
        and one.outcome == "done"
        and one.returned > back.since
        and one.invoked < back.ended
        and max(back.held.get(one.key, [0])) < one.version
    )


def _lost(
    operations: list[Operation], excused: set[int], shown: tuple[int, str] | None, *, anew: bool
) -> str | None:
    """What is wrong with a key's end, where something is."""
    writes = [one for one in operations if one.kind != "get" and one.outcome != "refused"]
    answered = [one for one in writes if one.outcome == "done" and id(one) not in excused]
    if shown is None:
        last = max((one.version for one in answered if one.kind == "put"), default=0)
        deletions = [one for one in writes if one.kind == "delete"]
        if last and not any(one.outcome == "unknown" or one.version >= last for one in deletions):
            return f"version {last} was answered and nobody deleted it"
        return None
    version, value = shown
    author = next((one for one in writes if one.kind == "put" and one.value == value), None)
    if author is None:
        return "nobody wrote that, or it was refused"
    greatest = max((one.version for one in answered), default=0)
    if greatest > version:
        return f"version {greatest} was answered"
    # A member that comes back from before deletions which are forgotten writes its rows anew, one above.
    if author.outcome == "done" and author.version != version and not (anew and author.version < version):
        return f"that value was answered as version {author.version}"
    return None


def _differences(final: Final) -> list[str]:
    (first, expected), *others = final.items()
    return [
        f"C2: {key} is {expected.get(key)} at n{first}, {shown.get(key)} at n{node}"
        for node, shown in others
        for key in sorted(expected.keys() | shown.keys())
        if expected.get(key) != shown.get(key)
    ]


def _backwards(operations: list[Operation], restored: list[Restored]) -> list[str]:
    seen: dict[tuple[int, str], list[Operation]] = defaultdict(list)
    for one in operations:
        if one.version and (one.outcome == "done" or one.kind == "get"):
            seen[one.node, one.key].append(one)
    found = []
    for (node, key), there in seen.items():
        ends = [back.ended for back in restored if back.node == node]
        ended = sorted(there, key=lambda one: one.returned)
        place, highest, lives = 0, 0, 0
        for one in sorted(there, key=lambda one: one.invoked):
            while place < len(ended) and ended[place].returned <= one.invoked:
                before = sum(end < ended[place].returned for end in ends)
                if before > lives:  # the first of what came after the disk was set back
                    highest, lives = 0, before
                highest = max(highest, ended[place].version)
                place += 1
            now = sum(end < one.invoked for end in ends)
            least = 0 if now > lives else highest + (one.kind != "get")
            if one.version < least:
                found.append(f"C4: n{node} had {key} at version {highest}, then answered {_told(one)}")
    return found


def _twice(operations: list[Operation], restored: list[Restored]) -> list[str]:
    demanded: dict[tuple[int, str, int, int], Operation] = {}
    found = []
    for one in operations:
        if one.base is None or one.outcome != "done":
            continue
        if one.version <= one.base:
            found.append(f"Conditions: {one.key} went from version {one.base} to {one.version}")
        life = sum(back.node == one.node and back.ended < one.returned for back in restored)
        other = demanded.setdefault((one.node, one.key, one.base, life), one)
        if other is not one and one.base:  # 0, not there, may come to be so again
            found.append(f"Conditions: n{one.node} answered both {_told(other)} and {_told(one)}")
    return found


def _told(one: Operation) -> str:
    demanded = "" if one.base is None else f" if at {one.base}"
    return f"{one.kind} {one.key}{demanded}: version {one.version} at {one.invoked:.3f}"
