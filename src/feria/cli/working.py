"""The command of a worker."""

import os
from typing import Annotated

import typer

from feria.cli.finding import read_settings
from feria.cli.options import HomeCommand
from feria.errors import Unavailable

app = typer.Typer()


@app.command(cls=HomeCommand, rich_help_panel="A node")
def worker(
    parallel: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=1024, show_default="8", help="Tasks that it does at once."),
    ] = None,
) -> None:
    """Do the work of nodes until Ctrl-C: a Celery worker.

    Nodes and workers name the same broker and the same secret, in
    FERIA_TASKS__BROKER_URL and FERIA_TASKS__SECRET. A worker needs nothing
    else of a node: models come from it by their digest. Start as many as you
    like, anywhere. In its home it keeps what it fetched.

    \b
    Examples:
        feria worker
        feria worker --parallel 2 --home /srv/feria-worker
    """
    from pathlib import Path

    from feria.telemetry.logs import configure_logs

    settings = read_settings()
    ca = os.environ.get("FERIA_CA")
    try:
        from feria.worker.running import run
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(("celery", "kombu")):
            raise
        raise Unavailable(
            "A worker runs on Celery, which is not there: pip install 'feria[celery]'."
        ) from None
    configure_logs(settings.telemetry)
    run(settings, parallel or settings.tasks.parallel, Path(ca) if ca else None)
