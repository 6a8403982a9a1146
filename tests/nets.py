"""Small networks made by hand, whose answers one can work out in one's head."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def model(
    nodes: list[Any],
    inputs: dict[str, tuple[int, list[Any]]],
    outputs: dict[str, tuple[int, list[Any]]],
    constants: dict[str, Any] | None = None,
    *,
    opset: int = 17,
    domain: str = "",
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
        [helper.make_tensor_value_info(name, *kind) for name, kind in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def linear(weights: list[float], bias: float = 0.0, *, rows: Any = "N") -> bytes:
    """`[rows, len(weights)]` → `value [rows, 1]`: the weighted sum plus the bias."""
    return model(
        [
            helper.make_node("MatMul", ["x", "w"], ["xw"]),
            helper.make_node("Add", ["xw", "b"], ["value"]),
        ],
        {"x": (FLOAT, [rows, len(weights)])},
        {"value": (FLOAT, [rows, 1])},
        {"w": np.array([weights], np.float32).T, "b": np.array([bias], np.float32)},
    ).SerializeToString()


def mean_colour(side: int = 8, *, channels: int = 3, layout: str = "NCHW", batch: Any = "N") -> bytes:
    """A picture → `prob [N, channels]`: softmax of the mean of each channel, times ten."""
    whole = [batch, channels, side, side] if layout == "NCHW" else [batch, side, side, channels]
    axes = [2, 3] if layout == "NCHW" else [1, 2]
    return model(
        [
            helper.make_node("ReduceMean", ["image"], ["mean"], axes=axes, keepdims=0),
            helper.make_node("Mul", ["mean", "ten"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["prob"], axis=1),
        ],
        {"image": (FLOAT, whole)},
        {"prob": (FLOAT, [batch, channels])},
        {"ten": np.float32(10)},
    ).SerializeToString()


def seeing(side: int = 8, *, cells: int = 2, open_width: bool = False) -> bytes:
    """A picture → `prob` as `mean_colour`, and `embedding [N, 3 * cells²]`: the mean colour of each cell less
    grey, scaled to length 1. `open_width` leaves its width unsaid, as some exporters do."""
    size = side // cells
    return model(
        [
            helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0),
            helper.make_node("Mul", ["mean", "ten"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["prob"], axis=1),
            helper.make_node(
                "AveragePool", ["image"], ["pooled"], kernel_shape=[size, size], strides=[size, size]
            ),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Sub", ["flat", "grey"], ["centred"]),
            helper.make_node("LpNormalization", ["centred"], ["embedding"], axis=1, p=2),
        ],
        {"image": (FLOAT, ["N", 3, side, side])},
        {"prob": (FLOAT, ["N", 3]), "embedding": (FLOAT, ["N", "D" if open_width else 3 * cells**2])},
        {"ten": np.float32(10), "grey": np.float32(0.47)},
    ).SerializeToString()


def seeing_nothing_in_black() -> bytes:
    """A picture of 8×8 → `prob`, and `embedding [N, 3]`: the mean colour divided by its length, which is no
    number where that is 0."""
    return model(
        [
            helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0),
            helper.make_node("Softmax", ["mean"], ["prob"], axis=1),
            helper.make_node("ReduceL2", ["mean"], ["length"], axes=[1], keepdims=1),
            helper.make_node("Div", ["mean", "length"], ["embedding"]),
        ],
        {"image": (FLOAT, ["N", 3, 8, 8])},
        {"prob": (FLOAT, ["N", 3]), "embedding": (FLOAT, ["N", 3])},
    ).SerializeToString()


def doubled() -> bytes:
    """Two inputs that no one has described: `a + b`, any shape."""
    return model(
        [helper.make_node("Add", ["a", "b"], ["sum"])],
        {"a": (FLOAT, ["N", "M", "K"]), "b": (FLOAT, ["N", "M", "K"])},
        {"sum": (FLOAT, ["N", "M", "K"])},
    ).SerializeToString()


def false_yunet() -> bytes:
    """Has the outputs of a YuNet by name, and next to nothing in them."""
    names = [f"{what}_{stride}" for what in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)]
    return model(
        [
            helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1, 2, 3], keepdims=0),
            *(helper.make_node("Identity", ["mean"], [name]) for name in names),
        ],
        {"input": (FLOAT, [1, 3, "height", "width"])},
        {name: (FLOAT, [1]) for name in names},
    ).SerializeToString()
