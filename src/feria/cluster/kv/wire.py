"""What crosses the network about keys and their values."""

from datetime import datetime
from typing import Annotated

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

LONGEST_KEY = 512
MOST_LISTED = 1000

Key = Annotated[str, Field(examples=["models/heart/latest"])]


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class WrittenKey(Wire):
    """What a write has left: durable here, and on its way to the other members."""

    key: Key
    version: int = Field(description="Counts this key's changes, from 1; a deletion is one.")


class Listed(WrittenKey):
    size: int = Field(description="Bytes of the value.")


class KeyList(Wire):
    """Keys in their order, by Unicode code points."""

    keys: tuple[Listed, ...]
    next: str | None = Field(
        default=None, description="Where to go on, given as `after`; nothing at the end of the list."
    )


class Value(WrittenKey):
    """A value as it stood when it was read; in JSON, in Base64."""

    model_config = ConfigDict(ser_json_bytes="base64")

    value: bytes


class Change(WrittenKey):
    """A key as a change has left it. Of changes that follow each other quickly only the last may be told."""

    place: int = Field(description="In what this member has seen change; go on from it with `since`.")
    deleted: bool = False
    size: int = 0
    value: Base64Bytes | None = Field(
        default=None, description="In Base64; left out of a deletion, and of a value above 64 KiB."
    )


class Losing(Wire):
    """A value that was written at the same time as the one that stands, and lost."""

    version: int
    at: datetime = Field(description="By the clock of the member that wrote it.")
    member: str | None = Field(default=None, description="Which that was, where it is known.")
    deleted: bool = False
    size: int = 0
    value: Base64Bytes | None = Field(
        default=None, description="In Base64; left out of a deletion, and of a value above 64 KiB."
    )


class Conflicts(WrittenKey):
    conflicts: tuple[Losing, ...]
