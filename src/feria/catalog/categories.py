"""The tree that paths make: `clothing/t-shirts` lies below `clothing`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select

from feria.catalog.tables import CategoryRow
from feria.catalog.wire import Category, Words

categories = CategoryRow.__table__


def lineage(path: str) -> list[str]:
    """The path itself and those above it, the root first."""
    steps = path.split("/")
    return ["/".join(steps[: n + 1]) for n in range(len(steps))]


def at_or_below(column: Any, path: str) -> ColumnElement[bool]:
    """A range, not LIKE: it uses the index, and `_` means itself. '0' is the character after '/'."""
    return or_(column == path, and_(column >= f"{path}/", column < f"{path}0"))


def with_those_below(products: Mapping[str, int]) -> dict[str, int]:
    """Products by path, those of the paths below it counted in, in the order of the paths."""
    found: Counter[str] = Counter()
    for path, count in products.items():
        for above in lineage(path):
            found[above] += count
    return dict(sorted(found.items()))


def make_missing(connection: Connection, paths: Iterable[str]) -> None:
    """Categories that are not there yet, and those above them, titled by their paths."""
    wanted = {step for path in paths for step in lineage(path)}
    if not wanted:
        return
    there = set(connection.scalars(select(CategoryRow.path).where(CategoryRow.path.in_(wanted))))
    if missing := sorted(wanted - there):
        titles = {path: path.rpartition("/")[2].replace("-", " ").strip().capitalize() for path in missing}
        rows = [
            {"path": path, "title_es": title or path, "title_en": title or path, "position": 0}
            for path, title in titles.items()
        ]
        connection.execute(insert(CategoryRow), rows)


def as_category(row: Mapping[Any, Any], products: int) -> Category:
    return Category(
        path=row["path"],
        title=Words(es=row["title_es"], en=row["title_en"]),
        position=row["position"],
        products=products,
    )
