"""What a client may not answer: anything that would spoil the arrays of all.

Each fault is said in a sentence that names it. It is found before the answer is aggregated, so one broken or
lying client costs a round nothing but itself.
"""

from collections.abc import Callable, Mapping

import msgspec
import numpy as np
from flwr.app import Array, ArrayRecord, Message, MessageType, MetricRecord, RecordDict

from feria.errors import Invalid
from feria.federation.flower import npy_head, of_kind

SAMPLES = "num-examples"
"""Under this name Flower's strategies look for the rows that a client has trained on."""


ReadTrees = Callable[[bytes], object]
"""Raises `Invalid` for trees that other clients could not go on from."""


class Screening:
    """Looks at one answer after the other; called by `WatchGrid`."""

    def __init__(
        self, samples: Mapping[str, int] | None = None, *, read_trees: ReadTrees | None = None
    ) -> None:
        """`samples` are the rows that clients, by name, have registered with. With `read_trees` the arrays
        are XGBoost's JSON, which grows, and no numbers."""
        self._samples = samples or {}
        self._read_trees = read_trees
        self._sent: tuple[ArrayRecord, dict[str, bytes]] | None = None

    def __call__(self, sent: Message, reply: Message, name: str) -> str | None:
        """The first fault found, or None."""
        content = reply.content
        fault = self._samples_fault(content, self._samples.get(name))
        if fault is None and sent.metadata.message_type == MessageType.TRAIN:
            fault = self._arrays_fault(sent.content, content)
        return fault

    def _samples_fault(self, content: RecordDict, registered: int | None) -> str | None:
        records = of_kind(content, MetricRecord)
        if len(records) != 1:
            return f"It sent {len(records)} records of metrics instead of one."
        samples = records[0][1].get(SAMPLES)
        if not isinstance(samples, int) or samples < 1:
            return f"Its '{SAMPLES}' is {samples!r} and must be a whole number above 0."
        if registered is not None and samples > registered:
            return f"It says it has {samples} rows and has registered with {registered}."
        return None

    def _arrays_fault(self, sent: RecordDict, content: RecordDict) -> str | None:
        records = of_kind(content, ArrayRecord)
        if len(records) != 1:
            return f"It sent {len(records)} records of arrays instead of one."
        arrays, expected = records[0][1], of_kind(sent, ArrayRecord)[0][1]
        if list(arrays) != list(expected):
            return f"It sent the arrays {', '.join(arrays)} instead of {', '.join(expected)}."
        heads = self._heads(expected)
        for key, array in arrays.items():
            if self._read_trees is not None:
                fault = _trees_fault(array, self._read_trees)
            else:
                fault = _fault(array, expected[key], heads[key])
            if fault is not None:
                return f"Its array '{key}' {fault}."
        return None

    def _heads(self, expected: ArrayRecord) -> dict[str, bytes]:
        """The .npy headers of what was sent: an answer that begins with the same bytes needs no parsing."""
        if self._sent is None or self._sent[0] is not expected:
            self._sent = (expected, {key: npy_head(array.data) for key, array in expected.items()})
        return self._sent[1]


def _fault(array: Array, expected: Array, head: bytes) -> str | None:
    if array.data.startswith(head) and len(array.data) == len(expected.data):
        values = np.frombuffer(array.data, np.dtype(expected.dtype), offset=len(head))
    else:
        try:
            values = array.numpy()
        except (ValueError, TypeError, EOFError, OSError):
            return "cannot be read"
        if values.shape != expected.shape:
            return f"has the shape {values.shape} instead of {expected.shape}"
        if values.dtype.kind not in "biuf":
            return f"holds {values.dtype}, which are no numbers"
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return "holds NaN" if np.isnan(values).any() else "holds infinity"
    return None


# ------------------------------------------------------------------- XGBoost's JSON, as Flower reads it
class _Param(msgspec.Struct):
    num_trees: str
    num_parallel_tree: str


class _Trees(msgspec.Struct):
    gbtree_model_param: _Param
    trees: list[dict[str, object]]
    iteration_indptr: list[int]


class _Booster(msgspec.Struct):
    model: _Trees


class _Learner(msgspec.Struct):
    gradient_booster: _Booster


class _Model(msgspec.Struct):
    learner: _Learner


_trees = msgspec.json.Decoder(_Model)


def _trees_fault(array: Array, read: ReadTrees) -> str | None:
    try:
        data = array.numpy().tobytes()
        model = _trees.decode(data).learner.gradient_booster.model
        told = int(model.gbtree_model_param.num_trees)
        parallel = int(model.gbtree_model_param.num_parallel_tree)
    except (msgspec.MsgspecError, ValueError, TypeError, EOFError, OSError):
        return "is no XGBoost model in JSON"
    if not 0 < parallel <= told == len(model.trees) or not model.iteration_indptr:
        return f"tells of {told} trees and holds {len(model.trees)}"
    try:
        read(data)
    except Invalid as error:
        return f"holds no trees for these columns: {error.message}"
    return None
