"""Tables dealt out to clients: by what is in a column, at random, or each with classes of its own.

And the sets that feria is measured on, each from the file of `data.md`'s name.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.datasets import load_breast_cancer

from feria.errors import Invalid
from feria.learning.sources import Limits, Table, read_file

Clients = dict[str, Table]
LIMITS = Limits(rows=1_000_000, columns=1_000)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def by_column(table: Table, column: str, order: Sequence[str] = ()) -> Clients:
    """One client for each text of a column, named after it; the column itself, the same in all rows of a
    client, is left out."""
    parts = table.frame.partition_by(column, as_dict=True, maintain_order=True)
    found = {str(name): part.drop(column) for (name,), part in parts.items()}
    names = [name for name in order if name in found] or sorted(found)
    return {name: _part(table, found[name]) for name in names}


def at_random(table: Table, clients: int, seed: int) -> Clients:
    """Shuffled and dealt out evenly."""
    shuffled = np.random.default_rng(seed).permutation(table.frame.height)
    return _named(table, np.array_split(shuffled, clients))


def by_dirichlet(
    table: Table, column: str, clients: int, alpha: float, seed: int, least: int = 30
) -> Clients:
    """Each client has shares of the classes in `column` of its own, drawn from a Dirichlet distribution
    (Hsu et al. 2019, arXiv:1909.06335): the smaller `alpha`, the more they differ. Clients have `least`
    rows or more. Raises `Invalid` where there are too few rows for that.
    """
    if table.frame.height < clients * least:
        raise Invalid(f"{table.frame.height:,} rows are too few for {clients:,} clients of {least}.")
    chance = np.random.default_rng(seed)
    classes = table.frame[column].fill_null("").rank("dense").to_numpy()
    parts: list[list[int]] = [[] for _ in range(clients)]
    for one in np.unique(classes):
        rows = chance.permutation(np.flatnonzero(classes == one))
        cuts = (np.cumsum(chance.dirichlet(np.full(clients, alpha)))[:-1] * len(rows)).astype(int)
        for part, some in zip(parts, np.split(rows, cuts), strict=True):
            part.extend(some.tolist())
    # Who has too few is given some by who has most: rows of one class, as that one has them.
    parts.sort(key=len)
    for part in parts:
        while len(part) < least:
            part.append(max(parts, key=len).pop())
    return _named(table, [np.array(part) for part in parts])


def _named(table: Table, parts: Sequence[Any]) -> Clients:
    digits = len(str(len(parts)))
    return {
        f"client {number:0{digits}}": _part(table, table.frame[np.sort(rows)])
        for number, rows in enumerate(parts, 1)
    }


def _part(table: Table, frame: pl.DataFrame) -> Table:
    return Table(frame, table.first, table.origin, list(table.notes))


# ------------------------------------------------------------------- the sets
def hospitals(folder: Path) -> Clients:
    """Hearts at four hospitals, whose patients differ, and what is measured of them; `num>0` is ill."""
    return by_column(read_file(folder / "heart_disease_4hospitals.csv", LIMITS), "hospital")


def shoppers(folder: Path) -> Clients:
    """Visits to a shop, by month; `Revenue` says whether something was bought."""
    return by_column(read_file(folder / "online_shoppers_intention.csv", LIMITS), "Month", MONTHS)


def adults(folder: Path, clients: int = 100, alpha: float | None = None, seed: int = 0) -> Clients:
    """People of a census; `income-per-year` has two classes. The survey's weight says nothing of them."""
    table = read_file(folder / "adult.csv.gz", LIMITS)
    table = _part(table, table.frame.drop("fnlwgt"))
    if alpha is None:
        return at_random(table, clients, seed)
    return by_dirichlet(table, "income-per-year", clients, alpha, seed)


def tumours(clients: int = 3, seed: int = 0) -> Clients:
    """Of the breast, from scikit-learn itself: a demonstration that needs no file. `malignant` is true or
    false."""
    bunch: Any = load_breast_cancer()
    columns = dict(zip(bunch.feature_names.tolist(), bunch.data.T, strict=True))
    frame = pl.DataFrame(columns | {"malignant": bunch.target == 0})
    return at_random(Table(frame, 0, {"format": "scikit-learn"}), clients, seed)


TARGETS: dict[Callable[..., Clients], str] = {
    hospitals: "num>0",
    shoppers: "Revenue",
    adults: "income-per-year",
    tumours: "malignant",
}
