"""`feria catalog export`: all products to a file that `feria catalog import` takes."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from feria.catalog.wire import Product
from feria.cli import screen
from feria.cli.finding import speak
from feria.client import AsyncClient
from feria.errors import Conflict, Invalid

PAGE = 200

Record = dict[str, Any]


def export_file(file: Path, images: Path | None, *, force: bool) -> int:
    """How many products were written. Raises `Conflict`, `Invalid`."""
    write = WRITERS.get(file.suffix.lower())
    if write is None:
        raise Invalid(f"{file} ends in none of {', '.join(WRITERS)}, which say the format.")
    if file.exists() and not force:
        raise Conflict(f"{file} is there already; --force replaces it.")
    try:
        if images is not None:
            images.mkdir(parents=True, exist_ok=True)
        records = speak(lambda client: _collect(client, images))
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as part:
            unfinished = Path(part.name)
            try:
                part.write(write(records))
                part.flush()
                unfinished.chmod(0o644)  # a temporary file is its owner's alone
                unfinished.replace(file)
            finally:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise Invalid(f"{error.filename or file} cannot be written: {error.strerror}.") from None
    return len(records)


async def _collect(client: AsyncClient, images: Path | None) -> list[Record]:
    records: list[Record] = []
    after = None
    with screen.progress() as report:
        while True:
            page = await client.products(sort="sku", limit=PAGE, after=after)
            for product in page.products:
                names = await _save_pictures(client, product, images) if images is not None else []
                records.append(_record(product, names))
                report("exporting", len(records) / max(page.total, 1))
            after = page.next
            if after is None:
                return records


async def _save_pictures(client: AsyncClient, product: Product, folder: Path) -> list[str]:
    names = []
    for number, one in enumerate(product.pictures, 1):
        name = f"{product.sku}-{number}.webp"
        (folder / name).write_bytes(await client.picture(one))
        names.append(name)
    return names


def _record(product: Product, pictures: Sequence[str]) -> Record:
    said = product.model_dump(mode="json", exclude={"pictures", "created_at", "updated_at"})
    return said | ({"pictures": list(pictures)} if pictures else {})


def _columns(records: Sequence[Record]) -> list[Record]:
    """The same with a column a value, every record with every column."""
    flat = [_flat(record) for record in records]
    names = dict.fromkeys(name for record in flat for name in record)
    ordered = sorted(names, key=lambda name: name.startswith("attributes."))
    return [{name: record.get(name) for name in ordered} for record in flat]


def _flat(record: Mapping[str, Any]) -> Record:
    flat: Record = {}
    for name, value in record.items():
        match value:
            case dict():
                flat |= {f"{name}.{key}": inner for key, inner in value.items()}
            case list():
                flat[name] = "|".join(value)
            case _:
                flat[name] = value
    return flat


def _said(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _csv(records: Sequence[Record]) -> bytes:
    columns = _columns(records)
    text = io.StringIO(newline="")
    names = list(columns[0]) if columns else ["sku", "title.es", "title.en", "price"]
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    for record in columns:
        writer.writerow({name: _said(value) for name, value in record.items()})
    return text.getvalue().encode()


def _json(records: Sequence[Record]) -> bytes:
    return json.dumps(records, ensure_ascii=False, indent=1).encode()


def _parquet(records: Sequence[Record]) -> bytes:
    import polars as pl

    columns = _columns(records)
    series = []
    for name in columns[0] if columns else ():
        values = [record[name] for record in columns]
        kinds = {type(value) for value in values} - {type(None)}
        if kinds == {int, float}:
            values = [None if value is None else float(value) for value in values]
        elif len(kinds) > 1:  # a column of Parquet has one type
            values = [_said(value) for value in values]
        series.append(pl.Series(name, values))
    file = io.BytesIO()
    pl.DataFrame(series).write_parquet(file)
    return file.getvalue()


WRITERS: dict[str, Callable[[Sequence[Record]], bytes]] = {
    ".csv": _csv,
    ".json": _json,
    ".parquet": _parquet,
}
