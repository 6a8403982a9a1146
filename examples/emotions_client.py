"""Ask a node what expressions faces show.

    python examples/emotions_client.py happy.jpg
    python examples/emotions_client.py --folder photos --detect
    python examples/emotions_client.py --health --emotions --model-info

Needs feria installed. The node is the one of FERIA_URL, or http://127.0.0.1:8000; a locked one asks for the
token in FERIA_TOKEN.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from feria.client.emotions import EmotionSocket
from feria.emotions.wire import Prediction
from feria.errors import FeriaError

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"}
out = Console(highlight=False)


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask a node what expressions faces show.")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="pictures")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="all pictures in a folder")
    parser.add_argument(
        "--detect", action="store_true", help="look for faces; else a picture is one, cut out"
    )
    parser.add_argument("--health", action="store_true", help="how the service is")
    parser.add_argument("--emotions", action="store_true", help="what it tells apart")
    parser.add_argument("--model-info", action="store_true", help="which network it uses")
    parser.add_argument("--url", metavar="URL", help="the node")
    asked = parser.parse_args()
    files = [*asked.files]
    if asked.folder is not None:
        files += sorted(file for file in asked.folder.iterdir() if file.suffix.lower() in PICTURES)
    if not (files or asked.health or asked.emotions or asked.model_info):
        parser.error(
            "there is nothing to do: name a picture, or say --folder, --health, --emotions or --model-info"
        )
    try:
        return asyncio.run(run(asked, files))
    except FeriaError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


async def run(asked: argparse.Namespace, files: list[Path]) -> int:
    async with EmotionSocket(asked.url) as socket:
        if asked.health:
            said = await socket.health()
            out.print(f"{said['service']}: {said['status']}, {said['clients_connected']} connected")
        if asked.emotions:
            table = Table("id", "name", "description")
            for one in await socket.emotions():
                table.add_row(str(one.id), one.name, one.description)
            out.print(table)
        if asked.model_info:
            info = await socket.model_info()
            size = f"{info.num_classes} classes, {info.total_params:,} parameters"
            out.print(f"{info.status}: input {info.input_shape}, {size}")
        return await read(socket, files, asked.detect) if files else 0


async def read(socket: EmotionSocket, files: list[Path], detect: bool) -> int:
    """Every picture in one table; returns 1 where one could not be read."""
    table = Table("file", "expression", "confidence", "model", "ms")
    failed = 0
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Reading", total=len(files))
        async for file, answer in socket.follow(files, detect=detect):
            if isinstance(answer, Prediction):
                table.add_row(*row(Path(str(file)), answer))
            else:
                failed = 1
                table.add_row(Path(str(file)).name, f"[red]{answer.code}[/red]", "", "", "")
            progress.advance(task)
    out.print(table)
    return failed


def row(file: Path, answer: Prediction) -> tuple[str, ...]:
    name = answer.emotion_name + ("?" if answer.unsure else "")
    if answer.faces is not None and len(answer.faces) > 1:
        name += f" (the largest of {len(answer.faces)} faces)"
    return (
        file.name,
        name,
        f"{answer.confidence:.1%}",
        answer.model_version_tag,
        f"{answer.processing_time_ms:.1f}",
    )


if __name__ == "__main__":
    sys.exit(main())
