"""The networks that come with feria: a picture on one core, and what eight bits are worth in the batcher.

A file that ships is in eight bits where that cost it nothing. Its twin in 32 is the same graph with the
roundings taken out, so both do the same sums; they are asked in turn, by the same node.
"""

import asyncio
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import ModelProto, helper, numpy_helper
from PIL import Image

from bench.load import percentile
from bench.processes import Failed
from bench.report import Grid, Outcome, Promise, number, ranged
from bench.rounds import Spread, spread
from bench.run import Run
from feria.drawings.pictures import draw
from feria.inference.engine import Engine
from feria.inference.pictures import PictureReader
from feria.node import open_node
from feria.registry.shelf import Registry
from feria.registry.shipped import FOLDER
from feria.registry.wire import METADATA_KEY, FileMetadata, ImageInput
from feria.settings import InferenceSettings, RegistrySettings, Settings

NAME = "shipped_models"
LIMITS = {"products": 3.0, "emotions": 1.0}
"""Milliseconds a picture, on one core."""
TWIN = "_in_32_bits"
PICTURE_SIDE = 160
IN_FLIGHT = 32


@dataclass
class Figures:
    ms: list[float] = field(default_factory=list)
    """Of one picture on one core: from its bytes to the network's answer; p50 of each round."""
    a_second: list[float] = field(default_factory=list)
    """From the batcher, with so many in flight."""


def run(run: Run) -> Outcome:
    files = {file.stem: file for file in sorted(FOLDER.glob("*.onnx")) if file.stem in LIMITS}
    if not files:
        raise Failed(f"No network ships in {FOLDER}.")
    for name, file in list(files.items()):
        if in_eight_bits(model := onnx.load(file)):
            files[name + TWIN] = run.scratch / f"{name}{TWIN}.onnx"
            onnx.save(in_32_bits(model), files[name + TWIN])
    found = asyncio.run(measured(run, files))
    return Outcome(
        NAME,
        grids=[
            Grid(
                f"The networks that ship, {PICTURE_SIDE} px JPEG pictures",
                ["Network", "MB", "ms a picture, one core", f"pictures/s, {IN_FLIGHT} in flight"],
                [
                    [
                        name.replace("_", " "),
                        f"{files[name].stat().st_size / 1e6:.2f}",
                        ranged(spread(figures.ms)),
                        ranged(spread(figures.a_second)),
                    ]
                    for name, figures in found.items()
                ],
            )
        ],
        promises=list(promises(found)),
        notes=["From the bytes of the picture, which is decoded and fitted in both columns."],
    )


def promises(found: dict[str, Figures]) -> Iterator[Promise]:
    for name, limit in LIMITS.items():
        if name not in found:
            continue
        took = spread(found[name].ms)
        yield Promise(
            f"{name}-ms", f"{number(took.median)} ms", "–", "", took.median, f"≤ {limit:g} ms", is_ratio=False
        )
        if name + TWIN in found:
            ratio = ratios(found[name].a_second, found[name + TWIN].a_second)
            yield Promise(
                f"{name}-eight-bits",
                f"{number(spread(found[name].a_second).median)} pictures/s",
                "the same network in 32 bits",
                f"{number(spread(found[name + TWIN].a_second).median)} pictures/s",
                ratio.median,
                "≥ 1.5",
            )


def ratios(ours: list[float], theirs: list[float]) -> Spread:
    return spread(a / b for a, b in zip(ours, theirs, strict=True))


async def measured(run: Run, files: dict[str, Path]) -> dict[str, Figures]:
    found = {name: Figures() for name in files}
    pictures = [jpeg(seed) for seed in range(16)]
    settings = Settings(
        home=run.scratch / "home",
        registry=RegistrySettings(shipped=False),
        inference=InferenceSettings(max_wait_milliseconds=1_000),  # all in flight are to be taken
        _env_file=None,
    )
    async with open_node(settings) as node:
        registry, engine = node.parts[Registry], node.parts[Engine]
        for name, file in files.items():
            await registry.publish(name, file.read_bytes())
            await in_flight(engine, name, pictures, 0.2)
        for n in range(run.rounds):
            for name, file in files.items():
                run.tell(f"round {n + 1} of {run.rounds}: {name}")
                found[name].ms.append(await asyncio.to_thread(alone, file, pictures, run.seconds))
                found[name].a_second.append(await in_flight(engine, name, pictures, 2 * run.seconds))
    return found


def alone(file: Path, pictures: list[bytes], seconds: float) -> float:
    """Milliseconds a picture, p50, on one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    told = FileMetadata.model_validate_json(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    assert isinstance(told.input, ImageInput)
    reader = PictureReader(told.input, PICTURE_SIDE**2)
    shape = [1, *(int(one) for one in session.get_inputs()[0].shape[1:])]
    ready = np.empty(shape, np.float32)
    taken, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        reader.read(pictures[len(taken) % len(pictures)], ready[0])
        session.run(None, {told.input.input: ready})
        taken.append((time.perf_counter() - began) * 1e3)
    return percentile(sorted(taken), 0.5)


async def in_flight(engine: Engine, name: str, pictures: list[bytes], seconds: float) -> float:
    """Answers a second."""
    answered, until = 0, time.perf_counter() + seconds

    async def ask(first: int) -> None:
        nonlocal answered
        at = first
        while time.perf_counter() < until:
            await engine.predict(name, [pictures[at % len(pictures)]])
            answered, at = answered + 1, at + 1

    await asyncio.gather(*(ask(first) for first in range(IN_FLIGHT)))
    return answered / seconds


def jpeg(seed: int) -> bytes:
    made = io.BytesIO()
    picture: Image.Image = draw("shirt", seed, PICTURE_SIDE, 0)
    picture.save(made, "JPEG", quality=85)
    return made.getvalue()


def in_eight_bits(model: ModelProto) -> bool:
    return any(node.op_type == "QuantizeLinear" for node in model.graph.node)


def in_32_bits(model: ModelProto) -> ModelProto:
    """The same graph without its roundings: weights as the numbers they stand for, nothing else rounded."""
    twin = ModelProto()
    twin.CopyFrom(model)
    constants = {one.name: numpy_helper.to_array(one) for one in twin.graph.initializer}
    passed: dict[str, str] = {}
    kept = []
    for node in twin.graph.node:
        if node.op_type == "QuantizeLinear" and constants[node.input[2]] == 0:
            # What is below nought is rounded to it, so the tool has left out the Relu that did the same.
            kept.append(helper.make_node("Relu", [node.input[0]], [node.output[0]]))
        elif node.op_type == "QuantizeLinear":
            passed[node.output[0]] = node.input[0]
        elif node.op_type == "DequantizeLinear" and node.input[0] in constants:
            whole, scale, zero = (constants[name].astype(np.float32) for name in node.input)
            axis = next((one.i for one in node.attribute if one.name == "axis"), 1)
            if scale.ndim:
                shape = [-1 if n == axis else 1 for n in range(whole.ndim)]
                scale, zero = scale.reshape(shape), zero.reshape(shape)
            weight = ((whole - zero) * scale).astype(np.float32)
            twin.graph.initializer.append(numpy_helper.from_array(weight, node.output[0]))
        elif node.op_type == "DequantizeLinear":
            passed[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    outputs = {output.name for output in twin.graph.output}
    for node in kept:
        node.input[:] = [source(name, passed) for name in node.input]
    made = {name for node in kept for name in node.output}
    for name in outputs - made:  # an output that was rounded last
        [maker] = [node for node in kept if source(name, passed) in node.output]
        maker.output[:] = [name if one == source(name, passed) else one for one in maker.output]
    del twin.graph.node[:]
    twin.graph.node.extend(kept)
    used = {name for node in kept for name in node.input}
    initializers = [one for one in twin.graph.initializer if one.name in used]
    del twin.graph.initializer[:]
    twin.graph.initializer.extend(initializers)
    del twin.graph.value_info[:]
    onnx.checker.check_model(twin)
    return twin


def source(name: str, passed: dict[str, str]) -> str:
    while name in passed:
        name = passed[name]
    return name
