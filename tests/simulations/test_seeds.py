"""Histories from seeds: all of the store, gossip and disk, without the threads and sockets around it."""

import pytest

from simulations import schedule
from simulations.world import Violation

SEEDS, TOGETHER = 2000, 50


@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_no_history_loses_or_revives_anything(first: int) -> None:
    for seed in range(first, first + TOGETHER):
        try:
            schedule.run(seed)
        except Violation as violation:
            pytest.fail(f"{violation}\nTo see it again: {schedule.how_to_replay(seed)}")


def test_a_seed_is_one_history() -> None:
    def told() -> list[str]:
        lines: list[str] = []
        schedule.run(11, trace=lines.append)
        return lines

    assert told() == told()
