"""Invitations as they cross the network. What is inside of one is in `federation/invitation.py`."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from feria.federation.jobs_wire import ClientName

InvitationState = Literal["open", "expired", "redeemed", "revoked"]


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class InvitationOrder(Wire):
    """Whom to invite."""

    name: ClientName = Field(
        description="Whose rows they are, as people know them.", examples=["Tienda Lima"]
    )
    days: float = Field(default=7, gt=0, le=365, description="How long it may be redeemed.")


class IssuedInvitation(Wire):
    """An invitation as it is listed. What is in it is not kept."""

    id: str
    name: str
    owner: str
    state: InvitationState = Field(
        description="redeemed: its store is a client; revoked: that, or its client, was removed."
    )
    created_at: datetime
    expires_at: datetime
    redeemed_at: datetime | None = None


class NewInvitation(IssuedInvitation):
    """The only time that its text is seen."""

    text: str = Field(description="One line, for the store: it lets in who has it first.")


class InvitationList(Wire):
    invitations: tuple[IssuedInvitation, ...]
