"""`feria models convert`: a Keras file becomes one that every node can serve."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from feria.cli import screen
from feria.cli.options import HomeCommand
from feria.errors import Crashed, Invalid, NotAModel, OverLimit, Unavailable

SCRIPT = Path(__file__).with_name("keras_to_onnx.py")
SUFFIXES = (".h5", ".hdf5", ".keras")
SECONDS = 600.0

app = typer.Typer()


@app.command(cls=HomeCommand)
def convert(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A network saved by Keras: .h5, .hdf5 or .keras.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.onnx", help="Where to write it.", show_default="beside it"),
    ] = None,
    python: Annotated[
        Path | None,
        typer.Option(
            metavar="PROGRAM",
            help="A Python with TensorFlow and tf2onnx, of an environment of their own.",
            show_default="this one",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Make an ONNX file of a network that Keras has saved.

    Needs TensorFlow and tf2onnx: `pip install 'feria[keras]'`, or another
    environment, named with --python. Convert only files whose makers you
    trust: reading one runs TensorFlow on it, in a process of its own.

    \b
    Examples:
        feria models convert net.h5
        feria models convert net.keras --out emotions.onnx --python keras/bin/python
    """
    target = out or Path(f"{file.with_suffix('')}.onnx")
    if file.suffix.lower() not in SUFFIXES:
        raise Invalid(f"{file} is no Keras file by its name; one ends in {', '.join(SUFFIXES)}.")
    if not file.is_file():
        raise Invalid(f"There is no file {file}.")
    if target.exists() and not force:
        raise Invalid(f"{target} is there already; --force writes over it.")
    with screen.progress() as report:
        report("converting", 0.5)
        found = _convert(file, target, python or Path(sys.executable))
    shape = "×".join("any" if side is None else str(side) for side in found["input"][1:])
    screen.say(f"{target}: input {shape}, {found['output'][-1]} outputs, {found['parameters']:,} parameters.")
    screen.note(
        f"Put it on the shelf with `feria models add {target}`, and say --labels; --mean and --scale where "
        "it wants other numbers than 0 to 1."
    )


def _convert(file: Path, target: Path, python: Path) -> dict[str, Any]:
    """Whole or not at all. Raises `NotAModel` for a file that Keras cannot read, `Unavailable` where the
    packages are not there."""
    with tempfile.TemporaryDirectory(prefix="feria-") as scratch:
        made = Path(scratch) / "net.onnx"
        command = [str(python), "-I", str(SCRIPT), str(file.resolve()), str(made)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603
        except OSError as error:
            raise Invalid(f"{python} cannot be run: {error.strerror}.") from None
        except subprocess.TimeoutExpired:
            raise OverLimit(f"The conversion took more than {SECONDS:g} seconds.") from None
        try:
            told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except (ValueError, IndexError):
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:300]
            raise Crashed(f"The conversion ended with {done.returncode}: {said}") from None
        if "missing" in told:
            raise Unavailable(
                f"{python} lacks {told['missing']}. Install it with `pip install 'feria[keras]'`, or make an "
                "environment for it: `python -m venv keras`, `keras/bin/pip install tensorflow-cpu tf2onnx`, "
                "and say --python keras/bin/python."
            )
        if "error" in told:
            raise NotAModel(f"{file} cannot be converted: {told['error']}")
        _put(made, target)
    return told


def _put(made: Path, target: Path) -> None:
    try:
        with tempfile.NamedTemporaryFile(dir=target.resolve().parent, delete=False) as file:
            file.write(made.read_bytes())
        os.replace(file.name, target)
    except OSError as error:
        raise Invalid(f"{target} cannot be written: {error.strerror}.") from None
