"""The simulator is worth what it notices: where chance puts a rule to the test, its absence is found."""

import pytest

from simulations import schedule
from simulations.mutants import MUTANTS
from simulations.world import Violation

MOST = 200
"""Histories looked at; the rarest of these is noticed about once in twenty."""
BY_CHANCE = (
    "R1 the vector moves at the first page",
    "R1 the vector moves with each row of a page",
    "R4 versions begin at 1 again",
    "R5 tombstones go when this member knows them",
    "R5 tombstones go without the silent",
    "R8 a restored disk goes on in its epoch",
    "R9 messages leave before the commit",
    "R9 messages leave before it is durable",
    "pushes are taken over a gap",
    "the wall clock chooses",
)
"""The others take a history made for them: `test_rules.py`, which has one for each."""


@pytest.mark.parametrize("rule", BY_CHANCE)
def test_histories_from_seeds_miss_the_rule(rule: str) -> None:
    for seed in range(MOST):
        try:
            schedule.run(seed, MUTANTS[rule])
        except Violation:
            return
    pytest.fail(f"{MOST} histories without this rule, and nothing was wrong with any")
