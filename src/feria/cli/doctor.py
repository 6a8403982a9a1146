"""`feria doctor`: looks at all that a node stands on, and says what to do about it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

from feria.cli import screen
from feria.cli.finding import read_settings
from feria.cli.options import HomeCommand, Json
from feria.errors import FeriaError

if TYPE_CHECKING:
    from feria.cli.node_lock import Reach
    from feria.settings import Settings


class Verdict(StrEnum):
    ok = "ok"
    warn = "warn"
    fail = "fail"


STYLES = {Verdict.ok: "green", Verdict.warn: "yellow", Verdict.fail: "bold red"}


@dataclass(frozen=True)
class Finding:
    check: str
    verdict: Verdict
    sentence: str


@dataclass(frozen=True)
class Patient:
    settings: "Settings"
    reach: "Reach | None"
    """The node that runs on this home, if one does."""
    report: screen.Report
    """Told what takes long."""


Findings = AsyncIterator[tuple[Verdict, str]]
Check = Callable[[Patient], Findings]

ok, warn, fail = Verdict.ok, Verdict.warn, Verdict.fail

SECONDS_OFF = 2.0
"""Clocks that differ by more are worth a word."""

app = typer.Typer()


@app.command(cls=HomeCommand, rich_help_panel="A node")
def doctor(as_json: Json = False) -> None:
    """Look whether a node is well, or would be if it ran, and say what to do.

    Looks at Python and its packages, the home, disk, memory, port, clock,
    certificate, database, models, tokens and Redis. Changes nothing, and may be
    run beside a node. Exits with 1 when something has to be done.

    \b
    Examples:
        feria doctor
        feria doctor --home /srv/feria --json
    """
    settings = read_settings()

    def show(finding: Finding) -> None:
        if not as_json:
            _show(finding)

    findings = asyncio.run(_examine(settings, show))
    well = all(finding.verdict is not Verdict.fail for finding in findings)
    if as_json:
        said = {"ok": well, "findings": [asdict(finding) for finding in findings]}
        screen.say(json.dumps(said, ensure_ascii=False, indent=2))
    if not well:
        raise typer.Exit(1)


async def _examine(settings: "Settings", show: Callable[[Finding], None]) -> list[Finding]:
    from feria.cli import data_health, machine_health

    findings: list[Finding] = []
    with screen.progress() as report:
        patient = Patient(settings, machine_health.running_node(settings.home), report)
        for check in (*machine_health.CHECKS, *data_health.CHECKS):
            name = check.__name__
            async for verdict, sentence in _safely(check, patient):
                findings.append(Finding(name, verdict, sentence))
                show(findings[-1])
    return findings


async def _safely(check: Check, patient: Patient) -> Findings:
    """What stops a check is a finding too."""
    try:
        async for found in check(patient):
            yield found
    except FeriaError as error:
        yield Verdict.fail, error.message
    except Exception as error:
        yield Verdict.fail, f"This could not be looked at: {type(error).__name__}: {str(error)[:300]}"


def _show(finding: Finding) -> None:
    from rich.text import Text

    verdict = Text(f"{finding.verdict:<6}", STYLES[finding.verdict])
    screen.console().print(Text.assemble(verdict, f"{finding.check:<12}", finding.sentence), soft_wrap=True)
