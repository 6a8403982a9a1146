"""What a hub gives a store so that it can join: one line of text, and what both say when it is redeemed.

The text is `feria-` and base64url of JSON, without padding. `sum` in it is there for slips of copying alone;
whoever can read an invitation can make another with the same token.
"""

import base64
import hashlib
import json
import ssl
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from feria.errors import Invalid
from feria.federation.jobs_wire import ClientName
from feria.registry.wire import Column

PREFIX = "feria-"
REDEEM = "/v1/invitations/redeem"
"""Path at the hub."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LARGEST = 64 * 1024
"""Characters; a chain of certificates has a few thousand."""


def _hub(url: str) -> str:
    parts = urlsplit(url)
    extra = parts.username or parts.query or parts.fragment or parts.port == 0
    if parts.scheme not in {"http", "https"} or not parts.hostname or extra:
        raise ValueError("the address of a hub is like https://hub.example:8443")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("a hub elsewhere is spoken to over https, since a token travels")
    return url.rstrip("/")


def _superlink(address: str) -> str:
    parts = urlsplit(f"//{address}")
    if not parts.hostname or not parts.port or parts.netloc != address or parts.username is not None:
        raise ValueError("the address of a SuperLink is like hub.example:9092")
    return address


def trust(ca: str) -> ssl.SSLContext:
    """Believes these certificates in PEM, and no others. Raises `ValueError` where there are none."""
    if (
        not ca.isascii() or "-----BEGIN CERTIFICATE-----" not in ca
    ):  # for an empty text ssl takes the system's
        raise ValueError("there are no certificates in PEM")
    try:
        return ssl.create_default_context(cadata=ca)
    except ssl.SSLError:
        raise ValueError("there are no certificates in PEM") from None


def _certificates(pem: str) -> str:
    trust(pem)
    return pem


HubURL = Annotated[str, AfterValidator(_hub)]
SuperLinkAddress = Annotated[str, AfterValidator(_superlink), Field(description="host:port")]
Token = Annotated[str, Field(min_length=16, max_length=200, pattern=r"^[A-Za-z0-9_-]+$", repr=False)]
NodeId = Annotated[str, Field(pattern=r"^[0-9]{1,20}$", description="Decimal; too large for a JSON number.")]


class Invitation(BaseModel):
    """For one store, once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    name: ClientName
    hub: HubURL
    superlink: SuperLinkAddress
    ca: Annotated[str, AfterValidator(_certificates)] = Field(
        description="PEM. The only authority that is believed, of the hub's door and of the SuperLink's."
    )
    token: Token
    expires: AwareDatetime


class Redemption(BaseModel):
    """All that a store tells when it joins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Token
    public_key: str = Field(
        max_length=1000,
        pattern=r"^ecdsa-sha2-nistp384 [A-Za-z0-9+/]+={0,2}$",
        description="OpenSSH. The same token with the same key is answered the same again: the first answer "
        "may have been lost.",
    )
    dataset: str = Field(max_length=200)
    columns: tuple[Column, ...] = Field(min_length=1)
    rows: int = Field(ge=1, lt=2**53)
    schema_digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class Redeemed(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: ClientName
    node_id: NodeId
    superlink: SuperLinkAddress


def encode(invitation: Invitation) -> str:
    said = invitation.model_dump(mode="json")
    text = json.dumps({**said, "sum": _sum(said)}, separators=(",", ":"))
    return PREFIX + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(text: str) -> Invitation:
    """Blanks and line ends, which mail puts in, do no harm. Raises `Invalid`."""
    packed = "".join(text.split())
    if not packed.startswith(PREFIX):
        raise Invalid(f"This is no invitation; one is a line that begins with '{PREFIX}'.")
    said = _unpacked(packed.removeprefix(PREFIX))
    if not isinstance(said, dict) or said.pop("sum", None) != _sum(said):
        raise Invalid("This invitation is damaged: characters are missing or changed. Copy it as a whole.")
    if said.get("v") != 1:
        raise Invalid("This invitation is of a newer feria than this one; bring this one up to date.")
    try:
        return Invitation.model_validate(said)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in fault["loc"])
        raise Invalid(
            f"This invitation was not made well; ask for another. ({place}: {fault['msg']})"
        ) from None


def _unpacked(packed: str) -> Any:
    """None for what cannot be unpacked."""
    if len(packed) > LARGEST:
        return None
    try:
        padded = packed + "=" * (-len(packed) % 4)
        return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        return None


def _sum(said: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:8]
