"""Trees of several clients as one model: how they travel, are united, asked, and become a graph.

They travel as XGBoost's JSON (its documentation, "Introduction to Model IO"), in one array of bytes: that is
what Flower's FedXgbBagging unites: to the trees of all it adds those that each client has grown in a round.
Of a whole model it needs and keeps little more than the trees, so a forest that was grown elsewhere can be
written the same way.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator

from feria.errors import Invalid
from feria.federation.local import Array, Arrays, Fit
from feria.federation.models.logistic import likelihoods, of_each_class

MOST_CELLS = 2_000_000
"""Rows times trees that are asked at once."""
LEAF = -1
Finish = Literal["logistic", "number", "shares", "mean"]
"""What becomes of the sums: the logistic function or softmax of them; nothing; each as a share of all;
the first in units of the second."""


@dataclass(frozen=True, slots=True)
class Trees:
    """All nodes one after the other; `left` and `right` are places among them, a leaf's its own.

    A row goes left where its `feature` is below the `threshold`, or missing and `missing_left`. `leaves`
    are float64 `[nodes, outputs]`.
    """

    roots: Array
    feature: Array
    threshold: Array
    left: Array
    right: Array
    missing_left: Array
    leaves: Array

    def sums(self, x: Array) -> Array:
        """Of the leaves that each row comes to, `[rows, outputs]`."""
        if not len(self.roots):
            return np.zeros((len(x), self.leaves.shape[1]))
        many = max(1, MOST_CELLS // len(self.roots))
        return np.concatenate([self._sums(x[at : at + many]) for at in range(0, max(len(x), 1), many)])

    def _sums(self, x: Array) -> Array:
        rows, at = np.arange(len(x))[:, None], np.tile(self.roots, (len(x), 1))
        while True:
            value = x[rows, self.feature[at]]
            goes_left = np.where(np.isnan(value), self.missing_left[at], value < self.threshold[at])
            following = np.where(goes_left, self.left[at], self.right[at])
            if np.array_equal(following, at):
                return np.stack([self.leaves[at, k].sum(axis=1) for k in range(self.leaves.shape[1])], axis=1)
            at = following


# ------------------------------------------------------------------- as they travel
def of_bytes(file: bytes) -> Arrays:
    return [np.frombuffer(file, np.uint8)]


@lru_cache(maxsize=4)
def read(file: bytes, outputs: int, width: int) -> Trees:
    """Trees about so many columns; of no bytes, none. Raises `Invalid` for what is not XGBoost's JSON, and
    for trees that no row would come to the end of."""
    try:
        trees = _model(json.loads(file))["trees"] if file else []
        return _joined([_tree(tree, outputs, width) for tree in trees], outputs)
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise Invalid(f"These bytes are no trees: {error}.") from None


def _model(file: Any) -> Any:
    return file["learner"]["gradient_booster"]["model"]


def _tree(tree: dict[str, Any], outputs: int, width: int) -> tuple[Array, ...]:
    left, right = (np.array(tree[name], np.int64) for name in ("left_children", "right_children"))
    feature = np.array(tree["split_indices"], np.int64)
    conditions = np.array(tree["split_conditions"], np.float32)
    is_leaf, own = left == LEAF, np.arange(len(left))
    inner = ~is_leaf
    leaves = np.zeros((len(left), outputs))
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        leaves[is_leaf] = np.reshape(tree["leaf_weights"], (-1, outputs))[right[is_leaf]]
    else:
        leaves[is_leaf, 0] = conditions[is_leaf]
    # Children come after their parents: so every row comes to a leaf.
    nearer, farther = np.minimum(left, right)[inner], np.maximum(left, right)[inner]
    if (nearer <= own[inner]).any() or (farther >= len(left)).any():
        raise ValueError("its branches lead astray")
    if not 0 <= feature[inner].min(initial=0) <= feature[inner].max(initial=0) < width:
        raise ValueError("it asks about columns that are not there")
    if not np.isfinite(leaves).all():
        raise ValueError("it answers what is no number")
    return (
        np.where(is_leaf, 0, feature),
        conditions,
        np.where(is_leaf, own, left),
        np.where(is_leaf, own, right),
        np.array(tree["default_left"], bool),
        leaves,
    )


def _joined(trees: list[tuple[Array, ...]], outputs: int) -> Trees:
    nothing = np.zeros(0, np.int64)
    if not trees:
        return Trees(nothing, nothing, nothing, nothing, nothing, nothing, np.zeros((0, outputs)))
    sizes = [len(tree[0]) for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]])
    feature, threshold, left, right, missing_left, leaves = (
        np.concatenate(part) for part in zip(*trees, strict=True)
    )
    moved = np.repeat(roots, sizes)
    return Trees(roots, feature, threshold, left + moved, right + moved, missing_left, leaves)


def write(trees: Sequence[dict[str, Any]]) -> bytes:
    """`trees` are dictionaries in XGBoost's words."""
    model = {
        "gbtree_model_param": {"num_trees": str(len(trees)), "num_parallel_tree": str(len(trees))},
        "trees": [tree | {"id": at} for at, tree in enumerate(trees)],
        "tree_info": [0] * len(trees),
        "iteration_indptr": [0, len(trees)],
    }
    return json.dumps({"learner": {"gradient_booster": {"model": model}}}).encode()


def unite(arrays: Arrays, fits: Sequence[Fit]) -> Arrays:
    """The trees of all, and those that each has grown: what FedXgbBagging makes of them."""
    files = [array.tobytes() for [array] in [arrays, *(fit.arrays for fit in fits)]]
    first, *others = [json.loads(file) for file in files if file]
    model = _model(first)
    for other in map(_model, others):
        for tree in other["trees"]:
            model["trees"].append(tree | {"id": len(model["trees"])})
            model["tree_info"].append(0)
        model["iteration_indptr"].append(len(model["trees"]))
    model["gbtree_model_param"]["num_trees"] = str(len(model["trees"]))
    return of_bytes(json.dumps(first).encode())


# ------------------------------------------------------------------- as an estimator and a graph
def finished(sums: Array, finish: Finish) -> Array:
    """Probabilities `[rows, classes]`, or numbers `[rows]`."""
    match finish:
        case "logistic":
            return of_each_class(likelihoods(sums))
        case "number":
            return sums[:, 0]
        case "shares":
            shares: Array = sums / sums.sum(axis=1, keepdims=True)
            return shares
        case "mean":
            mean: Array = sums[:, 0] / sums[:, 1]
            return mean


class ClassifyingTrees(BaseEstimator):  # type: ignore[misc]
    def __init__(self, trees: Trees, finish: Finish) -> None:
        self.trees = trees
        self.finish = finish

    def predict_proba(self, x: Array) -> Array:
        return finished(self.trees.sums(x), self.finish)


class MeasuringTrees(BaseEstimator):  # type: ignore[misc]
    def __init__(self, trees: Trees, finish: Finish) -> None:
        self.trees = trees
        self.finish = finish

    def predict(self, x: Array) -> Array:
        return finished(self.trees.sums(x), self.finish)


def _shape(operator: Any) -> None:
    operator.outputs[0].type = FloatTensorType([None, None])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """One TreeEnsembleRegressor, and what makes an answer of its sums."""
    model = operator.raw_operator
    outputs = model.trees.leaves.shape[1]
    answer = operator.outputs[0].full_name

    def add(kind: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        made = output or scope.get_unique_variable_name("trees")
        container.add_node(kind, inputs, [made], name=scope.get_unique_operator_name(kind), **attributes)
        return made

    def constant(name: str, values: list[Any]) -> str:
        made: str = scope.get_unique_variable_name(name)
        is_whole = isinstance(values[0], int)
        container.add_initializer(made, 7 if is_whole else 1, [len(values)], values)
        return made

    container.add_node(
        "TreeEnsembleRegressor",
        [operator.inputs[0].full_name],
        [sums := scope.get_unique_variable_name("sums")],
        name=scope.get_unique_operator_name("TreeEnsembleRegressor"),
        op_domain="ai.onnx.ml",
        op_version=1,
        n_targets=outputs,
        **_attributes(model.trees),
    )
    match model.finish:
        case "logistic" if outputs == 1:
            likely = add("Sigmoid", [sums])
            add("Concat", [add("Sub", [constant("one", [1.0]), likely]), likely], answer, axis=1)
        case "logistic":
            add("Softmax", [sums], answer, axis=1)
        case "number":
            add("Identity", [sums], answer)
        case "shares":
            add("Div", [sums, add("ReduceSum", [sums, constant("across", [1])], keepdims=1)], answer)
        case "mean":
            first, second = (add("Gather", [sums, constant("place", [k])], axis=1) for k in (0, 1))
            add("Div", [first, second], answer)


def _attributes(trees: Trees) -> dict[str, Any]:
    """Of ONNX's TreeEnsembleRegressor."""
    own = np.arange(len(trees.left))
    tree = np.searchsorted(trees.roots, own, side="right") - 1
    start = trees.roots[tree]
    is_leaf = trees.left == own
    outputs = trees.leaves.shape[1]
    leaf = own[is_leaf].repeat(outputs)
    return {
        "nodes_treeids": tree.tolist(),
        "nodes_nodeids": (own - start).tolist(),
        "nodes_featureids": trees.feature.tolist(),
        "nodes_modes": np.where(is_leaf, "LEAF", "BRANCH_LT").tolist(),
        "nodes_values": np.where(is_leaf, 0, trees.threshold).astype(np.float32).tolist(),
        "nodes_truenodeids": np.where(is_leaf, 0, trees.left - start).tolist(),
        "nodes_falsenodeids": np.where(is_leaf, 0, trees.right - start).tolist(),
        "nodes_missing_value_tracks_true": (trees.missing_left & ~is_leaf).astype(int).tolist(),
        "target_treeids": tree[leaf].tolist(),
        "target_nodeids": (leaf - start[leaf]).tolist(),
        "target_ids": np.tile(np.arange(outputs), int(is_leaf.sum())).tolist(),
        "target_weights": trees.leaves[is_leaf].astype(np.float32).ravel().tolist(),
    }


update_registered_converter(
    ClassifyingTrees, "FeriaClassifyingTrees", _shape, _convert, options={"zipmap": [False]}
)
update_registered_converter(MeasuringTrees, "FeriaMeasuringTrees", _shape, _convert)
