"""The client of a store, as a worker process loads it: feria's own, over the rows where they lie."""

from functools import cache
from pathlib import Path

from feria.federation.client_app import Divided, client_app, divide
from feria.federation.executors import App
from feria.learning.sources import Limits
from feria.store.home import Home
from feria.store.rows import read


def load(folder: str, share: float, seed: int, rows: int, columns: int) -> App:
    """`folder` is the store's home. The rows are read once for as long as the worker lives, which is a job:
    all its rounds see the same."""

    @cache
    def rows_of(_: str) -> Divided:
        table = read(Home(Path(folder)).store().data, Limits(rows=rows, columns=columns))
        return divide(table, share, seed)

    return client_app(rows_of)
