"""Chance that falls the same way on every machine and under every version of NumPy."""

import zlib
from collections.abc import Sequence
from typing import TypeVar

from numpy.random import PCG64, SeedSequence

T = TypeVar("T")


class Dice:
    """Numbers that follow from a word and some seeds alone.

    NumPy keeps the raw stream of a bit generator for ever, while `Generator`'s methods may change; so only
    raw bits are drawn here, and never Python's `hash()`.
    """

    def __init__(self, word: str, *seeds: int) -> None:
        self._bits = PCG64(SeedSequence([zlib.crc32(word.encode()), *seeds]))

    def roll(self) -> float:
        """From 0 to 1, 1 left out."""
        return (int(self._bits.random_raw()) >> 11) * 2.0**-53

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.roll()

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends taken in."""
        return low + int(self.roll() * (high - low + 1))

    def chance(self, share: float) -> bool:
        return self.roll() < share

    def choose(self, among: Sequence[T]) -> T:
        return among[int(self.roll() * len(among))]

    def shuffle(self, things: Sequence[T]) -> list[T]:
        keys = [self.roll() for _ in things]
        return [things[at] for at in sorted(range(len(things)), key=keys.__getitem__)]
