"""Who asks, and what they may do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Permission(StrEnum):
    """What a route can ask for."""

    read = "read"  # models and their files, tasks of one's own
    predict = "predict"
    train = "train"  # train and publish; change models of one's own
    catalog = "catalog"  # write products, categories and pictures; everybody reads them
    keys = "keys"  # write keys of the cluster; who watches reads them
    watch = "watch"  # metrics, events, how the node is
    administer = "administer"  # tokens, personal data, what others own


class Role(StrEnum):
    """A named set of permissions."""

    client = "client"
    viewer = "viewer"
    operator = "operator"
    admin = "admin"


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.client: frozenset({Permission.read, Permission.predict}),
    Role.viewer: frozenset({Permission.read, Permission.watch}),
    Role.operator: frozenset(Permission) - {Permission.administer},
    Role.admin: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """`subject` is what their work is kept under: a token's name, or `local` on an open node."""

    subject: str
    permissions: frozenset[Permission]
    role: Role | None = None

    def owns(self, owner: str) -> bool:
        """Whether they may see and change what that subject owns."""
        return owner == self.subject or Permission.administer in self.permissions


LOCAL = Caller("local", PERMISSIONS[Role.admin], Role.admin)
"""Everybody, on an open node; on a locked one, commands of those who can read its home."""

HOUSE = "feria"
"""Owns what came with the program, so nobody does: whoever may train may change it or take its name."""

RESERVED = {LOCAL.subject: "the commands of this machine", HOUSE: "what comes with feria"}
"""Names that no token has, and what they stand for."""


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


SUBJECT = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"


class TokenOrder(Wire):
    """What a token shall allow."""

    name: str = Field(
        pattern=SUBJECT,
        description="Who or what holds it. Models and tasks are kept under this name, so a token that takes "
        "the place of another has the same.",
        examples=["till-3"],
    )
    role: Role
    allow: frozenset[Permission] | None = Field(
        default=None, description="Fewer permissions than the role's; left out, all of them."
    )
    days: float | None = Field(
        default=None, gt=0, le=36_500, description="Valid for so long; unset has no end."
    )


class Token(Wire):
    """A token as it is listed. Its secret is not kept."""

    id: str
    name: str
    role: Role
    permissions: tuple[Permission, ...]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = Field(default=None, description="To within an hour.")


class NewToken(Token):
    """The only time that the secret is seen."""

    token: str


class TokenList(Wire):
    tokens: tuple[Token, ...]


class SignIn(Wire):
    token: str = Field(max_length=256)


class Who(Wire):
    """Who asks, as the node sees it."""

    locked: bool = Field(description="Whether this node asks callers for a token.")
    subject: str | None = Field(default=None, description="Nothing for who has not signed in.")
    role: Role | None = None
    permissions: tuple[Permission, ...] = ()


class PersonalData(Wire):
    """What each room of this node keeps under a name."""

    subject: str
    rooms: dict[str, Any]


class Erased(Wire):
    subject: str
    rooms: dict[str, int] = Field(description="How many things each room erased or made nameless.")
