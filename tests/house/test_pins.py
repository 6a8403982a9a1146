"""constraints.txt is one exact, sorted set without addresses that covers all that is asked for."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
APART = {"gradio"}
"""Extras for an environment of their own, since they do not agree with the set (decision 2)."""
LINES = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def test_every_line_is_an_exact_pin() -> None:
    assert [line for line in LINES if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)] == []


def test_pins_are_sorted_and_none_stands_twice() -> None:
    names = [line.partition("==")[0] for line in LINES]
    assert names == sorted(set(names))


def test_everything_asked_for_is_pinned() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = asked["project"]["optional-dependencies"]
    wishes = [
        *asked["build-system"]["requires"],
        *asked["project"]["dependencies"],
        *(wish for name, extra in extras.items() if name not in APART for wish in extra),
        *(wish for group in asked["dependency-groups"].values() for wish in group),
    ]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=! ;]", wish)[0]).lower() for wish in wishes}
    assert names - {line.partition("==")[0] for line in LINES} == set()
