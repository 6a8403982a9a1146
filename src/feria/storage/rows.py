"""What every table shares: names for its constraints and column types that mean the same on all three."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer, LargeBinary, MetaData, String, TypeDecorator
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase


class Row(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def key(length: int) -> String:
    """Text compared and sorted byte by byte, as SQLite does. MariaDB would otherwise hold `A` and `a`
    to be one key, `a` and `a ` too, and PostgreSQL sort them by the rules of a language.
    """
    binary = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_nopad_bin")
    return (
        String(length)
        .with_variant(binary, "mysql", "mariadb")
        .with_variant(String(length, collation="C"), "postgresql")
    )


def blob() -> LargeBinary:
    """Bytes; MariaDB's plain BLOB ends at 64 KiB."""
    return LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")


counter = BigInteger
identity = counter().with_variant(Integer(), "sqlite")
"""A number the database gives; SQLite counts INTEGER keys only."""


class Moment(TypeDecorator[datetime]):
    """UTC to the microsecond. SQLite and MariaDB forget the zone, so it is put back when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment needs a time zone.")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None else value.replace(tzinfo=UTC)
