"""From a fitted estimator to one ONNX file that is enough to serve it, and the proof that both agree."""

import warnings
from typing import Any

import numpy as np
import onnx
import onnxruntime
import polars as pl
from onnx import TensorProto, compose, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.pipeline import Pipeline

from feria.errors import FeriaError
from feria.learning.dataset import Dataset
from feria.learning.estimators import Fitted
from feria.learning.kinds import Kind
from feria.learning.preprocessing import Preprocessing
from feria.registry.wire import METADATA_KEY, FileMetadata, ModelOutput, TabularInput

OPSET = 21
NUMBERS, TEXTS = "numbers", "texts"
PROBABILITY_TOLERANCE = 1e-4
"""How far a probability may be from the estimator's. Beside float32 this covers sums over thousands of
support vectors or trees, taken in another order."""
VALUE_TOLERANCE = 1e-4
"""The same for a number, as a share of the spread of the target plus a hundredth of the number itself."""
SAMPLE = 2000
BATCH = 4096

Array = np.ndarray[Any, Any]


class Graph:
    """An exported model, run as it will be served."""

    def __init__(self, file: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def run(self, output: str, frame: pl.DataFrame, numbers: int) -> Array:
        """One output for all rows of a `Dataset.frame` that begins with that many number columns."""
        pieces = [self._run(output, piece, numbers) for piece in frame.iter_slices(BATCH)]
        return np.concatenate(pieces)

    def _run(self, output: str, frame: pl.DataFrame, numbers: int) -> Array:
        feeds = {}
        if numbers:
            feeds[NUMBERS] = frame[:, :numbers].to_numpy(order="c").astype(np.float32, copy=False)
        if numbers < frame.width:
            feeds[TEXTS] = np.array(frame[:, numbers:].rows(), dtype=object)
        answer: Array = self._session.run([output], feeds)[0]
        return answer


def export(kind: Kind, preprocessing: Preprocessing, fitted: Fitted, data: Dataset) -> bytes:
    """The whole way from raw columns to labels and probabilities, or to a value, as one ONNX file.

    Outputs are `label` `[N]` of the labels' own type and `probabilities` float32 `[N, C]`, or `value`
    float32 `[N, 1]`. The file carries its `FileMetadata`.
    """
    width = data.frame.width
    inputs: list[tuple[str, Any]] = []
    if data.numbers:
        inputs.append((NUMBERS, FloatTensorType([None, data.numbers])))
    if data.numbers < width:
        inputs.append((TEXTS, StringTensorType([None, width - data.numbers])))
    classes = data.target.labels is not None
    with warnings.catch_warnings():
        # It reads what scikit-learn has deprecated, and writes booleans where onnx wants integers.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        model = convert_sklearn(
            Pipeline([("preprocessing", preprocessing.transformer), ("model", fitted.estimator)]),
            name=kind.name,  # without one it makes one up, and equal models get unequal digests
            initial_types=inputs,
            options={id(fitted.estimator): {"zipmap": False}} if classes else None,
            target_opset=OPSET,
        )
    if data.target.classes > 2:
        _drop_zeros(model)
    # So that no name in there is one of ours.
    model = compose.add_prefix(model, "inner/", rename_inputs=False)
    _name_outputs(model, data.target.labels, fitted)
    model.producer_name = "feria"
    helper.set_model_props(model, {METADATA_KEY: _metadata(kind, data).model_dump_json()})
    file: bytes = model.SerializeToString(deterministic=True)
    return file


def _drop_zeros(model: onnx.ModelProto) -> None:
    """A forest's leaf has a weight for every class, most of them zero: a file of many classes is mostly that.

    Not for two classes, where ONNX Runtime reads a single weight as something else.
    """
    for node in model.graph.node:
        if node.op_type == "TreeEnsembleClassifier":
            of = {attribute.name: attribute for attribute in node.attribute}
            kept = np.flatnonzero(of["class_weights"].floats)
            _keep(of["class_weights"].floats, kept)
            for name in ("class_ids", "class_nodeids", "class_treeids"):
                _keep(of[name].ints, kept)


def _keep(values: Any, places: Array) -> None:
    values[:] = np.array(values)[places].tolist()


def _name_outputs(model: onnx.ModelProto, labels: tuple[Any, ...] | None, fitted: Fitted) -> None:
    """The likeliest class by its own name, and the probabilities; or the value in its own unit.

    Estimators learn class numbers, for converters differ in which labels they can, and in which class
    wins a tie. Here it is the first, as in NumPy.
    """
    graph, last = model.graph, model.graph.output[-1]

    def add(operator: str, inputs: list[str], output: str, **attributes: Any) -> None:
        graph.node.append(helper.make_node(operator, inputs, [output], output, **attributes))

    if labels is None:
        for name, number in (("size", fitted.size), ("middle", fitted.middle)):
            graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, [], [number]))
        add("Mul", [last.name, "size"], "sized")
        add("Add", ["sized", "middle"], "value")
        outputs = [helper.make_tensor_value_info("value", TensorProto.FLOAT, [None, 1])]
    else:
        kind = _element_type(labels)
        values = [label.encode() for label in labels] if kind == TensorProto.STRING else labels
        graph.initializer.append(helper.make_tensor("labels", kind, [len(labels)], values))
        add("Identity", [last.name], "probabilities")
        add("ArgMax", ["probabilities"], "likeliest", axis=1, keepdims=0)
        add("Gather", ["labels", "likeliest"], "label")
        outputs = [
            helper.make_tensor_value_info("label", kind, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(labels)]),
        ]
    del graph.output[:]
    graph.output.extend(outputs)


def _element_type(labels: tuple[Any, ...]) -> int:
    if all(isinstance(label, str) for label in labels):
        return int(TensorProto.STRING)
    # DOUBLE, for a label of 0.1 in float32 would no longer be the 0.1 that stands in the description.
    return int(TensorProto.INT64 if all(isinstance(label, int) for label in labels) else TensorProto.DOUBLE)


def _metadata(kind: Kind, data: Dataset) -> FileMetadata:
    classes = data.target.labels is not None
    return FileMetadata(
        kind=kind.name,
        input=TabularInput(
            columns=data.columns,
            numbers_input=NUMBERS if data.numbers else None,
            texts_input=TEXTS if data.numbers < data.frame.width else None,
        ),
        output=ModelOutput(
            task=data.target.task,
            labels=data.target.labels,
            value="label" if classes else "value",
            probabilities="probabilities" if classes else None,
            tensors=("label", "probabilities") if classes else ("value",),
        ),
    )


def verify(graph: Graph, preprocessing: Preprocessing, fitted: Fitted, data: Dataset, seed: int) -> float:
    """Ask both about a sample of the rows, and about a row where all is missing.

    Returns the largest difference, in units of the tolerance: 1 is the most that passes. Beyond it,
    raises `FeriaError`: that would be a bug of ours, and nothing may be published.
    """
    frame = data.frame.sample(min(SAMPLE, data.frame.height), seed=seed)
    empty = [np.nan] * data.numbers + [""] * (frame.width - data.numbers)
    frame = frame.vstack(pl.DataFrame([empty], frame.schema, orient="row"))
    theirs = fitted.answer(preprocessing.apply(frame))
    if data.target.task == "classification":
        off = np.abs(graph.run("probabilities", frame, data.numbers) - theirs) / PROBABILITY_TOLERANCE
    else:
        spread = np.std(data.target.values) or 1.0
        allowed = VALUE_TOLERANCE * (spread + np.abs(theirs) / 100)
        off = np.abs(graph.run("value", frame, data.numbers).ravel() - theirs) / allowed
    worst = float(off.max())
    if not worst <= 1:
        raise FeriaError(
            f"The exported model answers unlike the estimator ({worst:.3g} times the tolerance). "
            "Nothing was published."
        )
    return worst
