"""The networks that are trained: plain residual ones, whose normalisation folds away at export.

Residual blocks: He et al., "Deep residual learning for image recognition", CVPR 2016, figure 2.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

TINY = 1e-9
"""Added to a deviation that is divided by; ONNX's MeanVarianceNormalization has the same."""


@dataclass(frozen=True)
class Shape:
    """What a network looks like; written into its checkpoint, so that a file alone can be loaded again."""

    side: int
    """Pixels of a side of the picture."""
    colours: int
    """1 for grey, 3 for RGB."""
    stem: int
    """Channels of the first convolution."""
    stem_stride: int
    stages: tuple[tuple[int, int], ...]
    """(channels, blocks); each after the first begins by halving the sides."""
    embedding: int
    """Length of the vector before the classes; 0 for none beyond the last stage's channels."""
    classes: int
    even_light: bool = False
    """Whether each picture is first brought to mean 0 and deviation 1, whatever its light."""


class Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(before, after, 3, stride)
        self.second = _convolution(after, after, 3, 1)
        self.beside = _convolution(before, after, 1, stride) if (before, stride) != (after, 1) else None

    def forward(self, x: Tensor) -> Tensor:
        beside = x if self.beside is None else self.beside(x)
        return torch.relu(self.second(torch.relu(self.first(x))) + beside)


class Residual(nn.Module):
    """Pictures `[n, colours, side, side]` in, `(logits [n, classes], vectors [n, d])` out.

    The vectors are not normalised; the exported graph normalises them.
    """

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.stem = _convolution(shape.colours, shape.stem, 3, shape.stem_stride)
        blocks: list[Block] = []
        before = shape.stem
        for stage, (channels, repeats) in enumerate(shape.stages):
            for n in range(repeats):
                blocks.append(Block(before, channels, 2 if stage and n == 0 else 1))
                before = channels
        self.blocks = nn.Sequential(*blocks)
        self.embed = nn.Linear(before, shape.embedding) if shape.embedding else None
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(shape.embedding or before, shape.classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.shape.even_light:
            deviation = x.var((1, 2, 3), correction=0, keepdim=True).sqrt()
            x = (x - x.mean((1, 2, 3), keepdim=True)) / (deviation + TINY)
        x = self.blocks(torch.relu(self.stem(x))).mean((2, 3))
        vectors = x if self.embed is None else self.embed(x)
        return self.classify(self.dropout(vectors)), vectors


def _convolution(before: int, after: int, side: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, side, stride, side // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(after))


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def device() -> Any:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
