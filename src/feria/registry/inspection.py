"""What a model file is, found out in a process of its own: a hostile file harms nothing there."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from feria.errors import FeriaError, NotAModel
from feria.registry.wire import (
    METADATA_KEY,
    Column,
    Description,
    FileMetadata,
    ImageInput,
    ModelInput,
    ModelOutput,
    TabularInput,
    TensorInput,
)
from feria.tasks.processes import Report

if TYPE_CHECKING:
    import onnx
    import onnxruntime
    from google.protobuf.message import Message

OPERATOR_SETS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
IMAGE_CHANNELS: dict[int, Literal["GRAY", "RGB"]] = {1: "GRAY", 3: "RGB"}
MAX_SIDE = 4096
USUAL_SIDE = 224
"""Taken where the graph leaves the size open, as ImageNet's networks do."""


def inspect(path: str, said: dict[str, Any], report: Report) -> dict[str, Any]:
    """Check the file and describe it. Runs inside a worker process; see `Processes.run`.

    `said` is the publisher's `Description` as JSON. It goes before what the file says of itself, and that
    before what its inputs and outputs let one conclude. Returns `FileMetadata` as JSON. Raises `NotAModel`
    with a sentence that says why not.
    """
    try:
        return _inspected(Path(path), Description.model_validate(said), report).model_dump(mode="json")
    except (FeriaError, MemoryError):
        raise
    except Exception as error:  # damaged bytes make the libraries fail in ways of their own
        raise NotAModel(f"The file is damaged: {_first_line(error)}") from error


def _inspected(path: Path, said: Description, report: Report) -> FileMetadata:
    report("reading the file", 0.1)
    model = _parse(path)
    _refuse_external_data(model)
    _refuse_unknown_operators(model)
    report("checking the graph", 0.4)
    _check(model)
    report("running it once", 0.7)
    session = _session(str(path))
    described = _combined(_described_by_itself(model) or _concluded(session), said)
    _fits_the_graph(described, session)
    _can_be_unsure(described)
    _run_once(described, session)
    return described


def _parse(path: Path) -> "onnx.ModelProto":
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except DecodeError:
        raise NotAModel("The file is not ONNX: it cannot be parsed.") from None
    if not model.graph.node or not model.opset_import:
        raise NotAModel("The file is not ONNX: it holds no graph.")
    return model


def _refuse_external_data(model: "onnx.ModelProto") -> None:
    import onnx

    for message in _messages(model):
        if isinstance(message, onnx.TensorProto) and message.data_location == onnx.TensorProto.EXTERNAL:
            raise NotAModel(
                f"The tensor {message.name!r} lives in another file; save the model with its weights inside."
            )


def _refuse_unknown_operators(model: "onnx.ModelProto") -> None:
    import onnx
    from onnx import defs

    versions = {opset.domain: opset.version for opset in model.opset_import}
    local = {(function.domain, function.name) for function in model.functions}
    for message in _messages(model):
        if not isinstance(message, onnx.NodeProto) or (message.domain, message.op_type) in local:
            continue
        name = f"{message.domain}.{message.op_type}" if message.domain else message.op_type
        domain = "" if message.domain == "ai.onnx" else message.domain
        if domain not in OPERATOR_SETS:
            raise NotAModel(f"The operator {name} is of a set this node does not know.")
        if domain == "com.microsoft":
            continue  # ONNX Runtime's own; it says itself, on loading, when it lacks one
        version = versions.get(message.domain, versions.get(domain, 0))
        newest = defs.onnx_opset_version() if domain == "" else 5
        if not 1 <= version <= newest:
            raise NotAModel(
                f"The file wants operator set {domain or 'ai.onnx'} {version}; this node knows 1 to {newest}."
            )
        if not defs.has(message.op_type, version, domain):
            raise NotAModel(f"There is no operator {name} in operator set {version}.")


def _messages(message: "Message") -> "Iterator[Message]":
    """This protobuf message and all inside it: subgraphs and functions hold nodes and tensors too."""
    waiting = [message]
    while waiting:
        current = waiting.pop()
        yield current
        for field, value in current.ListFields():
            if field.message_type is not None:
                waiting.extend(value if isinstance(value, Iterable) else [value])


def _check(model: "onnx.ModelProto") -> None:
    import onnx

    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise NotAModel(f"The graph is not valid ONNX: {_first_line(error)}") from None


def _session(path: str) -> "onnxruntime.InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base of their own
        raise NotAModel(f"ONNX Runtime refuses the file: {_first_line(error)}") from None


def _described_by_itself(model: "onnx.ModelProto") -> FileMetadata | None:
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            try:
                return FileMetadata.model_validate_json(entry.value)
            except ValidationError:
                raise NotAModel(
                    f"The file's own description (metadata `{METADATA_KEY}`) is not one this node can read."
                ) from None
    return None


def _concluded(session: "onnxruntime.InferenceSession") -> FileMetadata:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    input = _image(inputs) or _rows(inputs) or _tensors(inputs)
    return FileMetadata(kind="onnx", input=input, output=_outputs(outputs, input))


def _combined(found: FileMetadata, said: Description) -> FileMetadata:
    output = said.output or found.output
    if said.labels is not None:
        output = output.model_copy(update={"labels": said.labels})
    if said.unsure_below is not None:
        output = output.model_copy(update={"unsure_below": said.unsure_below})
    kind = said.kind if said.kind != "onnx" else found.kind
    return FileMetadata(kind=kind, input=said.input or found.input, output=output)


def _image(inputs: list[Any]) -> ImageInput | None:
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
        return None
    _, *shape = inputs[0].shape
    layout: Literal["NCHW", "NHWC"] = "NCHW" if shape[0] in IMAGE_CHANNELS else "NHWC"
    depth, *sides = shape if layout == "NCHW" else (shape[2], *shape[:2])
    height, width = (side if isinstance(side, int) else USUAL_SIDE for side in sides)
    if depth not in IMAGE_CHANNELS or not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        return None
    return ImageInput(
        input=inputs[0].name, width=width, height=height, channels=IMAGE_CHANNELS[depth], layout=layout
    )


def _rows(inputs: list[Any]) -> TabularInput | None:
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:
        return None
    columns = inputs[0].shape[1]
    if not isinstance(columns, int) or columns < 1:
        return None
    return TabularInput(
        columns=tuple(Column(name=f"x{i}", kind="number", nullable=False) for i in range(1, columns + 1)),
        numbers_input=inputs[0].name,
    )


def _tensors(inputs: list[Any]) -> TensorInput:
    return TensorInput(
        tensors={
            one.name: (one.type, tuple(n if isinstance(n, int) else None for n in one.shape))
            for one in inputs
        }
    )


def _outputs(outputs: list[Any], input: ModelInput) -> ModelOutput:
    names = tuple(one.name for one in outputs)
    if isinstance(input, TensorInput):
        return ModelOutput(task="tensor", tensors=names)
    floats = [one for one in outputs if one.type == "tensor(float)"]
    flat = [one for one in floats if len(one.shape) in {1, 2}]
    wide = [one for one in flat if len(one.shape) == 2 and isinstance(one.shape[1], int) and one.shape[1] > 1]
    embedding = next(
        (one.name for one in flat if len(one.shape) == 2 and "embed" in one.name.lower()), None
    )  # its width may well be left open in the file
    classes = [one for one in wide if one.name != embedding]
    labels = [
        one for one in outputs if one.type in {"tensor(string)", "tensor(int64)"} and len(one.shape) == 1
    ]
    if classes:
        chosen = next((one for one in classes if "prob" in one.name.lower()), classes[0])
        return ModelOutput(
            task="classification",
            labels=tuple(str(i) for i in range(chosen.shape[1])),
            probabilities=chosen.name,
            value=labels[0].name if labels and isinstance(input, TabularInput) else None,
            embedding=embedding,
            tensors=names,
        )
    if flat and isinstance(input, TabularInput):
        return ModelOutput(task="regression", value=flat[0].name, tensors=names)
    return ModelOutput(task="tensor", embedding=embedding, tensors=names)


def _fits_the_graph(described: FileMetadata, session: "onnxruntime.InferenceSession") -> None:
    """A description that names what is not there would fail at the first request; say so now."""
    input, output = described.input, described.output
    match input:
        case TabularInput():
            wanted = {input.numbers_input, input.texts_input} - {None}
        case ImageInput():
            wanted = {input.input}
        case TensorInput():
            wanted = set(input.tensors)
    have = {one.name for one in session.get_inputs()}
    if wanted != have:
        raise NotAModel(
            f"The description names the inputs {sorted(map(str, wanted))}, the graph has {sorted(have)}."
        )
    named = {output.value, output.probabilities, output.embedding, *output.tensors} - {None}
    missing = named - {one.name for one in session.get_outputs()}
    if missing:
        raise NotAModel(
            f"The description names outputs the graph does not have: {sorted(map(str, missing))}."
        )


def _can_be_unsure(described: FileMetadata) -> None:
    sees_classes = isinstance(described.input, ImageInput) and described.output.task == "classification"
    if described.output.unsure_below is not None and not sees_classes:
        raise NotAModel("`unsure_below` is for classifiers of pictures.")


def _run_once(described: FileMetadata, session: "onnxruntime.InferenceSession") -> None:
    import numpy as np

    input = described.input
    feeds: dict[str, Any] = {}
    match input:
        case TabularInput():
            numbers = sum(column.kind == "number" for column in input.columns)
            if input.numbers_input:
                feeds[input.numbers_input] = np.zeros((1, numbers), np.float32)
            if input.texts_input:
                feeds[input.texts_input] = np.full((1, len(input.columns) - numbers), "", object)
        case ImageInput():
            depth = 1 if input.channels == "GRAY" else 3
            shape = (
                (1, depth, input.height, input.width)
                if input.layout == "NCHW"
                else (1, input.height, input.width, depth)
            )
            feeds[input.input] = np.zeros(shape, np.float32)
        case TensorInput():
            return  # free shapes: only the caller knows which agree
    try:
        outputs = dict(
            zip([one.name for one in session.get_outputs()], session.run(None, feeds), strict=True)
        )
    except Exception as error:
        raise NotAModel(f"The model does not run: {_first_line(error)}") from None
    _labels_fit(described.output, outputs)


def _labels_fit(output: ModelOutput, outputs: dict[str, Any]) -> None:
    if output.task != "classification":
        return
    if output.probabilities is None or output.labels is None:
        raise NotAModel("A classifier's description needs `probabilities` and `labels`.")
    width = math.prod(outputs[output.probabilities].shape[1:])
    if width != len(output.labels):
        raise NotAModel(f"There are {len(output.labels)} labels for {width} classes.")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
