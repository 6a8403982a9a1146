"""All commands, put together.

What is imported here must stay light, since every `--help` waits for it: commands import what they
use when they run.
"""

from pathlib import Path
from typing import Annotated, Any

import click
import typer
from typer.core import TyperGroup

from feria.cli import (
    apps,
    catalog,
    chat,
    clients,
    cluster,
    converting,
    doctor,
    emotions,
    gradio_face,
    jobs,
    kv,
    learn,
    models,
    node,
    privacy,
    searching,
    shopcart,
    shoppers,
    similar,
    store,
    superlink,
    tasks,
    tokens,
    working,
)
from feria.cli.options import HOME_HELP, SIGN_IN_HELP, URL_HELP, remember
from feria.errors import FeriaError


class Feria(TyperGroup):
    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; say what went wrong in one sentence, and exit with 1."""
        try:
            return super().invoke(ctx)
        except FeriaError as error:
            from feria.cli import screen

            screen.fail(error)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Feria,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(node.app)
app.add_typer(working.app)
app.add_typer(doctor.app)
app.add_typer(learn.app)
models.app.add_typer(converting.app)
app.add_typer(models.app, name="models", rich_help_panel="Models")
catalog.app.add_typer(shoppers.app)
catalog.app.add_typer(similar.app)
app.add_typer(catalog.app, name="catalog", rich_help_panel="Shop")
app.add_typer(searching.app)
app.add_typer(chat.app, name="chat", rich_help_panel="Shop")
app.add_typer(gradio_face.app)
app.add_typer(jobs.app, name="jobs", rich_help_panel="Federation")
app.add_typer(clients.app, name="clients", rich_help_panel="Federation")
app.add_typer(apps.app, name="apps", rich_help_panel="Federation")
app.add_typer(store.app, name="client", rich_help_panel="Federation")
app.add_typer(superlink.app, name="superlink", rich_help_panel="Federation")
app.add_typer(shopcart.app, name="shopcart", rich_help_panel="Federation")
app.add_typer(emotions.app, name="emotions", rich_help_panel="Shop")
app.add_typer(tasks.app, name="tasks", rich_help_panel="Learn and predict")
app.add_typer(kv.app, name="kv", rich_help_panel="Cluster")
app.add_typer(cluster.app, name="cluster", rich_help_panel="Cluster")
app.add_typer(tokens.app, name="tokens", rich_help_panel="Access")
app.add_typer(privacy.app, name="privacy", rich_help_panel="Access")


def _version(asked: bool) -> None:
    if asked:
        from feria import __version__

        typer.echo(f"feria {__version__}")
        raise typer.Exit


@app.callback()
def feria(
    url: Annotated[
        str | None,
        typer.Option(envvar="FERIA_URL", metavar="URL", help=URL_HELP, callback=remember),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="FERIA_TOKEN", metavar="TOKEN", help=SIGN_IN_HELP, callback=remember),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            envvar="FERIA_HOME",
            metavar="DIR",
            help=HOME_HELP,
            show_default="var",
            callback=remember,
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Train models where the data are, and serve them.

    \b
    A first round:
        feria up
        feria train logistic_regression --data heart.csv --target num
        feria predict heart --data rows.csv --out predictions.csv

    A command finds the node that runs on its home; where none runs, it opens the home itself.
    """
