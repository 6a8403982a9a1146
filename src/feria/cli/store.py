"""Commands of a store: a data owner whose rows stay on a machine of its own, and who calls a hub."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from feria.cli import screen
from feria.cli.options import Json, _restore_help, model_name, names_said
from feria.errors import FeriaError, Invalid

if TYPE_CHECKING:
    import logging

    from feria.learning.sources import Limits
    from feria.store.consent import Consent
    from feria.store.home import Home
    from feria.store.supernode import SuperNode

app = typer.Typer(
    no_args_is_help=True,
    help="A store: rows on this machine that a hub elsewhere trains with, by your leave.",
)

LOG_BYTES = 2**20
GIVEN_UP = 77
"""How a process ends that is of no use to start again: EX_NOPERM of `sysexits.h`."""
LAST = 5
"""Lines of the log that a status shows."""
SHIPPED_HOME = Path("~/.feria-store")

HomeOption = Annotated[
    Path,
    typer.Option(
        "--home",
        envvar="FERIA_STORE_HOME",
        metavar="DIR",
        help="Folder of the store: its key and what it consents to.",
    ),
]


class StoreCommand(TyperCommand):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _restore_help(self)


@app.command(cls=StoreCommand)
def join(
    invitation: Annotated[
        str, typer.Argument(metavar="INVITATION", help="The line that the hub gave, or a file with it.")
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="FILE|URL",
            help="The rows: CSV, Parquet or a database; `${NAME}` is of the environment.",
        ),
    ],
    target: Annotated[
        str,
        typer.Option(metavar="COLUMN", help="What may be predicted from them: a column, or COLUMN>NUMBER."),
    ],
    query: Annotated[str | None, typer.Option(metavar="SQL", help="One SELECT, for a database.")] = None,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What the rows are called.", show_default="the file's name"),
    ] = None,
    kinds: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="Kinds of model it helps to make.", show_default="any"),
    ] = None,
    strategies: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="Strategies it takes part in.", show_default="any"),
    ] = None,
    most_rounds: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Most rounds of a job.", show_default="1000"),
    ] = None,
    least_noise: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Least noise multiplier of the differential privacy a job must have.",
            show_default="none",
        ),
    ] = None,
    apps: Annotated[
        bool, typer.Option("--apps", help="Let programs of the hub's users run on the rows.")
    ] = False,
    home: HomeOption = SHIPPED_HOME,
) -> None:
    """Join a hub with the rows of this machine.

    The hub is told the columns' names and kinds and the number of rows, and
    nothing else. `feria client run` then takes part in its trainings.

    \b
    Examples:
        feria client join invitation.txt --data sales.csv --target bought
        feria client join feria-eyJ2… --data 'postgresql://ana:${PW}@db/shop' \\
            --query 'SELECT * FROM sales' --target bought --most-rounds 20
    """
    from feria.federation.invitation import decode
    from feria.store import join as joining
    from feria.store.rows import FileSource, source_of

    source = source_of(data, query)
    store = joining.join(
        _home(home),
        decode(_invitation(invitation)),
        source,
        dataset=dataset or (model_name(source.file.name) if isinstance(source, FileSource) else "") or "rows",
        target=target,
        consent=_consent(
            kinds=names_said(kinds),
            strategies=names_said(strategies),
            most_rounds=most_rounds,
            least_noise=least_noise,
            apps=apps,
        ),
        limits=_limits(),
    )
    screen.say(f"{store.name} has joined {store.hub}. `feria client run` takes part.")


@app.command()
def run(home: HomeOption = SHIPPED_HOME) -> None:
    """Take part in the hub's trainings, until Ctrl-C.

    Says what is asked and what is answered, and keeps that in `store.log`
    in its folder. Only this store calls; nobody needs to reach it. Ends with
    77 when the hub has removed the store.

    \b
    Example:
        feria client run
    """
    import asyncio
    import logging

    store_home = _home(home)
    store = store_home.store()
    os.umask(0o077)  # what is written while it runs is for its owner alone

    async def work() -> None:
        from feria.store.supernode import open_supernode

        async with open_supernode(store_home, _limits()) as node:
            screen.note(f"The store '{store.name}' of {store.hub} takes part. Ctrl-C ends it.")
            for handler in _handlers(store_home):
                logging.getLogger("feria").addHandler(handler)
            logging.getLogger("feria").setLevel(logging.INFO)
            await _until_told(node)

    asyncio.run(work())


@app.command()
def status(json: Json = False, home: HomeOption = SHIPPED_HOME) -> None:
    """Who this store is, what it consents to, and what it did last.

    \b
    Example:
        feria client status
    """
    from feria.store.rows import FileSource

    store_home = _home(home)
    store = store_home.store()
    at_work = store_home.at_work
    lines = store_home.log.read_text(errors="replace").splitlines() if store_home.log.exists() else []
    if json:
        from json import dumps

        told: dict[str, Any] = store.model_dump(mode="json", exclude={"v"})
        screen.say(dumps({**told, "running": at_work, "log": lines[-LAST:]}, indent=2))
        return
    table = screen.table("store", store.name)
    table.add_row("hub", store.hub)
    table.add_row("SuperLink", store.superlink)
    table.add_row("rows", str(store.data.file) if isinstance(store.data, FileSource) else store.data.query)
    table.add_row("dataset", store.dataset)
    table.add_row("target", store.target)
    for name, value in store.consent.model_dump(mode="json").items():
        shown = "none" if name == "least_noise" and value is None else _said(value)
        table.add_row(name.replace("_", " "), shown)
    table.add_row("running", "yes" if at_work else "no; `feria client run` takes part")
    screen.show(table)
    for line in lines[-LAST:]:
        screen.say(line)


@app.command()
def leave(home: HomeOption = SHIPPED_HOME) -> None:
    """Forget the hub: the key and what was consented to. The rows stay.

    The hub keeps the store's name until it is removed there.

    \b
    Example:
        feria client leave
    """
    store_home = _home(home)
    store = store_home.store()
    with store_home.held():
        store_home.forget()
    screen.say(f"{store.name} has left {store.hub}.")
    screen.note(f"There it is still listed; who runs it can remove it: feria clients rm '{store.name}'")


def _home(folder: Path) -> "Home":
    from feria.store.home import Home

    return Home(folder.expanduser().absolute())


def _invitation(said: str) -> str:
    """Of the line, or of a file with it."""
    from feria.federation.invitation import PREFIX

    if said.lstrip().startswith(PREFIX) and not Path(said[:200]).exists():
        return said
    try:
        return Path(said).read_text()
    except UnicodeDecodeError:
        raise Invalid(f"{said} is no invitation, and no text.") from None
    except OSError as error:
        raise Invalid(f"{said[:200]} is no invitation, and no file with one: {error.strerror}.") from None


def _consent(**said: Any) -> "Consent":
    from pydantic import ValidationError

    from feria.store.consent import Consent

    told = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
    try:
        return Consent.model_validate({name: value for name, value in told.items() if value is not None})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        option = str(fault["loc"][0]).replace("_", "-")
        raise Invalid(f"--{option}: {fault['msg']}; that is not '{fault['input']}'.") from None


def _limits() -> "Limits":
    from feria.cli.finding import read_settings
    from feria.learning.sources import Limits

    learning = read_settings().learning
    return Limits(rows=learning.max_rows, columns=learning.max_columns)


def _handlers(home: "Home") -> "list[logging.Handler]":
    """What people see, and what is kept."""
    import logging
    from logging.handlers import RotatingFileHandler

    class OnScreen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            screen.say(self.format(record), style=None if record.levelno <= logging.INFO else "yellow")

    kept = RotatingFileHandler(home.log, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
    kept.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    return [OnScreen(), kept]


async def _until_told(node: "SuperNode") -> None:
    """Run it until SIGTERM or Ctrl-C."""
    import asyncio
    import logging
    import signal

    running = asyncio.ensure_future(node.run())
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        screen.note("The store has gone.")
    except FeriaError as error:
        logging.getLogger("feria.store").error(error.message)
        raise typer.Exit(GIVEN_UP) from None


def _said(value: Any) -> str:
    if value is None:
        return "any"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
