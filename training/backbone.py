"""A public network from its ONNX file, as one that can learn on; it knows MobileNetV2's operators."""

from pathlib import Path

import onnx
import torch
from onnx import NodeProto, numpy_helper
from torch import Tensor, nn
from torch.nn import functional


class Backbone(nn.Module):
    """Pictures `[n, 3, side, side]` as the file takes them, of any side, in; vectors `[n, d]` out."""

    def __init__(self, file: Path, output: str = "embedding", frozen: int = 0) -> None:
        """The first `frozen` convolutions stay as they are. Raises `ValueError` for an operator that is not
        known here."""
        super().__init__()
        graph = onnx.load(file).graph
        constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._frozen: list[NodeProto] = []
        self._nodes: list[NodeProto] = []
        self._input, self._output = graph.input[0].name, output
        self.weights = nn.ParameterDict()
        for node in graph.node:
            if node.op_type == "DequantizeLinear":
                whole, scale, zero = (constants[name].astype("float32") for name in node.input)
                constants[node.output[0]] = (whole - zero) * scale
                continue
            if node.op_type not in {"Conv", "Clip", "Add", "GlobalAveragePool", "Flatten"}:
                raise ValueError(f"{file.name} holds {node.op_type}, which is not known here.")
            held = frozen > 0
            (self._frozen if held else self._nodes).append(node)
            if node.op_type == "Conv":
                frozen -= 1
                for name in node.input[1:]:
                    weight = torch.from_numpy(constants[name].copy())
                    self.weights[name] = nn.Parameter(weight, requires_grad=not held)
            if output in node.output:
                break
        self._limits = {name: float(value) for name, value in constants.items() if value.ndim == 0}

    def forward(self, x: Tensor) -> Tensor:
        known = {self._input: x}
        with torch.no_grad():
            for node in self._frozen:
                known[node.output[0]] = self._run(node, known)
        for node in self._nodes:
            known[node.output[0]] = self._run(node, known)
        return known[self._output]

    def _run(self, node: NodeProto, known: dict[str, Tensor]) -> Tensor:
        x = known[node.input[0]]
        match node.op_type:
            case "Conv":
                told = {one.name: one for one in node.attribute}
                top, left, bottom, right = told["pads"].ints
                padded = functional.pad(x, (left, right, top, bottom)) if top != bottom else x
                return functional.conv2d(
                    padded,
                    self.weights[node.input[1]],
                    self.weights[node.input[2]],
                    stride=tuple(told["strides"].ints),
                    padding=top if top == bottom else 0,
                    groups=told["group"].i,
                )
            case "Clip":
                return x.clamp(*(self._limits[name] for name in node.input[1:]))
            case "Add":
                return x + known[node.input[1]]
            case "GlobalAveragePool":
                return x.mean((2, 3), keepdim=True)
            case _:
                return x.flatten(1)
