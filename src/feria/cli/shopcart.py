"""The shop clients that train together, as the small system that feria replaces had them for the shell."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feria.cli import charts, screen
from feria.cli.options import Json

if TYPE_CHECKING:
    from feria.compat.shopcart import Round

app = typer.Typer(
    no_args_is_help=True, help="Shop clients that train together: a demonstration in one command."
)

Database = Annotated[
    Path, typer.Option("--db", metavar="FILE", help="SQLite file with the table `metrics`.", dir_okay=False)
]
Chart = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Draw both charts into it: .png or .svg.", dir_okay=False)
]
RESULTS = Path("federated_results.db")


@app.command()
def demo(
    clients: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Shops.")] = 5,
    samples: Annotated[int, typer.Option(metavar="N", min=30, help="Rows of each.")] = 100,
    rounds: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Rounds.")] = 5,
    database: Database = RESULTS,
    chart: Chart = None,
) -> None:
    """Train shop clients together, print each round, and keep it.

    Each shop has rows of its own that it never sends; accuracy and loss are
    measured on rows that it holds back. Rounds kept earlier in the file make way.

    \b
    Examples:
        feria shopcart demo
        feria shopcart demo --clients 20 --rounds 10 --chart rounds.png
    """
    from feria.compat.shopcart import Results, create_client_data, line, run_federated_training

    if chart is not None:
        charts.check(chart)
    results = Results(database)
    data = create_client_data(clients, samples)
    results.clear()
    for round in run_federated_training(data, rounds):
        screen.say(line(round))
        results.add(round)
    screen.note(f"Kept in {database}; `feria shopcart results --db {database}` shows it.")
    if chart is not None:
        _draw(chart, results.all())


@app.command()
def results(database: Database = RESULTS, chart: Chart = None, json: Json = False) -> None:
    """Print the table `metrics` of a file, and draw its two charts.

    \b
    Examples:
        feria shopcart results
        feria shopcart results --db old.db --chart rounds.svg
    """
    from json import dumps

    from feria.compat.shopcart import Results
    from feria.errors import NotFound

    if chart is not None:
        charts.check(chart)
    if not database.exists():
        raise NotFound(f"There is no {database}; `feria shopcart demo` makes one.")
    kept = Results(database).all()
    if json:
        screen.say(dumps([{"round": n, "accuracy": a, "loss": x} for n, a, x in kept], indent=2))
    else:
        table = screen.table("ronda", "precisión", "pérdida", right=("ronda", "precisión", "pérdida"))
        for number, accuracy, loss in kept:
            table.add_row(str(number), f"{accuracy:.3f}", f"{loss:.3f}")
        screen.show(table)
    if chart is not None:
        _draw(chart, kept)


def _draw(chart: Path, kept: "list[Round]") -> None:
    charts.draw(
        chart,
        [
            charts.Panel(
                "Precisión por Ronda", "Ronda", "Precisión", {"todos": [(n, a) for n, a, _ in kept]}
            ),
            charts.Panel("Pérdida por Ronda", "Ronda", "Pérdida", {"todos": [(n, x) for n, _, x in kept]}),
        ],
    )
    screen.note(f"Drawn into {chart}.")
