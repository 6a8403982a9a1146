"""`feria catalog import`: a file's rows go to the node in batches, and their pictures where it lacks them."""

import asyncio
import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from feria.catalog.drafts import Read, read_row
from feria.catalog.layout import Layout, find_layout
from feria.catalog.sheets import Sheet, SheetRow, open_sheet
from feria.catalog.wire import MAX_BATCH, ProductDraft
from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.pictures_beside import PicturesBeside
from feria.client import AsyncClient
from feria.errors import Invalid, NotAnImage, OverLimit, TooLarge

MOST_SHOWN = 20
"""Problems on the screen."""
SENT_AT_ONCE = 4
"""Products whose pictures are under way."""


@dataclass(frozen=True)
class Wishes:
    images: Path | None = None
    said: tuple[str, ...] = ()
    """`COLUMN=FIELD`, as typed."""
    language: str | None = None
    currency: str | None = None
    encoding: str | None = None
    separator: str | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Problem:
    row: int
    sku: str
    why: str


@dataclass
class Done:
    outcomes: Counter[str] = field(default_factory=Counter)
    """Products by what came of them."""
    pictures: int = 0
    """Products that were given pictures."""
    problems: list[Problem] = field(default_factory=list)
    dry_run: bool = False


@dataclass(frozen=True)
class _Entry:
    row: int
    read: Read
    pictures: tuple[Path, ...]
    share: float


def import_file(file: Path, wishes: Wishes) -> Done:
    """Raises `Invalid` where the file as a whole cannot be read; the answer has what is wrong with rows."""
    sheet = open_sheet(file, wishes.encoding, wishes.separator)
    layout = find_layout(sheet.columns, wishes.said, wishes.language)
    beside = None if wishes.images is None else PicturesBeside(wishes.images)
    for line in sheet.notes:
        screen.warn(line)
    if explained := _explained(layout):
        screen.note(f"Columns: {explained}.")
    if beside is None and "pictures" in layout.fields:
        screen.note("Pictures are named and stay away; say where they are with --images DIR.")
    done = Done(dry_run=wishes.dry_run)
    entries = _entries(sheet, layout, beside, wishes, done)
    if wishes.dry_run:
        with screen.progress() as report:
            for entry in entries:
                done.outcomes["readable"] += 1
                report("reading", entry.share)
        return done

    async def send(client: AsyncClient) -> None:
        titled = {one.path for one in await client.categories()}
        with screen.progress() as report:
            while batch := await asyncio.to_thread(lambda: list(islice(entries, MAX_BATCH))):
                await _name_categories(client, batch, titled, layout)
                await _send(client, batch, done)
                report("importing", batch[-1].share)

    speak(send)
    return done


def report(done: Done, errors: Path | None) -> None:
    """Say what came of it, and write down what was refused."""
    total = sum(done.outcomes.values())
    said = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(done.outcomes.items()))
    screen.say(f"{total:,} product{'' if total == 1 else 's'}{f': {said}' if said else ''}.")
    if done.pictures:
        screen.say(f"{done.pictures:,} of them with new pictures.")
    if errors is not None:
        _write_down(done.problems, errors)
    if not done.problems:
        return
    shown = screen.table("row", "sku", "problem", right=("row",))
    for problem in done.problems[:MOST_SHOWN]:
        shown.add_row(str(problem.row), problem.sku, problem.why)
    screen.show(shown)
    left = len(done.problems) - MOST_SHOWN
    if left > 0:
        where = errors or "--errors FILE.csv"
        screen.warn(f"… and {left:,} more problems; all of them are in {where}.")


def _entries(
    sheet: Sheet, layout: Layout, beside: PicturesBeside | None, wishes: Wishes, done: Done
) -> Iterator[_Entry]:
    """Rows that are products; the others are put down as problems, a SKU's second row among them."""
    rows_of: dict[str, int] = {}
    for row in sheet.rows():
        try:
            read = _read(row, layout, sheet, wishes)
        except Invalid as error:
            sku = str(row.values.get(layout.fields["sku"][0], "") or "")[:64]
            done.problems.append(Problem(row.number, sku, error.message))
            continue
        sku = read.draft.sku
        if sku in rows_of:
            why = f"the SKU is in row {rows_of[sku]} already, which counts"
            done.problems.append(Problem(row.number, sku, why))
            continue
        rows_of[sku] = row.number
        found: Sequence[Path] = ()
        if beside is not None:
            found, missing = beside.find(sku, read.pictures)
            done.problems += [Problem(row.number, sku, f"there is no picture {name}") for name in missing]
        yield _Entry(row.number, read, tuple(found), row.share)


def _read(row: SheetRow, layout: Layout, sheet: Sheet, wishes: Wishes) -> Read:
    if row.fault:
        raise Invalid(row.fault)
    return read_row(layout, row.values, typed=sheet.typed, currency=wishes.currency)


async def _name_categories(
    client: AsyncClient, batch: Sequence[_Entry], titled: set[str], layout: Layout
) -> None:
    """Categories that are new are called what the shop calls them."""
    for entry in batch:
        path, words = entry.read.draft.category, entry.read.levels
        if path is None or path in titled:
            continue
        steps = path.split("/")
        for depth, word in enumerate(words, 1):
            above = "/".join(steps[:depth])
            if above not in titled:
                title = word if word != steps[depth - 1] else word.replace("-", " ").capitalize()
                await client.put_category(above, es=title[:200], en=title[:200])
                titled.add(above)


async def _send(client: AsyncClient, batch: Sequence[_Entry], done: Done) -> None:
    drafts: list[ProductDraft] = [entry.read.draft for entry in batch]
    written = await client.put_products(drafts)
    turns = asyncio.Semaphore(SENT_AT_ONCE)

    async def finish(entry: _Entry, outcome: str, held: tuple[str, ...]) -> None:
        try:
            async with turns:
                if entry.pictures and await _send_pictures(client, entry, held):
                    done.pictures += 1
                    outcome = "changed" if outcome == "unchanged" else outcome
        except (NotAnImage, TooLarge, OverLimit) as error:
            done.problems.append(Problem(entry.row, entry.read.draft.sku, error.message))
        except OSError as error:
            why = f"{error.filename} cannot be read: {error.strerror}"
            done.problems.append(Problem(entry.row, entry.read.draft.sku, why))
        done.outcomes[outcome] += 1

    finishing = []
    for entry, one in zip(batch, written, strict=True):
        if one.outcome == "refused":
            done.problems.append(Problem(entry.row, one.sku, one.detail))
        else:
            finishing.append(finish(entry, one.outcome, one.sources))
    await asyncio.gather(*finishing)
    done.problems.sort(key=lambda problem: problem.row)


async def _send_pictures(client: AsyncClient, entry: _Entry, held: tuple[str, ...]) -> bool:
    """Whether the product has others now. What the node has was made of files with the sha256 `held`."""
    files = await asyncio.to_thread(lambda: [path.read_bytes() for path in entry.pictures])
    if tuple(hashlib.sha256(one).hexdigest() for one in files) == held:
        return False
    product = await client.put_pictures(entry.read.draft.sku, *files)
    return tuple(one.source for one in product.pictures) != held


def _explained(layout: Layout) -> str:
    """What was made of the columns' names, as far as it is not plain."""
    fields = [
        f"{' and '.join(columns)} → {name}" for name, columns in layout.fields.items() if columns != (name,)
    ]
    said = [", ".join(fields)] if fields else []
    if layout.attributes:
        said.append(f"attributes: {', '.join(layout.attributes.values())}")
    if layout.left_out:
        said.append(f"left out: {', '.join(layout.left_out)}")
    return "; ".join(said)


def _write_down(problems: Sequence[Problem], path: Path) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("row", "sku", "problem"))
            writer.writerows((one.row, one.sku, one.why) for one in problems)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}.") from None
