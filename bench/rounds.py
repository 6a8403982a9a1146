"""Taking turns: ours, the floor, the peer, ours, … so that what disturbs one disturbs all."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bench.contenders import Contender, Sample

CLIENT_BOUND = 0.9
"""Share of a core from which on the client, not the server, may be what is slow."""


@dataclass(frozen=True, slots=True)
class Spread:
    median: float
    low: float
    high: float


def spread(values: Iterable[float]) -> Spread:
    ordered = sorted(values)
    return Spread(statistics.median(ordered), ordered[0], ordered[-1])


@dataclass
class Rounds:
    """Samples by contender and connections, one a round."""

    samples: dict[tuple[str, int], list[Sample]] = field(default_factory=dict)

    def add(self, name: str, connections: int, sample: Sample) -> None:
        self.samples.setdefault((name, connections), []).append(sample)

    def figure(self, name: str, connections: int, of: Callable[[Sample], float]) -> Spread:
        return spread(of(sample) for sample in self.samples[name, connections])

    def rate(self, name: str, connections: int) -> Spread:
        return self.figure(name, connections, lambda sample: sample.rate)

    def ratio(self, name: str, other: str, connections: int) -> Spread:
        """Of the rates, round by round: a slow minute then slows both sides of the fraction."""
        pairs = zip(self.samples[name, connections], self.samples[other, connections], strict=True)
        return spread(ours.rate / theirs.rate for ours, theirs in pairs)


def take_turns(
    contenders: Sequence[Contender],
    connections: Sequence[int],
    rounds: int,
    seconds: float,
    tell: Callable[[str], object],
) -> Rounds:
    """Every contender at every number of connections, `rounds` times; each round another one begins."""
    taken = Rounds()
    for n in range(rounds):
        first = n % len(contenders)
        for many in connections:
            for contender in (*contenders[first:], *contenders[:first]):
                tell(f"round {n + 1} of {rounds}: {contender.name}, {many} connections")
                taken.add(contender.name, many, contender.measure(many, seconds))
    return taken
