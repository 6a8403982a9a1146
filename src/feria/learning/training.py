"""One training, from rows to a file and its metrics. Runs inside a worker process."""

import warnings
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

import feria
from feria.learning import estimators, evaluation
from feria.learning.dataset import Dataset, build
from feria.learning.export import Graph, export, verify
from feria.learning.kinds import KINDS, Chosen, Kind
from feria.learning.preprocessing import Preprocessing
from feria.learning.sources import Limits, Table, read_file, read_rows
from feria.learning.target import Target
from feria.learning.wire import TrainingOrder
from feria.tasks.processes import Report

LEAST_ROWS = 20
"""With fewer rows none is held out: what is left would teach too little, and measure nothing."""
MANY_ROWS = 20_000

Rows = np.ndarray[Any, np.dtype[np.intp]]


def train(
    order: dict[str, Any], source: dict[str, Any], out: str, limits: dict[str, int], report: Report
) -> dict[str, Any]:
    """Train as ordered, write the ONNX file to `out`, and return `kind`, `metrics`, `trained_from`, `notes`.

    `order` is a `TrainingOrder`, `source` either `{"file": path}` or `{"rows": […], "columns": […]}`,
    `limits` has `rows` and `columns`; all of it JSON. Raises `Invalid` and `TooLarge`.
    """
    wanted = TrainingOrder.model_validate(order)
    kind = KINDS[wanted.kind]
    chosen = kind.choose(wanted.settings)
    report("reading the rows", 0.0)
    table = _read(source, Limits(**limits))
    data = build(table, wanted, kind)
    seen, unseen = split(data.target, wanted.holdout, wanted.seed, data.notes)
    # Small matrices, and several trainings at once: more threads would mostly wait for one another.
    threads = {"blas": 1} | ({"openmp": 1} if len(seen) < MANY_ROWS else {})
    with threadpool_limits(threads):
        file, graph = _make(kind, chosen, data, seen, wanted.seed, report)
    Path(out).write_bytes(file)
    report("measuring", 0.9)
    metrics = _measure(graph, data, seen, unseen)
    report("done", 1.0)
    return {
        "kind": kind.name,
        "metrics": {
            **metrics,
            "rows_train": len(seen),
            "rows_holdout": len(unseen),
            "holdout": wanted.holdout if len(unseen) else 0.0,
            "seed": wanted.seed,
            "stratified": data.target.task == "classification",
        },
        "trained_from": _record(wanted, chosen, table, data),
        "notes": data.notes,
    }


def _read(source: dict[str, Any], limits: Limits) -> Table:
    if "file" in source:
        return read_file(Path(source["file"]), limits)
    return read_rows(source["rows"], source["columns"], limits)


def split(target: Target, holdout: float, seed: int, notes: list[str]) -> tuple[Rows, Rows]:
    """Which rows to learn from and which to measure on: the same for the same rows, share and seed.

    Of each class the share is held out, rounded, and at least one row learned from: a class that is
    there once is learned and not measured.
    """
    n = len(target.values)
    shuffled = np.random.default_rng(seed).permutation(n)
    if holdout > 0 and n < LEAST_ROWS:
        notes.append(f"With {n} rows none was held out, so nothing was measured.")
    elif holdout == 0:
        notes.append("Nothing was held out, so nothing was measured.")
    if holdout == 0 or n < LEAST_ROWS:
        return np.sort(shuffled), shuffled[:0]
    if target.task == "regression":
        unseen = shuffled[: round(n * holdout)]
    else:
        of_class = target.values[shuffled]
        parts = [shuffled[of_class == k] for k in range(target.classes)]
        unseen = np.concatenate([part[: min(round(len(part) * holdout), len(part) - 1)] for part in parts])
        if alone := sum(len(part) == 1 for part in parts):
            notes.append(f"{alone} of {len(parts)} classes have a single row, which was learned from.")
    if len(unseen) == 0:
        notes.append(f"A share of {holdout:g} of each class is not one row, so nothing was measured.")
    return np.setdiff1d(np.arange(n), unseen), np.sort(unseen)


def _make(
    kind: Kind, chosen: Chosen, data: Dataset, seen: Rows, seed: int, report: Report
) -> tuple[bytes, Graph]:
    """Fit on the rows seen, export, and prove that both answer the same."""
    report("preparing columns", 0.1)
    rows = data.frame[seen]
    target = replace(data.target, values=data.target.values[seen])
    preprocessing = Preprocessing(kind, rows, data.numbers)
    matrix = preprocessing.apply(rows)
    report("fitting", 0.2)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ConvergenceWarning)
        fitted = estimators.fit(
            chosen, matrix, target, seed, lambda done: report("fitting", 0.2 + 0.5 * done)
        )
    if said:
        data.notes.append("The fit stopped before it had converged; more iterations (max_iter) may help.")
    report("exporting", 0.7)
    file = export(kind, preprocessing, fitted, data)
    report("checking the exported model", 0.8)
    graph = Graph(file)
    verify(graph, preprocessing, fitted, replace(data, frame=rows, target=target), seed)
    return file, graph


def _measure(graph: Graph, data: Dataset, seen: Rows, unseen: Rows) -> dict[str, Any]:
    if len(unseen) == 0:
        return {}
    rows, truth, training = data.frame[unseen], data.target.values[unseen], data.target.values[seen]
    if data.target.task == "classification":
        probabilities = graph.run("probabilities", rows, data.numbers)
        return evaluation.of_classes(probabilities, truth, training, data.target)
    return evaluation.of_values(graph.run("value", rows, data.numbers).ravel(), truth, training)


def _record(order: TrainingOrder, chosen: Chosen, table: Table, data: Dataset) -> dict[str, Any]:
    return {
        **table.origin,
        "rows": len(data.target.values),
        "rows_without_target": data.rows_without_target,
        "columns": len(data.columns),
        "target": order.target,
        "task": data.target.task,
        "settings": chosen.model_dump(mode="json"),
        "software": {"feria": feria.__version__}
        | {name: version(name) for name in ("scikit-learn", "skl2onnx", "onnxruntime")},
    }
