"""Pictures as they might have been taken, made on the device that trains.

All functions take and return float32 pictures `[n, colours, h, w]` from 0 to 1, and draw from the generator
they are given, which lies on the same device; `mixed` from torch's own as well, which the loop seeds.
"""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Strength:
    degrees: float
    smallest: float
    """Zoom; below 1 the picture shrinks and its edge is repeated."""
    largest: float
    aspect: float
    """Width over height between 1/(1+a) and 1+a."""
    shift: float
    """Of a side."""
    brightness: float
    contrast: float
    gamma: float
    cast: float
    """Each colour's own factor."""
    saturation: float
    noise: float
    """Standard deviation, of the darkest to the lightest."""
    blurred: float
    """Share of the pictures that lose their fine detail, as through a cheap lens or heavy JPEG."""
    hidden: float
    """Side of a square that is blanked, of a side; DeVries and Taylor, arXiv:1708.04552."""


def augmented(x: Tensor, strength: Strength, generator: Generator) -> Tensor:
    x = _moved(x, strength, generator)
    x = _blurred(x, strength.blurred, generator)
    x = _lit(x, strength, generator)
    if strength.noise:
        deviation = strength.noise * _uniform(x, 0, 1, generator)
        x = x + deviation * torch.randn(x.shape, device=x.device, generator=generator)
    return _hidden(x, strength.hidden, generator)


def reduced(x: Tensor, side: int) -> Tensor:
    """As a smaller picture; as it is where it has that side."""
    if x.shape[-1] == side:
        return x
    return functional.interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False)


def mixed(x: Tensor, y: Tensor, generator: Generator, alpha: float = 0.2) -> tuple[Tensor, Tensor]:
    """Each picture laid over another, and their targets with them: mixup, Zhang et al., ICLR 2018."""
    share = torch.distributions.Beta(alpha, alpha).sample((len(x),)).to(x.device)
    share = torch.maximum(share, 1 - share)
    order = torch.randperm(len(x), device=x.device, generator=generator)
    of_x, of_y = share.view(-1, 1, 1, 1), share.view(-1, 1)
    return of_x * x + (1 - of_x) * x[order], of_y * y + (1 - of_y) * y[order]


def _moved(x: Tensor, s: Strength, generator: Generator) -> Tensor:
    n, _, h, w = x.shape
    turn = _uniform(x, -s.degrees, s.degrees, generator).flatten() * math.pi / 180
    zoom = torch.exp(_uniform(x, math.log(s.smallest), math.log(s.largest), generator)).flatten()
    wide = torch.exp(_uniform(x, -math.log1p(s.aspect), math.log1p(s.aspect), generator)).flatten().sqrt()
    across, down = (2 * _uniform(x, -s.shift, s.shift, generator).flatten() for _ in range(2))
    mirror = torch.where(_uniform(x, 0, 1, generator).flatten() < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(turn), torch.sin(turn)
    rows = [
        torch.stack([mirror * cos / (zoom * wide), -sin / (zoom * wide), across], 1),
        torch.stack([mirror * sin / (zoom / wide), cos / (zoom / wide), down], 1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), [n, 1, h, w], align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _blurred(x: Tensor, share: float, generator: Generator) -> Tensor:
    """Some of them reduced to half or less and enlarged again."""
    if not share:
        return x
    side = x.shape[-1]
    small = int(side * (0.4 + 0.4 * torch.rand((), generator=generator, device=x.device).item()))
    some = torch.nonzero(torch.rand(len(x), generator=generator, device=x.device) < share).flatten()
    if len(some) == 0:
        return x
    reduced = functional.interpolate(x[some], (small, small), mode="area")
    x = x.clone()
    x[some] = functional.interpolate(reduced, x.shape[-2:], mode="bilinear", align_corners=False)
    return x


def _lit(x: Tensor, s: Strength, generator: Generator) -> Tensor:
    if s.gamma:
        x = x.clamp(1e-4, 1) ** torch.exp(_uniform(x, -s.gamma, s.gamma, generator))
    if s.saturation and x.shape[1] == 3:
        grey = x.mean(1, keepdim=True)
        x = grey + (x - grey) * _uniform(x, 1 - s.saturation, 1 + s.saturation, generator)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * _uniform(x, 1 - s.contrast, 1 + s.contrast, generator)
    light = _uniform(x, 1 - s.brightness, 1 + s.brightness, generator)
    if s.cast and x.shape[1] == 3:
        own = torch.rand((len(x), 3, 1, 1), generator=generator, device=x.device)
        light = light * (1 - s.cast + 2 * s.cast * own)
    return x * light


def _hidden(x: Tensor, side: float, generator: Generator) -> Tensor:
    """A square of each picture in its mean colour, its middle anywhere."""
    if not side:
        return x
    h, w = x.shape[-2:]
    half = side * h / 2
    down = _uniform(x, 0, h, generator).view(-1, 1, 1)
    across = _uniform(x, 0, w, generator).view(-1, 1, 1)
    ys = torch.arange(h, device=x.device).view(1, -1, 1)
    xs = torch.arange(w, device=x.device).view(1, 1, -1)
    inside = ((ys - down).abs() < half) & ((xs - across).abs() < half)
    return torch.where(inside.unsqueeze(1), x.mean((2, 3), keepdim=True), x)


def _uniform(x: Tensor, low: float, high: float, generator: Generator) -> Tensor:
    """One number a picture, `[n, 1, 1, 1]`."""
    return low + (high - low) * torch.rand((len(x), 1, 1, 1), generator=generator, device=x.device)
