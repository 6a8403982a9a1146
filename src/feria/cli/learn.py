"""Commands that make a model and ask it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import (
    Features,
    Holdout,
    Json,
    ModelArgument,
    NodeCommand,
    Seed,
    SetOption,
    model_name,
    names_said,
    read_text,
    settings_said,
)

if TYPE_CHECKING:
    from feria.client import AsyncClient
    from feria.client.calls import Wishes
    from feria.registry.wire import Model
    from feria.tasks.wire import Task

PANEL = "Learn and predict"
KINDS = (
    "linear_regression",
    "logistic_regression",
    "svm",
    "decision_tree",
    "random_forest",
    "gradient_boosting",
    "mlp",
)

app = typer.Typer()


@app.command(cls=NodeCommand, rich_help_panel=PANEL)
def train(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"What to train: {', '.join(KINDS)}.")],
    data: Annotated[Path, typer.Option(metavar="FILE", help="Rows to learn from, CSV or Parquet.")],
    target: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="What to predict: a column, or COLUMN>NUMBER (also >=, <, <=, ==, !=) for a yes or no.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model's name.", show_default="the file's")
    ] = None,
    features: Features = None,
    holdout: Holdout = None,
    seed: Seed = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TASK", help="classification, regression or auto.", show_default="auto, by the target"
        ),
    ] = None,
    set_: SetOption = None,
    card: Annotated[Path | None, typer.Option(metavar="FILE", help="A model card, in Markdown.")] = None,
    later: Annotated[
        bool, typer.Option("--later", help="Queue it, and print the task's id instead of waiting.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a model on rows, and serve it.

    Missing values, scaling and text columns are taken care of inside the
    model. It is measured on rows it has not seen.

    \b
    Examples:
        feria train logistic_regression --data heart.csv --target num
        feria train random_forest --data heart.csv --target "num>0" --set max_depth=6
        feria train linear_regression --data houses.parquet --target price --features area,rooms
    """
    from feria.errors import Invalid

    called = name or model_name(data.name)
    if not called:
        raise Invalid(f"No name for a model can be made of {data}; give one with --name.")
    chosen: Any = task
    settings = settings_said(set_)
    text = read_text(card) if card is not None else None

    wishes: Wishes = {
        "task": chosen,
        "features": names_said(features),
        "holdout": holdout,
        "seed": seed,
        "settings": settings or None,
        "card": text,
    }

    async def queue(client: "AsyncClient") -> "Task":
        return await client.train_later(called, kind, data, target, **wishes)

    async def learn(client: "AsyncClient") -> "Model":
        with screen.progress() as report:
            return await client.train(called, kind, data, target, on_progress=report, **wishes)

    if later:
        queued = speak(queue)
        screen.say(queued.model_dump_json(indent=2) if json else queued.id)
        screen.note(f"`feria tasks wait {queued.id}` waits for it.")
        return
    model = speak(learn)
    if json:
        screen.say(model.model_dump_json(indent=2))
        return
    from feria.cli.describing import measured

    screen.say(f"{model.reference} is trained and served.", style="bold green")
    measured(model)
    screen.say(f"\nPredict with it: feria predict {called} --data rows.csv --out predictions.csv")


@app.command(cls=NodeCommand, rich_help_panel=PANEL)
def predict(
    model: ModelArgument,
    more: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE…", help="More pictures, so that `--image *.jpg` works."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rows to predict, CSV or Parquet.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to, CSV or Parquet.", show_default="CSV on the screen"),
    ] = None,
    image: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A picture; may be repeated.")
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, max=5, help="Classes to show of each picture.")] = 3,
    json: Json = False,
) -> None:
    """Ask a model about the rows of a file, or about pictures.

    Rows come back as they were, with a column `prediction` and, for classes,
    the `probability` of the one predicted. The output file appears whole or
    not at all.

    \b
    Examples:
        feria predict heart --data rows.csv --out predictions.csv
        feria predict heart@2 --data rows.parquet | head
        feria predict squeezenet --image cat.jpg --image dog.jpg
    """
    pictures = [*(image or []), *(more or [])]
    if (data is None) == (not pictures):
        raise typer.BadParameter("Give either rows with --data, or pictures with --image.")
    if data is not None:
        if json:
            raise typer.BadParameter("--json is for pictures; rows go to --out as CSV or Parquet.")
        from feria.cli.predicting import predict_rows

        predict_rows(model, data, out)
        return
    from feria.cli.picturing import classify_pictures

    classify_pictures(model, pictures, top, json)
