"""From a file of rows to the same rows with their predictions, piece by piece."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

import polars as pl

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Reference
from feria.cli.rows import RowFile
from feria.client import AsyncClient
from feria.errors import Conflict, Invalid, TooLarge
from feria.inference.wire import RowPredictions
from feria.registry.wire import Model, TabularInput

PREDICTION, PROBABILITY = "prediction", "probability"
VALUES = 200_000
"""Values sent at once: some MiB of JSON."""


def predict_rows(model: Reference, data: Path, out: Path | None) -> None:
    async def predict(client: AsyncClient) -> tuple[str, int]:
        found = await client.model(*model)
        if not isinstance(found.input, TabularInput):
            raise Invalid(f"{found.reference} takes no rows; is it pictures, with --image?")
        rows = RowFile(data, found.input, found.reference)
        ours = [PREDICTION] if found.output.probabilities is None else [PREDICTION, PROBABILITY]
        for column in ours:
            if column in rows.columns:
                raise Conflict(f"{data} has a column '{column}' already; rename it or leave it out.")
        done = 0
        with writing(out) as write, screen.progress() as report:
            for table, share in rows.pieces(max(1, VALUES // len(found.input.columns))):
                write(table.hstack(await _ask(client, found, rows.read(table, done))))
                done += table.height
                report(f"predicting, {done:,} rows", share)
            if done == 0:
                raise Invalid(f"{data} has no rows.")
        for column in rows.unused:
            screen.note(f"{found.reference} does not look at the column '{column}'.")
        return found.reference, done

    reference, rows = speak(predict)
    if out is not None:
        screen.say(f"{out} holds the {rows:,} rows with what {reference} predicts.")


async def _ask(client: AsyncClient, model: Model, rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    """What the model answers to these rows; in halves, where that is too much for the node at once."""
    try:
        # The version is named, so that all rows are answered by the same one.
        return _columns(await client.predict(model.name, rows, model.version))
    except TooLarge:
        if len(rows) == 1:
            raise
        middle = len(rows) // 2
        halves = [await _ask(client, model, rows[:middle]), await _ask(client, model, rows[middle:])]
        return pl.concat(halves, how="vertical_relaxed")


def _columns(answer: RowPredictions) -> pl.DataFrame:
    columns = [pl.Series(PREDICTION, list(answer.predictions))]
    if answer.labels is not None and answer.probabilities is not None:
        place = {label: at for at, label in enumerate(answer.labels)}
        said = zip(answer.predictions, answer.probabilities, strict=True)
        columns.append(pl.Series(PROBABILITY, [row[place[label]] for label, row in said], pl.Float64))
    return pl.DataFrame(columns)


class Writer:
    """Takes tables one after the other; CSV leaves at once, Parquet when all are there."""

    def __init__(self, file: IO[bytes], *, parquet: bool) -> None:
        self._file = file
        self._parquet = parquet
        self._tables: list[pl.DataFrame] = []
        self._begun = False

    def __call__(self, table: pl.DataFrame) -> None:
        if self._parquet:
            self._tables.append(table)
            return
        # Written by us: what Polars raises for a full disk or a closed pipe does not say which.
        self._file.write(table.write_csv(include_header=not self._begun).encode())
        self._begun = True

    def finish(self) -> None:
        if self._tables:
            pl.concat(self._tables, how="vertical_relaxed").write_parquet(self._file)


@contextlib.contextmanager
def writing(out: Path | None) -> Generator[Writer]:
    """A file that is there whole once the block ends well, and otherwise is as it was before."""
    if out is None:
        yield Writer(sys.stdout.buffer, parquet=False)
        sys.stdout.flush()
        return
    try:
        with tempfile.NamedTemporaryFile(
            dir=out.parent, prefix=f".{out.name}.", suffix=".part", delete=False
        ) as file:
            try:
                writer = Writer(file, parquet=out.suffix.lower() in {".parquet", ".pq"})
                yield writer
                writer.finish()
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(0o644)
                Path(file.name).replace(out)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise Invalid(f"Cannot write {out}: {error.strerror or error}.") from error
