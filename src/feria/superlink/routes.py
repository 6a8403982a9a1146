"""Invitations over HTTP: invite a store, and take in one that shows its invitation."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from feria.access.needs import Asking, needs
from feria.access.wire import Permission
from feria.errors import NotFound
from feria.federation.invitation import REDEEM, Redeemed, Redemption
from feria.federation.routes import origin, whose
from feria.settings import Settings
from feria.superlink.invitations import Invitations
from feria.superlink.wire import InvitationList, InvitationOrder, NewInvitation
from feria.web.parts import Part

router = APIRouter(tags=["federation"])
read, train = needs(Permission.read), needs(Permission.train)


@router.post("/v1/invitations", status_code=201, dependencies=[train])
async def invite_store(
    order: InvitationOrder, caller: Asking, invitations: Part[Invitations]
) -> NewInvitation:
    """Invite a store, which keeps its rows and trains on them there. The answer holds the invitation, a line
    of text which cannot be shown again; an earlier one for the same name is not taken any more."""
    return await invitations.invite(order.name, owner=caller.subject, days=order.days)


@router.get("/v1/invitations", dependencies=[read])
async def list_invitations(caller: Asking, invitations: Part[Invitations]) -> InvitationList:
    """The latest invitation for each name: one's own; an administrator's are everybody's."""
    return InvitationList(invitations=tuple(await invitations.all(whose(caller))))


@router.delete("/v1/invitations/{id}", status_code=204, dependencies=[train])
async def revoke_invitation(
    id: Annotated[str, Path(max_length=32)], caller: Asking, invitations: Part[Invitations]
) -> None:
    """Take an invitation back. A store that has joined with it is a client, and removed as one."""
    if not caller.owns((await invitations.find(id)).owner):
        raise NotFound(f"No invitation {id}.")
    await invitations.revoke(id)


@router.post(REDEEM, status_code=201)
async def redeem_invitation(
    told: Redemption, request: Request, invitations: Part[Invitations], settings: Part[Settings]
) -> Redeemed:
    """What a store says to join. Open to anyone: the token in it is what lets in, once, and the same store
    again whose answer was lost."""
    host, port = origin(request, settings)
    return await invitations.redeem(told, host=host, port=port)
