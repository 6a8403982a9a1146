"""Who asks, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    """What a route can ask for."""

    read = "read"  # models and their files, tasks of one's own
    predict = "predict"
    train = "train"  # train and publish; change models of one's own
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

    def owns(self, owner: str) -> bool:
        """Whether they may see and change what that subject owns."""
        return owner == self.subject or Permission.administer in self.permissions


LOCAL = Caller("local", PERMISSIONS[Role.admin])
"""Everybody, on an open node."""
