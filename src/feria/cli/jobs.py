"""Commands for federated trainings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feria.cli import charts, screen
from feria.cli.finding import speak
from feria.cli.options import (
    Features,
    Holdout,
    Json,
    NodeCommand,
    Seed,
    SetOption,
    names_said,
    settings_said,
)
from feria.errors import Invalid

if TYPE_CHECKING:
    from feria.client import AsyncClient
    from feria.federation.jobs_wire import Job, JobClient, Round

app = typer.Typer(no_args_is_help=True, help="Federated trainings: start one, watch it, stop it, go on.")

KINDS = ("logistic_regression", "linear_regression", "svm", "mlp", "gradient_boosting", "random_forest")
Number = Annotated[int, typer.Argument(metavar="JOB", min=1, help="The job's number.")]


@app.command(cls=NodeCommand)
def start(
    name: Annotated[str, typer.Option(metavar="NAME", help="Under which the model is published.")],
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help=f"What to train: {', '.join(KINDS)}.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="What to predict, as in `feria train`.")
    ] = None,
    flower_app: Annotated[
        str | None,
        typer.Option("--app", metavar="NAME", help="A registered Flower app, in place of KIND."),
    ] = None,
    clients: Annotated[
        list[str] | None,
        typer.Option("--client", metavar="NAME", help="Who takes part; may be repeated.", show_default="all"),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=1000, help="How many.", show_default="10")
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="`feria jobs strategies` explains them.", show_default="fedavg"),
    ] = None,
    per_round: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Clients asked in a round.", show_default="all")
    ] = None,
    min_replies: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="So many must answer for a round to count.", show_default="all"
        ),
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Longest that a round waits.", show_default="600")
    ] = None,
    otherwise: Annotated[
        str | None,
        typer.Option(metavar="DEED", help="Too few answers: fail, wait or continue.", show_default="fail"),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(metavar="X", help="Differential privacy: noise in clipping norms.", show_default="none"),
    ] = None,
    clip: Annotated[
        float, typer.Option(metavar="X", help="With --noise: longest that one client's update may be.")
    ] = 1.0,
    delta: Annotated[float, typer.Option(metavar="X", help="With --noise: the δ of the spent ε.")] = 1e-5,
    max_epsilon: Annotated[
        float | None, typer.Option(metavar="X", help="With --noise: end before more is spent.")
    ] = None,
    features: Features = None,
    holdout: Holdout = None,
    seed: Seed = None,
    set_: SetOption = None,
    set_strategy: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A setting of the strategy; may be repeated."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Print the job's number instead of watching.")
    ] = False,
) -> None:
    """Have clients train a model together, watch them, and publish what they made.

    Their rows stay where they are. Ctrl-C ends the watching, not the job.

    \b
    Examples:
        feria jobs start logistic_regression --target "num>0" --name heart
        feria jobs start gradient_boosting --target bought --name shop_ranker --strategy bagging --rounds 40
        feria jobs start mlp --target income --name income --strategy krum --min-replies 8 --deadline 60
        feria jobs start --app digits --name digits --set learning-rate=0.05
    """
    if flower_app is not None:
        _refuse_with_app(
            {
                "KIND": kind,
                "--target": target,
                "--strategy": strategy,
                "--set-strategy": set_strategy,
                "--per-round": per_round,
                "--min-replies": min_replies,
                "--otherwise": otherwise,
                "--noise": noise,
                "--features": features,
                "--holdout": holdout,
                "--seed": seed,
            }
        )
    elif kind is None or target is None:
        raise Invalid("Say what to train: KIND and --target COLUMN, or --app NAME.")
    if noise is None and max_epsilon is not None:
        raise Invalid("--max-epsilon goes with --noise.")
    rules = {
        "per_round": per_round,
        "min_replies": min_replies,
        "deadline_seconds": deadline,
        "otherwise": otherwise,
    }
    privacy = {"noise_multiplier": noise, "clipping_norm": clip, "delta": delta, "max_epsilon": max_epsilon}

    async def order(client: "AsyncClient") -> "Job":
        if kind is None or target is None:
            return await client.start_app_job(
                name,
                flower_app or "",
                clients=clients,
                rounds=rounds,
                settings=settings_said(set_) or None,
                deadline_seconds=deadline,
            )
        return await client.start_job(
            name,
            kind,
            target,
            clients=clients,
            strategy=strategy or ("bagging" if kind in {"gradient_boosting", "random_forest"} else None),
            strategy_settings=settings_said(set_strategy) or None,
            rounds=rounds,
            participation={key: value for key, value in rules.items() if value is not None},
            privacy=None if noise is None else privacy,
            features=names_said(features),
            holdout=holdout,
            seed=seed,
            settings=settings_said(set_) or None,
        )

    async def order_and_watch(client: "AsyncClient") -> "Job":
        job = await order(client)
        if detach:
            return job
        screen.note(f"Job {job.number} has begun; `feria jobs watch {job.number}` shows it again.")
        return await _watch(client, job.number)

    job = speak(order_and_watch)
    if detach:
        screen.say(str(job.number))
        screen.note(f"`feria jobs watch {job.number}` watches it.")
    else:
        _say_end(job)


def _refuse_with_app(said: "dict[str, Any]") -> None:
    if names := [name for name, value in said.items() if value is not None]:
        raise Invalid(f"An app sees to that itself: leave out {', '.join(names)}.")


@app.command(cls=NodeCommand)
def watch(number: Number) -> None:
    """Watch a job as it goes: its round, and how each client stands.

    \b
    Example:
        feria jobs watch 3
    """

    async def look(client: "AsyncClient") -> "Job":
        return await _watch(client, number)

    _say_end(speak(look))


@app.command("list", cls=NodeCommand)
def list_(
    state: Annotated[
        str | None,
        typer.Option(metavar="STATE", help="pending, waiting, running, completed, failed or stopped."),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=500, help="How many.")] = 20,
    json: Json = False,
) -> None:
    """Your jobs, the newest first.

    \b
    Examples:
        feria jobs list
        feria jobs list --state running
    """
    from feria.federation.jobs_wire import JobList, JobState

    if state is not None and state not in set(JobState):
        raise Invalid(f"There is no state '{state}'; there are {', '.join(JobState)}.")
    wanted = None if state is None else JobState(state)

    async def ask(client: "AsyncClient") -> "tuple[Job, ...]":
        return await client.jobs(state=wanted, limit=limit)

    jobs = speak(ask)
    if json:
        screen.say(JobList(jobs=jobs, more=len(jobs) == limit).model_dump_json(indent=2))
        return
    if not jobs:
        screen.note("There are no such jobs. `feria jobs start --help` says how to start one.")
        return
    table = screen.table("job", "model", "made by", "clients", "round", "state", right=("job", "clients"))
    for job in jobs:
        order = job.order
        table.add_row(
            str(job.number),
            order.model if job.result is None else f"{job.result.name}@{job.result.version}",
            order.method,
            f"{job.clients:,}",
            f"{job.round}/{job.rounds or '?'}",
            job.state.value,
        )
    screen.show(table)


@app.command(cls=NodeCommand)
def show(number: Number, json: Json = False) -> None:
    """How a job stands, each client and each round.

    \b
    Example:
        feria jobs show 3
    """

    async def ask(client: "AsyncClient") -> "tuple[Job, tuple[JobClient, ...], tuple[Round, ...]]":
        return await client.job(number), await client.job_clients(number), await client.job_rounds(number)

    job, clients, rounds = speak(ask)
    if json:
        screen.say(job.model_dump_json(indent=2))
        return
    from feria.cli.watching import clients_table, rounds_table, sentence

    screen.say(sentence(job), style="bold")
    screen.show(clients_table(clients))
    if rounds:
        screen.show("", rounds_table(rounds))
    if job.error is not None:
        screen.warn(f"{job.error.error}: {job.error.detail}")


@app.command(cls=NodeCommand)
def stop(number: Number) -> None:
    """Stop a job, also in the middle of a round; `feria jobs resume` goes on with it.

    \b
    Example:
        feria jobs stop 3
    """

    async def end(client: "AsyncClient") -> "Job":
        return await client.stop_job(number)

    from feria.cli.watching import progress

    job = speak(end)
    screen.say(f"Job {job.number} is {job.state.value} after {progress(job)}.")


@app.command(cls=NodeCommand)
def resume(
    number: Number,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not watch it.")] = False,
) -> None:
    """Go on with a job that was stopped or has failed, after the last round that was kept.

    \b
    Example:
        feria jobs resume 3
    """

    async def go_on(client: "AsyncClient") -> "Job":
        job = await client.resume_job(number)
        return job if detach else await _watch(client, number)

    job = speak(go_on)
    if detach:
        from feria.cli.watching import progress

        screen.say(f"Job {job.number} goes on after {progress(job)}.")
    else:
        _say_end(job)


@app.command(cls=NodeCommand)
def plot(
    number: Number,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to: .png or .svg.", dir_okay=False)],
) -> None:
    """Draw a job's accuracy and loss, round by round.

    \b
    Examples:
        feria jobs plot 3 --out rounds.png
        feria jobs plot 3 --out rounds.svg
    """
    charts.check(out)

    async def ask(client: "AsyncClient") -> "tuple[Job, tuple[Round, ...]]":
        return await client.job(number), await client.job_rounds(number)

    job, rounds = speak(ask)
    panels = [
        charts.Panel(f"{title} of {job.order.model}", "round", title.lower(), {"all clients": points})
        for title, points in (
            ("Accuracy", [(one.round, one.accuracy) for one in rounds if one.accuracy is not None]),
            ("Loss", [(one.round, one.loss) for one in rounds if one.loss is not None]),
        )
        if points
    ]
    if not panels:
        raise Invalid(f"No round of job {number} has ended yet.")
    charts.draw(out, panels)
    screen.say(f"{len(rounds)} rounds are drawn into {out}.")


@app.command()
def strategies(json: Json = False) -> None:
    """How clients' models can become one, each in a sentence."""
    from feria.federation.strategies import STRATEGIES

    if json:
        from json import dumps

        screen.say(dumps({name: one.explains for name, one in STRATEGIES.items()}, indent=2))
        return
    table = screen.table("strategy", "how", "settings")
    for name, one in STRATEGIES.items():
        said = ", ".join(f"{key}={field.default}" for key, field in one.settings.model_fields.items())
        table.add_row(name, one.explains, said)
    screen.show(table)


async def _watch(client: "AsyncClient", number: int) -> "Job":
    from feria.cli.watching import watch

    return await watch(client, number)


def _say_end(job: "Job") -> None:
    from feria.errors import revive

    if job.error is not None:
        more: dict[str, Any] = job.error.model_extra or {}
        raise revive(job.error.error, job.error.detail, dict(more))
    if job.result is None:
        from feria.cli.watching import progress

        screen.say(f"Job {job.number} is {job.state.value} after {progress(job)}.")
        return
    reference = f"{job.result.name}@{job.result.version}"
    screen.say(f"{reference} is trained by {job.clients:,} clients and served.", style="bold green")
    screen.say(f"\nPredict with it: feria predict {job.result.name} --data rows.csv --out predictions.csv")
    screen.say(f"Draw its rounds: feria jobs plot {job.number} --out rounds.png")
