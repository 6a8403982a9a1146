"""Commands for data owners whose rows are on this node."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Json, NodeCommand
from feria.errors import Invalid

if TYPE_CHECKING:
    from feria.client import AsyncClient
    from feria.federation.jobs_wire import Client

app = typer.Typer(no_args_is_help=True, help="Data owners: who can take part in a federated training.")

Data = Annotated[Path, typer.Option(metavar="FILE", help="Its rows, CSV or Parquet.")]
MOST_PARTS = 10_000


@app.command(cls=NodeCommand)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help='As people know it: "Tienda Lima".')],
    data: Data,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What the rows are called.", show_default="the file's name"),
    ] = None,
    json: Json = False,
) -> None:
    """Register a data owner with its rows.

    The rows stay on the node, which trains on them where they are and gives
    them to nobody, not even to you.

    \b
    Examples:
        feria clients add "Tienda Lima" --data lima.csv
        feria clients add "Hospital Barcelona" --data heart.parquet --dataset hearts
    """

    async def register(client: "AsyncClient") -> "Client":
        return await client.register_client(name, data, dataset=dataset)

    made = speak(register)
    if json:
        screen.say(made.model_dump_json(indent=2))
    else:
        screen.say(f"{made.name} takes part with {made.rows:,} rows of {len(made.columns)} columns.")


@app.command(cls=NodeCommand)
def split(
    data: Annotated[Path, typer.Argument(metavar="FILE", help="Rows of everybody, CSV or Parquet.")],
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="A client for each text in it, named after it.")
    ] = None,
    parts: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=MOST_PARTS, help="Clients with an equal share, by chance."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of that chance.")] = 0,
) -> None:
    """Deal the rows of one file out to clients, to see what a federation would do.

    \b
    Examples:
        feria clients split hearts.csv --by hospital
        feria clients split adult.csv --parts 100
    """
    if (by is None) == (parts is None):
        raise Invalid("Say either --by COLUMN or --parts N.")
    import io

    from feria.federation.partitions import LIMITS, at_random, by_column
    from feria.learning.sources import read_file

    table = read_file(data, LIMITS)
    if by is not None and by not in table.frame.columns:
        raise Invalid(f"{data} has no column '{by}'; it has {', '.join(table.frame.columns)}.", column=by)
    dealt = by_column(table, by) if by is not None else at_random(table, parts or 1, seed)
    if len(dealt) > MOST_PARTS:
        raise Invalid(f"'{by}' has {len(dealt):,} different texts; {MOST_PARTS:,} clients are the most.")

    async def register(client: "AsyncClient") -> None:
        with screen.progress() as report:
            for done, (name, part) in enumerate(dealt.items(), 1):
                rows = io.BytesIO()
                part.frame.write_parquet(rows)
                await client.register_client(name, rows.getvalue(), dataset=data.name)
                report(name, done / len(dealt))

    speak(register)
    screen.say(f"{len(dealt):,} clients take part: {_some(list(dealt))}.")


@app.command("list", cls=NodeCommand)
def list_(json: Json = False) -> None:
    """Your data owners, by name.

    \b
    Example:
        feria clients list
    """

    async def ask(client: "AsyncClient") -> "tuple[Client, ...]":
        return await client.clients()

    clients = speak(ask)
    if json:
        from feria.federation.jobs_wire import ClientList

        screen.say(ClientList(clients=clients).model_dump_json(indent=2))
        return
    if not clients:
        screen.note("There are no clients. `feria clients add NAME --data FILE` registers one.")
        return
    table = screen.table("client", "dataset", "rows", "columns", "schema", right=("rows", "columns"))
    for one in clients:
        table.add_row(one.name, one.dataset, f"{one.rows:,}", str(len(one.columns)), one.schema_digest[:8])
    screen.show(table)


@app.command(cls=NodeCommand)
def rm(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Whom to remove, with its rows.")],
) -> None:
    """Remove data owners and their rows; models that were made with them stay.

    \b
    Example:
        feria clients rm "Tienda Lima"
    """

    async def remove(client: "AsyncClient") -> None:
        for name in names:
            await client.remove_client(name)

    speak(remove)
    screen.say(f"{_some(names)} and the rows are gone.")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
