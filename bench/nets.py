"""The picture network that is measured: MobileNetV2 for 96×96 pictures and seven classes, made here.

Sandler et al. 2018, https://arxiv.org/abs/1801.04381, with its batch normalisation folded into the
convolutions, as an exported network has it. 2.2 million float32 parameters, drawn at random from a fixed
seed: what it answers means nothing, what it costs is what the real one costs.
"""

import io
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from feria.registry.wire import Description, ImageInput

SIDE = 96
LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
INPUT = ImageInput(input="image", width=SIDE, height=SIDE)
DESCRIPTION = Description(kind="mobilenet_v2", input=INPUT, labels=LABELS)

BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, repetitions, first stride: table 2 of the paper."""
LAST_CHANNELS = 1280


class Net:
    """A graph being written, layer after layer."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.weights: list[Any] = [
            numpy_helper.from_array(np.array(value, np.float32), name)
            for name, value in (("zero", 0), ("six", 6))
        ]

    def node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def weight(self, *shape: int, spread: float) -> str:
        name = f"weight_{len(self.weights)}"
        values = self._random.normal(0, spread, shape).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def convolution(
        self,
        x: str,
        before: int,
        after: int,
        size: int,
        *,
        stride: int = 1,
        groups: int = 1,
        bent: bool = True,
    ) -> str:
        """With its bias, and ReLU6 where `bent`. He's spread keeps the signal's size through the layers."""
        entering = before // groups * size * size
        weight = self.weight(after, before // groups, size, size, spread=(2 / entering) ** 0.5)
        bias = self.weight(after, spread=0.05)
        x = self.node(
            "Conv",
            [x, weight, bias],
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=[size // 2] * 4,
            group=groups,
        )
        return self.node("Clip", [x, "zero", "six"]) if bent else x

    def block(self, x: str, before: int, after: int, expansion: int, stride: int) -> str:
        """An inverted residual: widen, filter each channel, narrow; and the input added where it fits."""
        wide = before * expansion
        y = self.convolution(x, before, wide, 1) if expansion > 1 else x
        y = self.convolution(y, wide, wide, 3, stride=stride, groups=wide)
        y = self.convolution(y, wide, after, 1, bent=False)
        return self.node("Add", [x, y]) if stride == 1 and before == after else y


def mobile_net(seed: int = 0) -> bytes:
    """`image` float32 `[N, 3, 96, 96]` from 0 to 1 → `probabilities` float32 `[N, 7]`, as an ONNX file."""
    net = Net(seed)
    x, channels = net.convolution("image", 3, 32, 3, stride=2), 32
    for expansion, after, times, stride in BLOCKS:
        for i in range(times):
            x, channels = net.block(x, channels, after, expansion, stride if i == 0 else 1), after
    x = net.convolution(x, channels, LAST_CHANNELS, 1)
    x = net.node("Flatten", [net.node("GlobalAveragePool", [x])])
    dense = net.weight(LAST_CHANNELS, len(LABELS), spread=LAST_CHANNELS**-0.5)
    x = net.node("Gemm", [x, dense, net.weight(len(LABELS), spread=0.05)])
    net.nodes.append(helper.make_node("Softmax", [x], ["probabilities"], "probabilities", axis=1))
    graph = helper.make_graph(
        net.nodes,
        "mobilenet_v2",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", len(LABELS)])],
        net.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    file: bytes = model.SerializeToString(deterministic=True)
    return file


def pictures(count: int = 16, seed: int = 0) -> list[bytes]:
    """JPEGs of 96×96 pixels and some 6 KB: smooth shapes with a grain, as a camera's crop has them."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
        grain = random.normal(0, 16, smooth.shape)
        out = io.BytesIO()
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=90)
        made.append(out.getvalue())
    return made
