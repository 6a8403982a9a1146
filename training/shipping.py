"""The last steps of a training: one file, in eight bits if that loses nothing, with its card."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import ModelProto

from feria.registry.wire import Description
from training.loop import Plan
from training.quantise import quantised

FOLDER = Path("src/feria/assets/models")
BATCH = 128
LOST = 0.01
"""Accuracy that eight bits may cost."""

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Figures = dict[str, float]


@dataclass(frozen=True)
class Shipped:
    model: ModelProto
    eight_bits: bool
    plain: Figures
    small: Figures

    @property
    def figures(self) -> Figures:
        return self.small if self.eight_bits else self.plain


def smaller_if_as_good(model: ModelProto, shown: Floats, measure: Callable[[ModelProto], Figures]) -> Shipped:
    """The eight-bit form where its `accuracy` is within a point. `shown` as for `quantised`."""
    small = quantised(model, shown)
    plain_figures, small_figures = measure(model), measure(small)
    eight_bits = small_figures["accuracy"] >= plain_figures["accuracy"] - LOST
    return Shipped(small if eight_bits else model, eight_bits, plain_figures, small_figures)


def outputs(model: ModelProto, pictures: Floats) -> dict[str, Floats]:
    """All the model says of `pictures` `[n, …]`, by output name."""
    session = ort.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    parts = [
        session.run(names, {session.get_inputs()[0].name: pictures[start : start + BATCH]})
        for start in range(0, len(pictures), BATCH)
    ]
    return {name: np.concatenate([part[n] for part in parts]) for n, name in enumerate(names)}


def card(name: str, shipped: Shipped, plan: Plan, **facts: object) -> str:
    """The card `cards/{name}.md` with its figures filled in. Raises `KeyError` for one that is not given."""
    text = (Path(__file__).parent / "cards" / f"{name}.md").read_text(encoding="utf-8")
    return Template(text).substitute(
        {name: f"{value:.3f}" for name, value in shipped.figures.items()}
        | {
            "plain_accuracy": f"{shipped.plain['accuracy']:.3f}",
            "small_accuracy": f"{shipped.small['accuracy']:.3f}",
            "form": "put into eight bits" if shipped.eight_bits else "left in 32 bits",
            "size": f"{shipped.model.ByteSize() / 1e6:.2f} MB",
            "epochs": plan.epochs,
        }
        | facts
    )


def write(folder: Path, name: str, model: ModelProto, told: dict[str, Any], card: str) -> None:
    """`name.onnx`, `name.json` (what a publisher says of it) and `name.md`, its card."""
    folder.mkdir(parents=True, exist_ok=True)
    Description(card=card, **told)  # raises where a node would refuse it
    onnx.save(model, folder / f"{name}.onnx")
    text = json.dumps(told, indent=2, ensure_ascii=False)
    (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    (folder / f"{name}.md").write_text(card, encoding="utf-8")
