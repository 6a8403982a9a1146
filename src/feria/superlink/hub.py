"""This node as its stores meet it: the SuperLink that it runs or uses, and by what a store knows both doors.

Opened only where stores come in, for it brings Flower and its programs along.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import TypeAdapter, ValidationError

from feria.clock import Clock
from feria.errors import Conflict, FeriaError, Invalid, NotAllowed, NotFound, Unavailable
from feria.federation.clients import Presence
from feria.federation.invitation import HubURL, SuperLinkAddress, trust
from feria.settings import SuperLinkSettings, WebSettings
from feria.superlink.control import Control, SuperNode, open_control, pem
from feria.superlink.process import EVERYWHERE, open_superlink

log = logging.getLogger(__name__)

FRESH = 1.0
"""Seconds for which what the SuperLink said of its nodes is good."""
PATIENCE = 3.0
"""Seconds to wait for it while somebody waits for a list."""
MOST_TRUSTED = 32 * 1024
"""Characters of certificates in an invitation."""

_URL: TypeAdapter[str] = TypeAdapter(HubURL)
_ADDRESS: TypeAdapter[str] = TypeAdapter(SuperLinkAddress)


class Hub:
    """Made by `open_hub`. Every method raises `Unavailable` when the SuperLink cannot be asked, but for
    `presence`."""

    def __init__(
        self, control: Control, url: str, superlink: str, ca: str, secret: str, clock: Clock
    ) -> None:
        self.url = url
        """Where stores redeem invitations, and trainings report."""
        self.superlink = superlink
        """`host:port` of the SuperLink, as stores call it."""
        self.ca = ca
        """PEM. All that a store needs to believe."""
        self.secret = secret
        """Who shows it may steer the SuperLink, and who runs there can speak for it."""
        self.control = control
        self._clock = clock
        self._looking = asyncio.Lock()
        self._look_again = clock.monotonic()
        self._there: Mapping[str, Presence] = {}
        self._answers = True

    def check(self, public_key: str) -> None:
        """Raises `Invalid` for what no store can have."""
        pem(public_key)

    async def let_in(self, name: str, public_key: str) -> str:
        """The id of the node that has the private key of this OpenSSH line, from now on or since before.

        Raises `Conflict` for a key that was shut out.
        """
        with self._steering():
            try:
                return str(await self.control.register(name, public_key))
            except Conflict:
                known = await self._of(public_key)
                if known is None:
                    raise
                return str(known.node_id)

    async def shut_out(self, node_id: str) -> None:
        """It never comes in again with the key it has. Once more does no harm."""
        with self._steering(), contextlib.suppress(NotFound):
            await self.control.unregister(int(node_id))

    async def shut_out_key(self, public_key: str) -> None:
        """The same by its key, in OpenSSH's form; nothing for one that was never let in."""
        with self._steering():
            known = await self._of(public_key)
        if known is not None:
            await self.shut_out(str(known.node_id))

    async def presence(self) -> Mapping[str, Presence]:
        """How each node is, by id, as of a second ago or less; nobody where the SuperLink does not answer."""
        async with self._looking:
            if self._clock.monotonic() >= self._look_again:
                self._there = await self._look()
                self._look_again = self._clock.monotonic() + FRESH
            return self._there

    async def _look(self) -> Mapping[str, Presence]:
        try:
            async with asyncio.timeout(PATIENCE):
                nodes = await self.control.nodes()
        except (FeriaError, TimeoutError) as error:
            if self._answers:
                log.warning("It is not known which stores are there: %s", error or "no answer.")
            self._answers = False
            return {}
        self._answers = True
        return {str(node.node_id): Presence(node.state, node.last_seen) for node in nodes}

    @contextlib.contextmanager
    def _steering(self) -> Iterator[None]:
        """Afterwards things are otherwise there. That the SuperLink does not take this node's secret is no
        fault of who asks."""
        try:
            yield
        except NotAllowed as error:
            raise Unavailable(error.message) from error
        finally:
            self._look_again = self._clock.monotonic()

    async def _of(self, public_key: str) -> SuperNode | None:
        key = pem(public_key)
        return next((node for node in await self.control.nodes() if node.public_key == key), None)


@contextlib.asynccontextmanager
async def open_hub(
    settings: SuperLinkSettings, web: WebSettings, folder: Path, clock: Clock
) -> AsyncGenerator[Hub]:
    """Runs a SuperLink with its state in the folder, unless the settings name one that runs already.

    Raises `Invalid` where stores could not find this node or not know it, and as `open_superlink` does.
    """
    names = settings.names or (() if settings.host in EVERYWHERE else (settings.host,))
    told, url = _superlink(settings, names), _hub_url(settings, web)
    async with contextlib.AsyncExitStack() as stack:
        if settings.address and settings.ca and settings.secret:
            address, ca, secret = settings.address, settings.ca, settings.secret.get_secret_value()
        else:
            ours = await stack.enter_async_context(
                open_superlink(folder, host=settings.host, port=settings.port, names=names, clock=clock)
            )
            address, ca, secret = ours.address, ours.ca, ours.secret
        believed = await asyncio.to_thread(_believed, settings, web, url, ca)
        control = await stack.enter_async_context(open_control(address, ca, secret))
        yield Hub(control, url, told, believed, secret, clock)


# ------------------------------------------------------------------- where stores find it
def _superlink(settings: SuperLinkSettings, names: Sequence[str]) -> str:
    if settings.address is None:
        if not names:
            raise Invalid("FERIA_SUPERLINK__NAMES has to say by which name stores call this node.")
        return _checked(_ADDRESS, "NAMES", _at(names[0], settings.port))
    address = _checked(_ADDRESS, "ADDRESS", settings.address)
    port = urlsplit(f"//{address}").port or 0
    return _checked(_ADDRESS, "NAMES", _at(settings.names[0], port)) if settings.names else address


def _hub_url(settings: SuperLinkSettings, web: WebSettings) -> str:
    if settings.hub_url is not None:
        return _checked(_URL, "HUB_URL", settings.hub_url)
    host = next(iter(settings.names), "") if web.host in EVERYWHERE else web.host
    if web.behind_proxy or not web.port or not host:
        raise Invalid("FERIA_SUPERLINK__HUB_URL has to say where stores redeem their invitations.")
    scheme = "http" if web.tls_certificate is None else "https"
    return _checked(_URL, "HUB_URL", f"{scheme}://{_at(host, web.port)}")


def _at(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def _checked(kind: TypeAdapter[str], setting: str, value: str) -> str:
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        why = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise Invalid(f"FERIA_SUPERLINK__{setting} will not do: {why}.") from None


# ------------------------------------------------------------------- by what stores know it
def _believed(settings: SuperLinkSettings, web: WebSettings, url: str, ca: Path) -> str:
    believed = _certificates(ca)
    if url.startswith("https:"):
        own = None if web.behind_proxy else web.tls_certificate
        door = settings.hub_ca or own
        if door is None:
            raise Invalid(f"FERIA_SUPERLINK__HUB_CA has to say by which certificates stores know {url}.")
        believed += _certificates(door)
        if settings.hub_ca is None and web.tls_key is not None:
            _check_known(url, believed, door, web.tls_key)
    if len(believed) > MOST_TRUSTED:
        raise Invalid(
            "FERIA_SUPERLINK__HUB_CA names more certificates than an invitation holds; name the one that is "
            "needed."
        )
    return believed


def _certificates(file: Path) -> str:
    """Those alone: a private key in the same file stays where it is. Raises `Invalid`."""
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except OSError as error:
        raise Invalid(f"Cannot read the certificates in {file}: {error.strerror}.") from None
    except ValueError:
        raise Invalid(f"There are no certificates in PEM in {file}.") from None
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in found)


def _check_known(url: str, believed: str, certificate: Path, key: Path) -> None:
    """Raises `Invalid` where a store that believes those would not know this node's own door: better now
    than at each store."""
    door = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    door.load_cert_chain(certificate, key)
    to_door, to_store = ssl.MemoryBIO(), ssl.MemoryBIO()
    store = trust(believed).wrap_bio(to_store, to_door, server_hostname=urlsplit(url).hostname)
    sides = [store, door.wrap_bio(to_door, to_store, server_side=True)]
    try:
        for _ in range(4):  # they say two things each
            for side in sides:
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        raise Invalid(
            f"Stores would not know this node at {url}: {error.verify_message.rstrip('.')}. "
            "FERIA_SUPERLINK__HUB_URL and __HUB_CA can say where they come to, and whom they believe there."
        ) from None
