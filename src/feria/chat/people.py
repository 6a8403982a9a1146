"""Who speaks: people of the shop by their tokens, guests by a name that this node signed."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import cast

import msgspec
from sqlalchemy import Connection, Table, insert, select
from sqlalchemy.exc import IntegrityError

from feria.access.wire import Caller, Permission
from feria.chat.tables import KeyRow
from feria.chat.texts import clean_name, is_taken
from feria.chat.wire import Role
from feria.errors import Invalid, NotSignedIn
from feria.storage.database import Database

GUEST = "guest."
keys = cast(Table, KeyRow.__table__)


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    """What their messages are kept under: a token's name, or `guest.` and random digits."""
    nickname: str
    role: Role

    @property
    def is_operator(self) -> bool:
        """Answers for the shop, and moderates."""
        return self.role == "operator"


def holder(caller: Caller, nickname: str | None = None) -> Person:
    """Who shows a token: an operator of the chat where it may change the catalogue."""
    role: Role = "operator" if Permission.catalog in caller.permissions else "member"
    return Person(caller.subject, nickname or caller.subject, role)


class Guests:
    """What a guest shows to be the same one again is signed, and kept nowhere."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def new(self, nickname: str | None) -> Person:
        """Raises `Invalid` for a name that would be taken for the shop's."""
        id = GUEST + secrets.token_hex(10)
        return self.named(id, nickname or f"Invitado {id[-4:]}")

    def named(self, id: str, nickname: str) -> Person:
        try:
            nickname = clean_name(nickname)
        except ValueError as error:
            raise Invalid(f"{error}.".capitalize()) from None
        if is_taken(nickname):
            raise Invalid(f"The name {nickname} is the shop's. Choose another.")
        return Person(id, nickname, "guest")

    def sign(self, person: Person) -> str:
        said = _text(msgspec.json.encode([person.id, person.nickname]))
        return f"{said}.{self._signature(said)}"

    def read(self, shown: str) -> Person:
        """Raises `NotSignedIn` for what this node, or one that shares its database, did not sign."""
        said, _, signature = shown.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(said).encode()):
            raise NotSignedIn(
                "This guest's name is not signed by this node. Connect without it for a new one."
            )
        id, nickname = msgspec.json.decode(base64.urlsafe_b64decode(said), type=tuple[str, str])
        return Person(id, nickname, "guest")

    def _signature(self, said: str) -> str:
        return _text(hmac.new(self._key, said.encode(), hashlib.sha256).digest())


async def open_guests(database: Database) -> Guests:
    """With the key in the database, made when it is first wanted."""

    def write(connection: Connection) -> bytes:
        found = connection.scalar(select(keys.c.key).where(keys.c.name == "guests"))
        if found is None:
            found = secrets.token_bytes(32)
            connection.execute(insert(keys).values(name="guests", key=found))
        return bytes(found)

    try:
        return Guests(await database.write(write))
    except IntegrityError:  # another node was first
        return Guests(await database.write(write))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()
