"""Rows as JSON that a node reads."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from feria.errors import Invalid


def table(rows: Any, columns: Sequence[str] | None = None) -> dict[str, Any]:
    """Rows as they go into a request's body. Raises `Invalid` when they are no rows."""
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Sequence):
        rows = _taken_from_frame(rows)
    if len(rows) and not (isinstance(rows[0], Mapping | Sequence) or hasattr(rows[0], "tolist")):
        raise Invalid("`rows` is a list of rows: of mappings, or of lists of values.")
    return {"rows": rows} if columns is None else {"columns": list(columns), "rows": rows}


def encode(body: Any) -> bytes:
    """JSON with null for NaN, and plain numbers for NumPy's."""
    try:
        text = json.dumps(body, allow_nan=False, default=_plain)
    except ValueError:  # some number is none: look at each, which takes longer
        text = json.dumps(_finite(body), default=_plain)
    return text.encode()


def _taken_from_frame(frame: Any) -> Any:
    """The rows of a Polars or pandas frame, or of a NumPy array, without importing any of them."""
    if hasattr(frame, "to_dicts"):
        return frame.to_dicts()
    if hasattr(frame, "to_dict") and hasattr(frame, "columns"):
        return frame.to_dict(orient="records")
    if hasattr(frame, "tolist") and getattr(frame, "ndim", 0) == 2:
        return frame.tolist()
    raise Invalid("Rows are a list of mappings or of lists of values, a data frame or an array.")


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return _finite(value.tolist())
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise Invalid(f"A row holds a {type(value).__name__}, which is neither number nor text.")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        if math.isinf(value):
            raise Invalid("A row holds an infinite number.")
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
