"""Tokens, who one is, and what is held about a person."""

from collections.abc import Iterable
from urllib.parse import quote

from feria.access.wire import Erased, NewToken, Permission, PersonalData, Role, Token, TokenList, Who
from feria.client.answers import Nothing, Parsed
from feria.client.calls.call import Call


def tokens() -> Call[tuple[Token, ...]]:
    """Every token that was not revoked, the newest first."""
    return Call(method="GET", path="/v1/tokens", reader=lambda: Parsed(_tokens))


def create_token(
    name: str,
    role: Role | str,
    *,
    allow: Iterable[Permission | str] | None = None,
    days: float | None = None,
) -> Call[NewToken]:
    """Make a token for `name`; the answer's `token` is shown this once.

    `allow` are fewer permissions than the role's; it ends after `days`.
    """
    order = {"name": name, "role": role, "allow": None if allow is None else sorted(allow), "days": days}
    return Call(
        method="POST",
        path="/v1/tokens",
        reader=lambda: Parsed(NewToken.model_validate_json),
        body=order,
        repeatable=False,
    )


def revoke_token(id: str, *, force: bool = False) -> Call[None]:
    """End a token. Raises `Conflict` for the last that administers a locked node, unless `force`."""
    path = f"/v1/tokens/{quote(id, safe='')}"
    return Call(method="DELETE", path=path, reader=Nothing, query={"force": True} if force else {})


def whoami() -> Call[Who]:
    """Who the node takes us for."""
    return Call(method="GET", path="/v1/session", reader=lambda: Parsed(Who.model_validate_json))


def personal_data(subject: str) -> Call[PersonalData]:
    """All that the node keeps under a name."""
    path = f"/v1/privacy/{quote(subject, safe='')}"
    return Call(method="GET", path=path, reader=lambda: Parsed(PersonalData.model_validate_json))


def erase_personal_data(subject: str) -> Call[Erased]:
    """Erase what the node keeps under a name; models stay and lose their owner."""
    path = f"/v1/privacy/{quote(subject, safe='')}"
    return Call(method="DELETE", path=path, reader=lambda: Parsed(Erased.model_validate_json))


def _tokens(body: bytes) -> tuple[Token, ...]:
    return TokenList.model_validate_json(body).tokens
