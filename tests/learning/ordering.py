"""Training in this process, for tests that are about the model and not about processes."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from feria.learning.training import train as _train

LIMITS = {"rows": 100_000, "columns": 100}


@dataclass(frozen=True)
class Made:
    result: dict[str, Any]
    file: bytes
    said: list[tuple[str, float]]


def train(
    kind: str, target: str, source: dict[str, Any], limits: dict[str, int] = LIMITS, **order: Any
) -> Made:
    """`source` is `{"columns", "rows"}` or `{"file"}`. What comes back has been through JSON."""
    said: list[tuple[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "model.onnx")
        result = _train(
            {"kind": kind, "target": target, **order},
            {"columns": None, **source},
            str(out),
            limits,
            lambda doing, done: said.append((doing, done)),
        )
        return Made(json.loads(json.dumps(result, allow_nan=False)), out.read_bytes(), said)


def predict(made: Made, numbers: list[list[float]]) -> np.ndarray[Any, Any]:
    """The first output, flat, for a model that takes numbers only."""
    session = onnxruntime.InferenceSession(made.file)
    answer: np.ndarray[Any, Any] = session.run(None, {"numbers": np.array(numbers, np.float32)})[0]
    return answer.ravel()
