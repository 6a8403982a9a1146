"""Tokens, signing in, and what is kept of a person."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from feria.access.exposure import is_locked
from feria.access.keeper import Keeper, cookie_name
from feria.access.needs import needs
from feria.access.privacy import Privacy
from feria.access.sessions import Sessions
from feria.access.tokens import Tokens
from feria.access.wire import (
    SUBJECT,
    Caller,
    Erased,
    NewToken,
    Permission,
    PersonalData,
    SignIn,
    TokenList,
    TokenOrder,
    Who,
)
from feria.settings import Settings
from feria.web.parts import Part

router = APIRouter(tags=["access"])
administer = needs(Permission.administer)
Subject = Annotated[
    str, Path(pattern=SUBJECT, description="The name that tokens, models and tasks bear.", examples=["ana"])
]


@router.get("/v1/tokens", dependencies=[administer])
async def list_tokens(tokens: Part[Tokens]) -> TokenList:
    """Every token that was not revoked, the newest first; never its secret."""
    return TokenList(tokens=await tokens.all())


@router.post("/v1/tokens", status_code=201, dependencies=[administer])
async def create_token(order: TokenOrder, tokens: Part[Tokens]) -> NewToken:
    """Make a token. The answer holds it; it cannot be shown again."""
    return await tokens.create(order)


@router.delete("/v1/tokens/{id}", status_code=204, dependencies=[administer])
async def revoke_token(
    id: Annotated[str, Path(max_length=16)],
    tokens: Part[Tokens],
    force: Annotated[bool, Query(description="Even the last that administers a locked node.")] = False,
) -> None:
    """End a token and the sessions opened with it: here at once, on nodes that share the database in 5 s."""
    await tokens.revoke(id, force=force)


@router.get("/v1/session")
async def who_am_i(request: Request, settings: Part[Settings]) -> Who:
    """Who asks, as the node sees it. Answered to anyone."""
    return _who(request.state.caller, is_locked(settings))


@router.post("/v1/session", status_code=201)
async def sign_in(
    order: SignIn,
    request: Request,
    response: Response,
    keeper: Part[Keeper],
    sessions: Part[Sessions],
    settings: Part[Settings],
) -> Who:
    """Sign a browser in: its token becomes a session, kept in a cookie that scripts cannot read."""
    holder = await keeper.holder(order.token.strip(), request.client.host if request.client else "")
    cookie, ends = await sessions.open(holder)
    response.set_cookie(
        cookie_name(request.url.scheme),
        cookie,
        expires=ends,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return _who(holder.caller, is_locked(settings))


@router.delete("/v1/session", status_code=204)
async def sign_out(request: Request, response: Response, sessions: Part[Sessions]) -> None:
    """End this browser's session."""
    name = cookie_name(request.url.scheme)
    if cookie := request.cookies.get(name):
        await sessions.close(cookie)
    response.delete_cookie(name, path="/", secure=request.url.scheme == "https", httponly=True)


@router.get("/v1/privacy/{subject}", dependencies=[administer])
async def export_personal_data(subject: Subject, privacy: Part[Privacy]) -> PersonalData:
    """All that is kept under a name, by room."""
    return await privacy.export(subject)


@router.delete("/v1/privacy/{subject}", dependencies=[administer])
async def erase_personal_data(subject: Subject, privacy: Part[Privacy]) -> Erased:
    """Erase it, or nothing where their token is the last to administer the node. Models stay and lose their
    owner."""
    return await privacy.erase(subject)


def _who(caller: Caller | None, locked: bool) -> Who:
    if caller is None:
        return Who(locked=locked)
    allowed = tuple(sorted(caller.permissions))
    return Who(locked=locked, subject=caller.subject, role=caller.role, permissions=allowed)
