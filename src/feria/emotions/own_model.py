"""A network of the operator's own, and what is in it."""

import asyncio
import hashlib
import logging
from pathlib import Path

from pydantic import ValidationError

from feria.errors import Invalid, NotAModel
from feria.registry.shelf import Registry
from feria.registry.wire import Description
from feria.tasks.processes import Report

log = logging.getLogger(__name__)

KERAS = frozenset({".h5", ".hdf5", ".keras"})


async def put_own(registry: Registry, file: Path, name: str) -> None:
    """Publish the file, unless it ever was a version of that name. Raises what publishing raises, `Invalid`
    for a description beside it that is none."""
    if file.suffix.lower() in KERAS:
        raise NotAModel(
            f"It is a Keras file; make an ONNX file of it first: feria models convert {file.name}"
        )
    content, description = await asyncio.to_thread(_read, file)
    if await registry.knew(name, hashlib.sha256(content).hexdigest()):
        return
    model = await registry.publish(name, content, description)
    log.info("%s came from %s.", model.reference, file)


def _read(file: Path) -> tuple[bytes, Description]:
    said = file.with_suffix(".json")
    try:
        content = file.read_bytes()
        told = said.read_bytes() if said.exists() else b"{}"
    except OSError as error:
        raise Invalid(f"{error.filename} cannot be read: {error.strerror}.") from None
    try:
        return content, Description.model_validate_json(told)
    except ValidationError as error:
        fault = error.errors()[0]
        raise Invalid(f"{said.name}, {fault['loc']}: {fault['msg']}.") from None


def count_parameters(path: str, report: Report) -> int:
    """Numbers that training chose: the weights, without shapes and scales. Runs inside a worker process;
    see `Processes.run`."""
    import math

    import onnx

    graph = onnx.load(path).graph
    scales = {
        name
        for node in graph.node
        if node.op_type in {"QuantizeLinear", "DequantizeLinear"}
        for name in node.input[1:]
    }
    weights = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE}
    weights |= {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}
    bias = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.input[:1]}
    return sum(
        math.prod(one.dims)
        for one in graph.initializer
        if one.name not in scales and (one.data_type in weights or one.name in bias)
    )
