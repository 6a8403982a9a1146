"""A store redeems its invitation.

A token is good for one key. The key is on the disk before the token leaves, and `store.json` is written last,
so whatever ends a join, kill -9 included, the same invitation may be joined with again: the hub has either
not heard of it, or knows the same key and answers as it did.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from feria.errors import Conflict, FeriaError, Invalid, NotAllowed, Unavailable
from feria.federation.invitation import LOOPBACK, REDEEM, Invitation, Redeemed, Redemption, trust
from feria.federation.statistics import Discretion
from feria.learning.sources import Limits, Table
from feria.learning.target import find_target
from feria.store.consent import Consent
from feria.store.home import Home, Store, public
from feria.store.rows import Source, read, schema_of

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0
AGAIN = "Join again with the same invitation."


def join(
    home: Home,
    invitation: Invitation,
    data: Source,
    *,
    dataset: str,
    target: str,
    consent: Consent,
    limits: Limits,
) -> Store:
    """Look at the rows, then tell the hub `schema_of` them and what they are called, `dataset`.

    Raises `Conflict` where a store has joined already, and `Invalid` or `TooLarge` for rows that will not do,
    all before anything is told; `NotAllowed` for an invitation that the hub does not take, and `Unavailable`
    where it cannot be reached, cannot be trusted, or did not answer to the end.
    """
    with home.held():
        if home.joined:
            store = home.store()
            raise Conflict(
                f"{home.folder} is the store '{store.name}' of {store.hub} already; leave it first."
            )
        table = read(data, limits)
        _check(table, target)
        schema = schema_of(table)
        key = home.key_for(invitation.token)
        redeemed = _redeem(
            invitation,
            Redemption(
                token=invitation.token,
                public_key=public(key),
                dataset=dataset,
                columns=schema.columns,
                rows=schema.rows,
                schema_digest=schema.digest,
            ),
        )
        store = Store(
            name=redeemed.name,
            hub=invitation.hub,
            node_id=redeemed.node_id,
            superlink=redeemed.superlink,
            dataset=dataset,
            target=target,
            data=data,
            consent=consent,
        )
        home.keep(store, key, invitation.ca)
        return store


def _check(table: Table, target: str) -> None:
    """What every job would refuse later is said now."""
    values, _ = find_target(table.frame, target)
    known, least = len(values) - values.null_count(), Discretion().least_rows
    if known < least:
        raise Invalid(f"There are {known} rows with a value of '{target}'; {least} are the least.")


def _redeem(invitation: Invitation, told: Redemption) -> Redeemed:
    hub = invitation.hub
    try:
        with httpx.Client(
            verify=trust(invitation.ca),
            trust_env=urlsplit(hub).hostname not in LOOPBACK,  # no proxy leads to this machine
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            headers={"User-Agent": "feria"},
        ) as client:
            answer = client.post(hub + REDEEM, json=told.model_dump(mode="json"))
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise Unavailable(
                f"Who answers at {hub} is not the hub of this invitation, or its certificate is not "
                f"valid; nothing was told. ({error})"
            ) from error
        raise Unavailable(f"No hub answers at {hub}: {str(error) or 'no answer'}.") from error
    except httpx.HTTPError as error:
        raise Unavailable(
            f"The hub at {hub} did not answer to the end, and may have taken the invitation: "
            f"{str(error) or type(error).__name__}. {AGAIN}"
        ) from error
    if not answer.is_success:
        raise _refusal(hub, answer)
    try:
        return Redeemed.model_validate_json(answer.content)
    except ValidationError:
        raise Unavailable(f"What answers at {hub} does not speak as a hub does.") from None


def _refusal(hub: str, answer: httpx.Response) -> FeriaError:
    match answer.status_code:
        case HTTPStatus.FORBIDDEN:
            return NotAllowed(
                f"The hub at {hub} does not take this invitation: it is wrong, used, expired or revoked. "
                "Ask for a new one."
            )
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Unavailable(f"The hub at {hub} is asked too often.{_detail(answer)} {AGAIN}")
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable(f"The hub at {hub} fails ({status}).{_detail(answer)} {AGAIN}")
        case status:
            return Invalid(f"The hub at {hub} refuses this store ({status}).{_detail(answer)}")


def _detail(answer: httpx.Response) -> str:
    """The hub's own sentence, where it gives one."""
    try:
        said = answer.json()["detail"]
    except (ValueError, TypeError, KeyError):
        return ""
    return f" It says: {said}" if isinstance(said, str) and said.isprintable() and len(said) < 500 else ""
