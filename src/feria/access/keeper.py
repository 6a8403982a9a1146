"""Who stands at the door of a locked node, and whether they knock too often."""

import logging
from collections.abc import Mapping

from feria.access.limits import RateLimit, neighbourhood, refuse_after
from feria.access.sessions import Sessions
from feria.access.tokens import Holder, Tokens
from feria.access.wire import Caller
from feria.clock import Clock
from feria.errors import NotSignedIn
from feria.settings import AccessSettings

log = logging.getLogger(__name__)

TOO_OFTEN = "This address asks too often."
COOKIE, COOKIE_WITH_TLS = "feria_session", "__Host-feria_session"
"""A name with that prefix is only taken by a browser with `Secure`, `Path=/` and no `Domain`."""


def cookie_name(scheme: str) -> str:
    return COOKIE_WITH_TLS if scheme in {"https", "wss"} else COOKIE


class Keeper:
    def __init__(self, tokens: Tokens, sessions: Sessions, settings: AccessSettings, clock: Clock) -> None:
        self._tokens = tokens
        self._sessions = sessions
        rate, nameless, failures = (
            settings.requests_per_second,
            settings.anonymous_per_second,
            settings.failures_per_minute,
        )
        self._holders = RateLimit(rate, burst=max(1.0, 2 * rate), clock=clock)
        self._nameless = RateLimit(nameless, burst=max(1.0, 2 * nameless), clock=clock)
        self._failures = RateLimit(failures / 60, burst=failures, clock=clock)

    async def admit(self, headers: Mapping[bytes, bytes], scheme: str, address: str) -> Caller | None:
        """Who asks; nobody where no token and no session is shown.

        Raises `NotSignedIn` for a token that is not valid, `RateLimited`.
        """
        holder: Holder | None = None
        shown = headers.get(b"authorization")
        if shown is not None:
            kind, _, text = shown.decode("latin-1").partition(" ")
            if kind.lower() != "bearer":
                raise NotSignedIn("This node takes `Authorization: Bearer TOKEN`.")
            holder = await self.holder(text.strip(), address)
        elif cookie := _cookie(headers.get(b"cookie", b""), cookie_name(scheme)):
            if not self._sessions.knows(cookie):  # or else a flood of made-up ones would reach the database
                refuse_after(self._nameless.wait(neighbourhood(address)), TOO_OFTEN)
            holder = await self._sessions.recognise(cookie)
        if holder is None:
            refuse_after(self._nameless.take(neighbourhood(address)), TOO_OFTEN)
            return None
        if holder.id is not None:
            refuse_after(self._holders.take(holder.id), "This token asks too often.")
        return holder.caller

    async def holder(self, text: str, address: str) -> Holder:
        """Whose token that is. An address that has shown too many wrong ones is refused before another
        is verified; tokens that are known already go in.

        Raises `NotSignedIn`, `RateLimited`.
        """
        place = neighbourhood(address)
        if not self._tokens.knows(text):
            refuse_after(self._failures.wait(place), "Too many wrong tokens came from this address.")
        holder = await self._tokens.recognise(text)
        if holder is None:
            self._failures.take(place)
            log.warning("A token that is not valid came from %s.", address)
            raise NotSignedIn("That token is not valid: mistyped, expired or revoked.")
        return holder


def _cookie(header: bytes, name: str) -> str:
    for one in header.decode("latin-1").split(";"):
        key, _, value = one.strip().partition("=")
        if key == name:
            return value
    return ""
