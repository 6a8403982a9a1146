"""Vectors of the catalogue's pictures in the database, one a network and picture.

Kept as float16: half the bytes, and no nearest picture was another for it. What is read back is scaled to
length 1 again, so that a product of two is their cosine.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, Select, and_, delete, exists, func, insert, select
from sqlalchemy.exc import IntegrityError

from feria.catalog.reading import pieces
from feria.catalog.tables import PictureRow, VectorRow
from feria.inference.sights import Vector, unit
from feria.storage.database import Database

KEPT = np.dtype("<f2")
PIECE = 500
"""Rows removed at once."""


class Vectors:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, model: str, pictures: Sequence[str]) -> dict[str, Vector]:
        """By picture, those that network has made."""
        found: dict[str, Vector] = {}
        async with self._database.transaction(read_only=True) as session:
            for some in pieces(pictures):
                query = select(VectorRow.digest, VectorRow.vector).where(
                    VectorRow.model == model, VectorRow.digest.in_(some)
                )
                for digest, kept in await session.execute(query):
                    vector = unit(np.frombuffer(kept, KEPT))
                    if vector is not None:
                        found[digest] = vector
        return found

    async def keep(self, model: str, vectors: Mapping[str, Vector]) -> None:
        """Make them durable; those that are there stay."""
        rows = [
            {"model": model, "digest": digest, "vector": vector.astype(KEPT).tobytes()}
            for digest, vector in vectors.items()
        ]

        def write(connection: Connection) -> None:
            digests = [row["digest"] for row in rows]
            held = select(VectorRow.digest).where(VectorRow.model == model, VectorRow.digest.in_(digests))
            there = set(connection.scalars(held))
            new = [row for row in rows if row["digest"] not in there]
            if new:
                connection.execute(insert(VectorRow), new)

        if rows:
            try:
                await self._database.write(write)
            except IntegrityError:  # another node of this database made one meanwhile
                await self._database.write(write)

    async def counts(self) -> dict[str, int]:
        """How many there are of each network, by its digest."""
        query = select(VectorRow.model, func.count())
        async with self._database.transaction(read_only=True) as session:
            rows = await session.execute(query.group_by(VectorRow.model))
            return dict(rows.all())

    async def forget(self, models: Iterable[str]) -> None:
        """What these networks made."""
        await self._delete(select(VectorRow.model, VectorRow.digest).where(VectorRow.model.in_(list(models))))

    async def forget_lost(self, model: str) -> None:
        """What that network made of pictures that no product shows any longer."""
        shown = exists().where(PictureRow.digest == VectorRow.digest)
        await self._delete(select(VectorRow.model, VectorRow.digest).where(VectorRow.model == model, ~shown))

    async def _delete(self, chosen: "Select[str, str]") -> None:
        """In pieces, so that nobody waits long for the lock."""

        def step(connection: Connection) -> int:
            found = connection.execute(chosen.limit(PIECE)).all()
            by_model: dict[str, list[str]] = {}
            for model, digest in found:
                by_model.setdefault(model, []).append(digest)
            for model, digests in by_model.items():
                these = and_(VectorRow.model == model, VectorRow.digest.in_(digests))
                connection.execute(delete(VectorRow).where(these))
            return len(found)

        while await self._database.write(step):
            pass
