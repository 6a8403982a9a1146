"""How a file comes onto the shelf: fetched if need be, and described as far as it is not by itself."""

import contextlib
import json
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from feria.cli import screen
from feria.cli.fetching import fetch
from feria.cli.finding import read_settings, speak
from feria.cli.options import model_name, read_text
from feria.client import AsyncClient
from feria.errors import Invalid
from feria.registry.inspection import inspect
from feria.registry.wire import (
    Description,
    FileMetadata,
    ImageInput,
    Label,
    Model,
    ModelInput,
    ModelOutput,
    TensorInput,
)
from feria.settings import Settings
from feria.tasks.processes import open_processes


@dataclass(frozen=True)
class Preparation:
    """What was said of the pictures a network takes, as it was typed."""

    mean: str | None
    scale: str | None
    channels: str | None
    size: str | None

    def __bool__(self) -> bool:
        return any((self.mean, self.scale, self.channels, self.size))


def add_model(
    source: str,
    name: str | None,
    sha256: str | None,
    labels: Path | None,
    card: Path | None,
    unsure_below: float | None,
    preparation: Preparation,
) -> Model:
    name = name or model_name(source.partition("?")[0])
    if not name:
        raise Invalid(f"No name for a model can be made of {source}; give one with --name.")
    if "://" not in source and not Path(source).is_file():
        raise Invalid(f"There is no file {source}.")
    said: dict[str, Any] = {}
    if labels is not None:
        said["labels"] = _labels(labels)
    if card is not None:
        said["card"] = read_text(card)
    if unsure_below is not None:
        said["unsure_below"] = unsure_below

    async def add(client: AsyncClient) -> Model:
        settings = read_settings()
        async with _here(source, sha256, settings) as file:
            if preparation:
                with screen.progress() as report:
                    report("looking at the graph", 0.3)
                    found = await _inspect(file, settings)
                said.update(describe_pictures(found, preparation, said.get("labels")))
            with screen.progress() as report:
                report("checking and publishing", 0.5)
                return await client.publish(name, file, Description(**said), sha256=sha256)

    return speak(add)


@contextlib.asynccontextmanager
async def _here(source: str, sha256: str | None, settings: Settings) -> AsyncGenerator[Path]:
    if "://" not in source:
        yield Path(source)
        return
    with tempfile.TemporaryDirectory(prefix="feria-") as folder:
        target = Path(folder) / "model.onnx"
        with screen.progress() as report:
            await fetch(source, target, sha256, settings.registry.max_model_mib * 2**20, report)
        yield target


async def _inspect(file: Path, settings: Settings) -> FileMetadata:
    async with open_processes(settings.workers) as processes:
        return FileMetadata.model_validate(await processes.run(inspect, str(file), {}))


def describe_pictures(
    found: FileMetadata, said: Preparation, labels: list[Label] | None
) -> dict[str, ModelInput | ModelOutput]:
    """What a description says of a network's pictures: what was typed, on top of what was found."""
    given: dict[str, Any] = {}
    if said.mean is not None:
        given["mean"] = _numbers("--mean", said.mean)
    if said.scale is not None:
        given["scale"] = _numbers("--scale", said.scale)
    if said.channels is not None:
        given["channels"] = said.channels.upper()
    if said.size is not None:
        given["width"], given["height"] = _size(said.size)
    described: dict[str, Any] = {}
    if isinstance(found.input, ImageInput):
        base = found.input.model_dump()
    else:
        base = _open_input(found.input, given)
        described["output"] = _open_output(found.output, labels)
    try:
        described["input"] = ImageInput.model_validate(base | given)
    except ValidationError as error:
        fault = error.errors()[0]
        raise Invalid(f"--{fault['loc'][0]}: {fault['msg']}.") from None
    return described


def _open_input(input: Any, given: dict[str, Any]) -> dict[str, Any]:
    """A network that leaves the size of its pictures open."""
    shapes = list(input.tensors.items()) if isinstance(input, TensorInput) else []
    if len(shapes) != 1 or len(shapes[0][1][1]) != 4:
        raise Invalid("The file takes no pictures, so --mean, --scale, --channels and --size mean nothing.")
    if "width" not in given:
        raise Invalid("The network leaves the size of its pictures open; say it with --size.")
    name, (_, (_, first, _, last)) = shapes[0]
    layout = "NHWC" if last in {1, 3} and first not in {1, 3} else "NCHW"
    depth = last if layout == "NHWC" else first
    return {"input": name, "layout": layout, "channels": "GRAY" if depth == 1 else "RGB"}


def _open_output(output: ModelOutput, labels: list[Label] | None) -> ModelOutput:
    if output.task == "classification":
        return output
    if labels is None:
        raise Invalid("The file does not say what its classes are; name them with --labels.")
    embedding = next((name for name in output.tensors if "embed" in name.lower()), None)
    probable = [name for name in output.tensors if name != embedding]
    return ModelOutput(
        task="classification",
        labels=tuple(labels),
        probabilities=next((name for name in probable if "prob" in name.lower()), probable[0]),
        embedding=embedding,
        tensors=output.tensors,
    )


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in {1, 3}:
        raise Invalid(f"{option} takes one number, or one for each of three channels: {text!r} is neither.")
    return numbers


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().replace("×", "x").partition("x")
    try:
        return int(width), int(height or width)
    except ValueError:
        raise Invalid(f"--size takes WIDTHxHEIGHT, like 224x224: {text!r} is none.") from None


def _labels(file: Path) -> list[Label]:
    text = read_text(file)
    if text.lstrip().startswith("["):
        try:
            labels = json.loads(text)
        except ValueError as error:
            raise Invalid(f"{file} is not a JSON list: {error}.") from None
        if not all(isinstance(label, str | int | float) for label in labels):
            raise Invalid(f"{file} holds something that is neither text nor number.")
        return list(labels)
    return [line.strip() for line in text.rstrip().splitlines()]
