"""A federated job as people watch it: drawn anew on a terminal, a line a round elsewhere."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from feria.cli import screen
from feria.federation.jobs_wire import Job, JobClient, JobState, Round

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from feria.client import AsyncClient

SHOWN = 24
"""Clients at most; of more, those that there is something to say of come first."""
REDRAWN = 0.3
LIGHTS = {
    "training": "cyan",
    "connected": "green",
    "completed": "green",
    "slow": "yellow",
    "error": "red",
    "offline": "red",
    "pending": "dim",
}
ORDER = {name: place for place, name in enumerate(("error", "offline", "slow", "training"))}


async def watch(client: "AsyncClient", number: int) -> Job:
    """Until the job has ended; the job as it is then. Raises `NotFound`."""
    job = await client.job(number)
    if not job.state.final:
        show = _live if screen.console(stderr=True).is_terminal else _lines
        await show(client, job)
    return await client.job(number)


async def _lines(client: "AsyncClient", job: Job) -> None:
    def tell(_: int, event: Mapping[str, Any]) -> None:
        match event["event"]:
            case "round_ended" if event["round"] > 0:
                screen.note(_round_line(event, job.rounds))
            case "waiting":
                screen.note(event["reason"])
            case "failed":
                screen.note(f"{event['name']}: {event['reason']}")
            case "straggled":
                screen.note(f"{event['name']} did not answer in time.")

    await client.follow_job(job, tell)


def _round_line(event: Mapping[str, Any], rounds: int) -> str:
    measured = event["evaluate"] or event["train"]
    told = "".join(
        f", {name} {measured[name]:.3f}"
        for name in ("accuracy", "auc", "loss")
        if isinstance(measured.get(name), float)
    )
    spent = "" if event["epsilon"] is None else f", ε {event['epsilon']:.2f}"
    return (
        f"Round {event['round']}{_of(rounds)}: {event['replies']} clients{told}{spent}, "
        f"{event['seconds']:.1f} s"
    )


async def _live(client: "AsyncClient", job: Job) -> None:
    from rich.live import Live

    following = asyncio.ensure_future(client.follow_job(job))
    with Live(console=screen.console(stderr=True), auto_refresh=False) as live:
        try:
            while not following.done():
                live.update(await _picture(client, job.number), refresh=True)
                await asyncio.wait([following], timeout=REDRAWN)
            await following
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
        live.update(await _picture(client, job.number), refresh=True)


async def _picture(client: "AsyncClient", number: int) -> "RenderableType":
    from rich.console import Group
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    job = await client.job(number)
    clients = await client.job_clients(number)
    return Group(
        Text(sentence(job), style="bold"),
        # Padding gives it a line of its own.
        Padding(ProgressBar(total=job.rounds or None, completed=_done(job), width=60), 0),
        clients_table(clients),
        Text(_health(job), style="dim"),
    )


def _done(job: Job) -> float:
    """Rounds, and of the one under way the share of its clients that have answered."""
    if job.state is JobState.completed:
        return job.rounds
    return max(0.0, job.round - 1 + job.health.round_completion)


def sentence(job: Job) -> str:
    order = job.order
    who = f"Job {job.number}: {order.model}, {order.method}"
    match job.state:
        case JobState.running:
            return f"{who}; {progress(job)}."
        case JobState.waiting:
            return f"{who}; {job.waiting_for}"
        case JobState.pending:
            return f"{who}; waits for its turn."
    return f"{who}; {job.state.value} after {progress(job)}."


def progress(job: Job) -> str:
    return f"round {job.round}{_of(job.rounds)}"


def _of(rounds: int) -> str:
    """Nothing where only the job's app knows how many there will be."""
    return f" of {rounds}" if rounds else ""


def _health(job: Job) -> str:
    health = job.health
    return (
        f"health {health.federation_health:.0f} % · {health.stragglers} slow · "
        f"{health.average_samples:,.0f} rows a client"
    )


def clients_table(clients: Sequence[JobClient]) -> "Table":
    from rich.text import Text

    table = screen.table(
        "client", "status", "round", "accuracy", "loss", "rows", "seconds",
        right=("round", "accuracy", "loss", "rows", "seconds"),
    )  # fmt: skip
    first = sorted(clients, key=lambda one: (ORDER.get(one.status, len(ORDER)), one.name))[:SHOWN]
    for one in first:
        table.add_row(
            one.name,
            Text(f"● {one.status}", style=LIGHTS.get(one.status, "")),
            str(one.round),
            _number(one.accuracy),
            _number(one.loss),
            "" if one.train_samples is None else f"{one.train_samples:,}",
            _number(one.response_time, 2),
        )
    if len(clients) > SHOWN:
        table.add_row(f"and {len(clients) - SHOWN:,} more", *[""] * 6)
    return table


def rounds_table(rounds: Sequence[Round]) -> "Table":
    private = any(one.epsilon is not None for one in rounds)
    names = ("round", "clients", "accuracy", "loss", "seconds", *(["ε"] if private else []))
    table = screen.table(*names, right=names)
    for one in rounds:
        told = [str(one.round), str(one.replies), _number(one.accuracy), _number(one.loss)]
        table.add_row(*told, _number(one.seconds, 2), *([_number(one.epsilon, 2)] if private else []))
    return table


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"
