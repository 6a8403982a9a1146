"""From the arrays of all to one ONNX file, of the same form as a model that was trained on one node.

The server has no rows to prove it with. So file and estimator are both asked about rows that nobody has:
drawn around the agreed means, with categories that are known and not, and with gaps.
"""

import numpy as np
import polars as pl

from feria.federation.agreement import Agreement
from feria.federation.local import Array, Arrays, Learner
from feria.learning.dataset import Dataset
from feria.learning.estimators import Fitted
from feria.learning.export import Graph, export, verify
from feria.learning.kinds import KINDS
from feria.learning.target import Target

DRAWN = 500
UNKNOWN = "\N{WHITE QUESTION MARK ORNAMENT} nobody's"
GAPS = 0.1


def publish(learner: Learner, arrays: Arrays, seed: int = 0) -> bytes:
    """The file, which carries its `FileMetadata`. Raises `FeriaError` if it answers unlike the arrays."""
    agreement = learner.agreement
    data = drawn(agreement, seed)
    fitted = Fitted(learner.estimator(arrays), agreement.middle, agreement.size)
    kind, preprocessing = KINDS[agreement.kind], agreement.preprocessing
    file = export(kind, preprocessing, fitted, data)
    verify(Graph(file), preprocessing, fitted, data, seed)
    return file


def drawn(agreement: Agreement, seed: int, rows: int = DRAWN) -> Dataset:
    """Rows that nobody has, by chance alone, as what was agreed on lets one expect them."""
    chance = np.random.default_rng(seed)
    columns: list[pl.Series] = []
    target: Array
    for number in agreement.numbers:
        values = chance.normal(number.mean, number.deviation, rows)
        columns.append(
            pl.Series(number.name, np.where(chance.random(rows) < GAPS, np.nan, values), pl.Float32)
        )
    for text in agreement.texts:
        known = np.array(["", UNKNOWN, *text.categories], dtype=object)
        columns.append(pl.Series(text.name, chance.choice(known, rows), pl.String))
    target = agreement.middle + agreement.size * chance.normal(size=rows)
    if agreement.labels:
        target = chance.integers(len(agreement.labels), size=rows)
    return Dataset(
        frame=pl.DataFrame(columns),
        columns=agreement.columns,
        target=Target(agreement.task, target, agreement.labels),
        notes=list(agreement.notes),
        rows_without_target=0,
    )
