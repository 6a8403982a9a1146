"""A version of a model as a row that every member of a cluster holds.

A row that this feria cannot read, such as one of a later one, is left out and told of in the log; it is
never written over.
"""

import logging
import zlib
from typing import NamedTuple

import msgspec
from pydantic import ValidationError

from feria.access.wire import HOUSE
from feria.cluster.chunks import Manifest
from feria.registry.wire import Model

log = logging.getLogger(__name__)

PREFIX = "models/"
PLAIN_BYTES = 2048
"""A longer row is packed: cards and the names of a thousand columns shrink to a tenth."""
_PACKED = b"\x78"
"""How zlib begins, and JSON does not."""


class Row(NamedTuple):
    """`pieces`: the sha256 of each MiB of the model's file, one after the other."""

    model: Model
    pieces: bytes

    @property
    def manifest(self) -> Manifest | None:
        """What the file is made of; None where nobody has written it down."""
        if not self.pieces:
            return None
        chunks = tuple(self.pieces[at : at + 32] for at in range(0, len(self.pieces), 32))
        return Manifest(self.model.size, bytes.fromhex(self.model.digest), chunks)


class _Pieces(msgspec.Struct):
    pieces: bytes = b""


_read_pieces = msgspec.json.Decoder(_Pieces).decode


def rank(model: Model) -> tuple[bool, int, str, str]:
    """The order of versions: by number, and by when and what where two nodes chose the same number. What
    came with feria is before all that anybody published, as on the node that had that name first.

    Every member computes it from the rows alone, so all agree which is the latest.
    """
    return (model.owner != HOUSE, model.version, model.published_at.isoformat(), model.digest)


def key_of(model: Model) -> str:
    """The digest in it lets both survive when two members give one number to two files."""
    return f"{PREFIX}{model.name}/{model.version:08d}/{model.digest[:16]}"


def encoded(row: Row) -> bytes:
    told = msgspec.json.decode(row.model.model_dump_json())
    value = msgspec.json.encode(told | {"pieces": row.pieces})
    return zlib.compress(value) if len(value) > PLAIN_BYTES else value


def decoded(key: str, value: bytes) -> Row | None:
    """None for what is no row of this feria's."""
    try:
        if value.startswith(_PACKED):
            value = zlib.decompress(value)
        return Row(Model.model_validate_json(value), _read_pieces(value).pieces)
    except (ValidationError, msgspec.DecodeError, zlib.error) as error:
        log.warning("%s is no row that this feria can read: %s", key, str(error).splitlines()[0])
        return None
