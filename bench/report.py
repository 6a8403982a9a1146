"""Figures for people and for programs: tables, `bench/results.json`, `docs/benchmarks.md`."""

import datetime
import json
import operator
import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from bench.rounds import CLIENT_BOUND, Rounds, Spread
from bench.yardstick import yardstick

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"
PACKAGES = ("feria", "onnxruntime", "scikit-learn", "numpy", "uvicorn", "uvloop", "httptools", "fastapi")
COMPARE = {"≥": operator.ge, "<": operator.lt, "≤": operator.le}


@dataclass(frozen=True)
class Grid:
    """A table; the columns from the second on hold numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def rich(self) -> Table:
        table = Table(title=self.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for i, column in enumerate(self.columns):
            table.add_column(column, justify="right" if i else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        head = f"| {' | '.join(self.columns)} |\n|---|{'---:|' * (len(self.columns) - 1)}\n"
        body = "".join(f"| {' | '.join(row)} |\n" for row in self.rows)
        return f"**{self.title}**\n\n{head}{body}"


@dataclass(frozen=True)
class Promise:
    """One line of `bench/results.json`. `against` says what `theirs` is a figure of."""

    id: str
    ours: str
    against: str
    theirs: str
    value: float
    """What the target is about: the ratio, or our figure where there is no other."""
    target: str
    """Such as `≥ 0.8` or `< 2 s`."""
    is_ratio: bool = True

    @property
    def met(self) -> bool:
        sign, number = self.target.split()[:2]
        return bool(COMPARE[sign](self.value, float(number)))

    def row(self, date: str, versions: dict[str, str]) -> dict[str, Any]:
        return {
            "promise": self.id,
            "ours": self.ours,
            "floor_or_peer": f"{self.against}: {self.theirs}" if self.theirs else self.against,
            "ratio": round(self.value, 3) if self.is_ratio else None,
            "target": self.target,
            "met": self.met,
            "machine": machine(),
            "versions": versions,
            "date": date,
        }


@dataclass
class Outcome:
    """What one script found."""

    name: str
    grids: list[Grid] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    """Of software beyond our own."""


def write(outcome: Outcome, results: Path = RESULTS, page: Path = PAGE) -> None:
    """Put one script's figures in the place of its last ones; everything else stays."""
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    known = versions() | outcome.versions
    held = json.loads(results.read_text(encoding="utf-8")) if results.exists() else []
    rows = merged(held, [promise.row(date, known) for promise in outcome.promises])
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    results.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    text = replaced(text, "promises", overview(rows))
    page.write_text(replaced(text, outcome.name, section(outcome, date, known)), encoding="utf-8")


def merged(held: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The new rows instead of those of the same promise against the same other."""

    def key(row: dict[str, Any]) -> tuple[str, str]:
        return row["promise"], row["floor_or_peer"].partition(":")[0]

    fresh = {key(row) for row in new}
    return sorted([row for row in held if key(row) not in fresh] + new, key=key)


def replaced(page: str, name: str, text: str) -> str:
    """The page with the text between the markers of that name. Raises `ValueError` where there are none."""
    start, end = f"<!-- bench: {name} -->\n", f"<!-- end: {name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.S)
    made, times = pattern.subn(lambda _: f"{start}\n{text.strip()}\n\n{end}", page)
    if times != 1:
        raise ValueError(f"The page has {times} places for {name!r}.")
    return made


def overview(rows: list[dict[str, Any]]) -> str:
    columns = ("Promise", "Ours", "Beside", "Ratio", "Target", "Met", "Date")
    lines = [
        (
            f"`{row['promise']}`",
            row["ours"],
            row["floor_or_peer"],
            "" if row["ratio"] is None else f"{row['ratio']:.2f}",
            row["target"],
            "yes" if row["met"] else "**no**",
            row["date"],
        )
        for row in rows
    ]
    return Grid("What was promised and what was measured", columns, lines).markdown()


def section(outcome: Outcome, date: str, known: dict[str, str]) -> str:
    stated = ", ".join(f"{name} {number}" for name, number in known.items())
    parts = [grid.markdown() for grid in outcome.grids]
    parts += ["\n".join(f"- {note}" for note in outcome.notes)] if outcome.notes else []
    parts.append(f"Measured {date} on {machine()}; {stated}.")
    return "\n\n".join(part.strip() for part in parts)


# ------------------------------------------------------------------- figures in words
def number(value: float) -> str:
    """Three figures that matter, and all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def ranged(spread: Spread) -> str:
    return f"{number(spread.median)} ({number(spread.low)}–{number(spread.high)})"


def rates(title: str, rounds: Rounds, floor: str) -> Grid:
    """All contenders by connections, each beside the floor. (!) is where the client may be what is slow."""
    columns = ["Contender", "Connections", "Items/s", "p50 ms", "p99 ms", "CPU ms/item", "RSS MiB"]
    columns += ["Client's core", f"of {floor}"]
    rows = []
    for name, many in sorted(rounds.samples, key=lambda key: key[1]):
        of = partial(rounds.figure, name, many)
        client = of(lambda sample: sample.client).median
        rows.append(
            (
                name,
                str(many),
                ranged(of(lambda sample: sample.rate)),
                ranged(of(lambda sample: sample.p50)),
                ranged(of(lambda sample: sample.p99)),
                number(of(lambda sample: sample.cpu).median),
                number(of(lambda sample: sample.rss).median),
                f"{client:.0%}{' (!)' if client > CLIENT_BOUND else ''}" if client else "–",
                "1" if name == floor else ranged(rounds.ratio(name, floor, many)),
            )
        )
    return Grid(title, columns, rows)


def machine() -> str:
    """Processor, cores, memory, system, and how quick it was when measured."""
    told = Path("/proc/cpuinfo")
    model = re.search(
        r"^model name\s*:\s*(.+)$", told.read_text(encoding="utf-8") if told.exists() else "", re.M
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name = model[1].strip() if model else platform.machine()
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{name}, {os.cpu_count()} cores, {memory:.0f} GiB, {system} ({yardstick()})"


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
