"""From trained weights to the one ONNX file that is served; NumPy and onnx only.

The graph is written node by node, so that it holds just what is needed: normalisation is folded into the
convolutions, the temperature into the last layer, and the outputs carry the names the registry knows.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from feria.registry.wire import METADATA_KEY, FileMetadata

OPSET, IR = 17, 8
EPSILON = 1e-5
"""Of torch's BatchNorm2d."""

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]
Weights = Mapping[str, Array]
"""A `networks.Residual`'s `state_dict`, as arrays."""


def weights(network: Any) -> Weights:
    """Of a torch module, on the processor."""
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}


class _Graph:
    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: Array) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def convolution(self, x: str, name: str, stride: int) -> str:
        weight, bias = folded(self._weights, name)
        side = weight.shape[-1]
        inputs = [x, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)]
        return self.node(
            "Conv", inputs, name, strides=[stride] * 2, pads=[side // 2] * 4, kernel_shape=[side] * 2
        )

    def relu(self, x: str) -> str:
        return self.node("Relu", [x], f"{x}.relu")

    def linear(self, x: str, name: str, factor: float = 1.0) -> str:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        inputs = [x, self.constant(f"{name}.weight", (weight * factor).astype(np.float32))]
        inputs.append(self.constant(f"{name}.bias", (bias * factor).astype(np.float32)))
        return self.node("Gemm", inputs, name, transB=1)


def folded(weights: Weights, name: str) -> tuple[Array, Array]:
    """A convolution `name.0` and its normalisation `name.1` as one convolution: weight, bias."""
    factor = weights[f"{name}.1.weight"] / np.sqrt(weights[f"{name}.1.running_var"] + EPSILON)
    bias = weights[f"{name}.1.bias"] - weights[f"{name}.1.running_mean"] * factor
    weight = weights[f"{name}.0.weight"] * factor.reshape(-1, 1, 1, 1)
    return weight.astype(np.float32), bias.astype(np.float32)


def graph(
    weights: Weights, shape: Mapping[str, Any], temperature: float, metadata: FileMetadata
) -> ModelProto:
    """Pictures `input [n, colours, side, side]` in; `probabilities [n, classes]` and, where the shape has an
    embedding, `embedding [n, d]` of length 1 out. `shape` as in `networks.Shape`; logits are divided by
    `temperature`."""
    g = _Graph(weights)
    x = "input"
    if shape.get("even_light", False):
        x = g.node("MeanVarianceNormalization", [x], "even", axes=[1, 2, 3])
    x = g.relu(g.convolution(x, "stem", shape["stem_stride"]))
    block = 0
    for stage, (_, repeats) in enumerate(shape["stages"]):
        for n in range(repeats):
            x = _block(g, x, f"blocks.{block}", 2 if stage and n == 0 else 1)
            block += 1
    x = g.node("Flatten", [g.node("GlobalAveragePool", [x], "pool")], "flat")
    size = shape["stages"][-1][0]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", shape["classes"]])]
    if shape["embedding"]:
        size = shape["embedding"]
        x = g.linear(x, "embed")
        g.node("LpNormalization", [x], "embedding", axis=1, p=2)
        outputs.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", size]))
    g.node("Softmax", [g.linear(x, "classify", 1 / temperature)], "probabilities", axis=1)
    picture = ["n", shape["colours"], shape["side"], shape["side"]]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, picture)]
    model = helper.make_model(
        helper.make_graph(g.nodes, metadata.kind, inputs, outputs, g.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="feria",
    )
    helper.set_model_props(model, {METADATA_KEY: metadata.model_dump_json()})
    checker.check_model(model, full_check=True)
    return model


def _block(g: _Graph, x: str, name: str, stride: int) -> str:
    inside = g.relu(g.convolution(x, f"{name}.first", stride))
    inside = g.convolution(inside, f"{name}.second", 1)
    beside = g.convolution(x, f"{name}.beside", stride) if f"{name}.beside.0.weight" in g._weights else x
    return g.relu(g.node("Add", [inside, beside], f"{name}.sum"))
