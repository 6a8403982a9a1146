"""Models small enough to check by hand."""

from collections.abc import Awaitable, Callable
from typing import Any

import onnx
from onnx import TensorProto, helper

Ask = Callable[..., Awaitable[Any]]
"""`await ask("predict", "heart", rows)`, whichever client it is."""


def doubling(factor: float = 2.0) -> bytes:
    """A regression that multiplies its only column."""
    number = helper.make_tensor("factor", TensorProto.FLOAT, [1, 1], [factor])
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "factor"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [number],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def brightness() -> bytes:
    """A classifier of 4×4 grey pictures: how sure it is that they are bright."""
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["bright"]),
        helper.make_node("Sub", ["unit", "bright"], ["dark"]),
        helper.make_node("Concat", ["dark", "bright"], ["prob"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [None, 1, 4, 4])],
        [helper.make_tensor_value_info("prob", TensorProto.FLOAT, [None, 2])],
        [
            helper.make_tensor("one", TensorProto.INT64, [1], [1]),
            helper.make_tensor("unit", TensorProto.FLOAT, [1], [1.0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()
