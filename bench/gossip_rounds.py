"""Promises `kv-converge` and `kv-bytes`: how soon, and in how few bytes, members hold the same. Simulated.

The code of real members, each with an SQLite of its own in memory; messages are encoded. Nothing is pushed:
what is measured is the repair that all else leans on, one exchange a second, begun by each member.
"""

import collections
import math
import random
import time
from datetime import UTC, datetime

import msgspec

from bench.report import Grid, Outcome, Promise, number
from bench.rounds import spread
from bench.run import Run
from feria.cluster.gossip import Gossip
from feria.cluster.messages import Message
from feria.cluster.replica import Replica
from feria.cluster.rows import Row
from feria.cluster.sqlite_disk import open_disk

NAME = "gossip_rounds"
SIZES = (3, 10, 100, 1000)
REPEATS = {3: 50, 10: 30, 100: 10, 1000: 3}
KEYS = (1_000, 100_000, 1_000_000)
VALUE = bytes(200)
ORIGINS = 3
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


class StandingClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 21, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class Members:
    def __init__(self, count: int, chance: random.Random) -> None:
        self.chance = chance
        self.replicas = [
            Replica(open_disk(None), StandingClock(), random.Random(chance.random())) for _ in range(count)
        ]
        self.gossips = [Gossip(of, chance, f"m{at}") for at, of in enumerate(self.replicas)]
        self.bytes = 0
        self.messages: collections.Counter[str] = collections.Counter()
        self._flying: list[tuple[int, int, bytes]] = []

    def exchange(self, pairs: list[tuple[int, int]]) -> None:
        """All of these at the same time: every first message is there before any answer is given."""
        for one, other in pairs:
            self.gossips[one].exchange(str(other))
            self._send(one)
        while self._flying:
            flying, self._flying = self._flying, []
            for sender, to, packed in flying:
                self.gossips[to].receive(str(sender), _decode(packed), 0.0)
                self._send(to)

    def round(self) -> None:
        count = len(self.gossips)
        self.exchange([(at, (at + self.chance.randrange(1, count)) % count) for at in range(count)])

    def _send(self, sender: int) -> None:
        self.gossips[sender].committing()
        self.replicas[sender].commit()
        for to, message in self.gossips[sender].take():
            packed = _encode(message)
            self.bytes += len(packed)
            self.messages[type(message).__name__] += 1
            self._flying.append((sender, int(to), packed))

    def finish(self, at: int) -> None:
        """Take over what has come in pages."""
        while self.gossips[at].has_work:
            self.gossips[at].work()
            self._send(at)

    def close(self) -> None:
        for replica in self.replicas:
            replica.disk.close()  # type: ignore[attr-defined]


def run(run: Run) -> Outcome:
    outcome = Outcome(NAME)
    rounds = [_rounds(run, count) for count in (SIZES[:2] if run.quick else SIZES)]
    outcome.grids.append(
        Grid(
            "Rounds until a write is everywhere, one exchange by each member a round",
            ("Members", "log2 N", "median", "most", "KiB sent by each"),
            [row for row, _ in rounds],
        )
    )
    outcome.promises += [promise for _, promise in rounds]
    lengths = [_lengths(run, keys) for keys in (KEYS[:1] if run.quick else KEYS)]
    outcome.grids.append(
        Grid(
            f"Bytes of one exchange, {ORIGINS} origins, values of {len(VALUE)} bytes",
            ("Keys", "nothing changed", "1 changed", "100 changed"),
            [row for row, _ in lengths],
        )
    )
    outcome.promises += [promise for _, promises in lengths for promise in promises]
    keys = 10_000 if run.quick else 1_000_000
    outcome.grids.append(
        Grid(
            "A new member takes over all rows, both ends on one core and in memory",
            ("Keys", "seconds", "keys/s", "MiB", "pages"),
            [_joins(run, keys)],
        )
    )
    return outcome


def _rounds(run: Run, count: int) -> tuple[list[str], Promise]:
    run.tell(f"{count:,} members")
    chance = random.Random(count)
    members = Members(count, chance)
    for replica in members.replicas:
        replica.write("seat", b"")
        replica.written.clear()
        replica.commit()
    while len({replica.vector.hash for replica in members.replicas}) > 1:
        members.round()
    taken, sent = [], []
    for turn in range(3 if run.quick else REPEATS[count]):
        writer = members.replicas[chance.randrange(count)]
        writer.write(f"k{turn}", VALUE)
        writer.written.clear()
        writer.commit()
        members.bytes, rounds = 0, 0
        while any(replica.disk.row(f"k{turn}") is None for replica in members.replicas):
            members.round()
            rounds += 1
        taken.append(float(rounds))
        sent.append(members.bytes / count / 1024)
    members.close()
    found, log = spread(taken), math.log2(count)
    row = [
        f"{count:,}",
        f"{log:.1f}",
        f"{found.median:.0f}",
        f"{found.high:.0f}",
        number(spread(sent).median),
    ]
    promise = Promise(
        "kv-converge",
        f"{found.high:.0f} rounds at most, {count:,} members",
        f"log2 N, N = {count:,}",
        f"{log:.1f}",
        found.high,
        f"≤ {log + 2:.1f}",
        False,
    )
    return row, promise


def _filled(keys: int, origins: int = ORIGINS, members: int = 2) -> Members:
    made = Members(members, random.Random(keys))
    disk = made.replicas[0].disk
    for at in range(keys):
        seq, origin = divmod(at, origins)
        disk.keep(Row(f"product/{at:08}", VALUE, 1, 1, origin + 1, seq + 1), at + 1)
    disk.commit()
    made.replicas[0].advance({origin + 1: keys // origins + 1 for origin in range(origins)})
    made.replicas[0].commit()
    made.replicas[0].rollback()
    return made


def _lengths(run: Run, keys: int) -> tuple[list[str], list[Promise]]:
    run.tell(f"{keys:,} keys on two members")
    members = _filled(keys)
    members.exchange([(1, 0)])
    members.finish(1)
    for _ in range(2):
        members.exchange([(1, 0)])
    found = []
    for changed in (0, 1, 100):
        for at in range(changed):
            members.replicas[0].write(f"product/{at:08}", VALUE)
        members.replicas[0].written.clear()
        members.replicas[0].commit()
        members.bytes = 0
        members.exchange([(1, 0)])
        found.append(members.bytes)
        members.exchange([(1, 0)])
    members.close()
    row = [f"{keys:,}", *(f"{size:,}" for size in found)]
    digest = sum(len(_encode((f"product/{at:08}", 1))) for at in range(keys))
    promises = [
        Promise(
            "kv-bytes",
            f"{found[1]} B, one change among {keys:,} keys",
            f"a digest of all {keys:,} keys",
            f"{digest / 2**20:,.2f} MiB",
            found[1],
            "≤ 500",
            False,
        ),
    ]
    return row, promises


def _joins(run: Run, keys: int) -> list[str]:
    run.tell(f"a new member takes over {keys:,} keys")
    members = _filled(keys)
    began = time.monotonic()
    members.exchange([(1, 0)])
    members.finish(1)
    seconds = time.monotonic() - began
    assert members.replicas[1].disk.counts() == (keys, 0)
    row = [
        f"{keys:,}",
        number(seconds),
        f"{keys / seconds:,.0f}",
        number(members.bytes / 2**20),
        f"{members.messages['Page']:,}",
    ]
    members.close()
    return row
