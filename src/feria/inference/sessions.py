"""ONNX Runtime as this node runs it: one thread a call, many calls at once."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from feria.errors import Invalid, NotAModel

Array = np.ndarray[Any, Any]


class Session:
    """One model's graph. `run` may be called from several threads."""

    def __init__(self, path: Path, providers: tuple[str, ...]) -> None:
        options = onnxruntime.SessionOptions()
        # Threads of its own would spin between calls and fight ours for the cores.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
        except Exception as error:  # its exceptions share no base of their own
            raise NotAModel(f"ONNX Runtime refuses the file: {str(error)[:300]}") from None
        self.outputs = [one.name for one in self._session.get_outputs()]
        first = self._session.get_inputs()[0].shape[0] if self._session.get_inputs()[0].shape else None
        self.batches = not isinstance(first, int)
        """Whether one call takes any number of items; else the graph was fixed to one size."""

    def run(self, feeds: dict[str, Array], wanted: list[str] | None = None) -> dict[str, Array]:
        """The named outputs, or all. Raises `Invalid` when the graph refuses the values."""
        try:
            values = self._session.run(wanted, feeds)
        except Exception as error:
            raise Invalid(f"The model refuses these values: {str(error)[:300]}") from None
        return dict(zip(wanted or self.outputs, values, strict=True))
