"""Deleting many rows without holding others up."""

from typing import Any

from sqlalchemy import Column, Connection, delete, select

from feria.storage.database import Database

AT_ONCE = 2_000
"""Rows of one transaction: others need not wait long for their turn."""
PIECE = 500
"""Values of one `IN`."""


async def forget_rows(database: Database, number: "Column[int]", condition: Any) -> int:
    """Delete the rows for which that holds, by the number that is their key, and say how many there were."""
    some = select(number).where(condition).order_by(number).limit(AT_ONCE)

    def forget(connection: Connection) -> int:
        numbers = list(connection.scalars(some))
        for start in range(0, len(numbers), PIECE):
            connection.execute(delete(number.table).where(number.in_(numbers[start : start + PIECE])))
        return len(numbers)

    forgotten = 0
    while found := await database.write(forget):
        forgotten += found
    return forgotten
