"""How a cluster is told of over HTTP."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MemberState = Literal["alive", "suspect", "dead", "left", "expelled", "unseen"]
Secured = Literal["no", "key", "tls", "key and tls"]


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class MemberHealth(Wire):
    load: float = Field(description="Share of its processors that is taken; 1 is all.")
    queue: int = Field(description="Requests and tasks that wait.")
    models: int = Field(description="Models that it holds ready.")


class ClusterMember(Wire):
    """Another member, as the node that answers sees it."""

    id: str
    address: str = Field(description="Where nodes reach it.")
    url: str | None = Field(description="Where it answers over HTTP; unknown until it has said so.")
    state: MemberState = Field(
        description="`unseen` has a seat in the roster and was not met since this node started."
    )
    since: datetime | None = Field(description="When it came to be so, as far as this node knows.")
    heard: datetime | None = Field(description="When it last said something to this node.")
    incarnation: int | None
    behind: int | None = Field(
        description="Writes that it has not said to have; of several to one key, each."
    )
    ahead: int | None = Field(description="Writes that it has and this node lacks.")
    bytes_in: int
    bytes_out: int
    dropped: int = Field(description="Messages that were not sent: too much waited, or it was not reached.")
    files: int = Field(description="Model files that it says to hold.")
    health: MemberHealth | None


class ClusterStatus(Wire):
    cluster: str
    id: str = Field(description="This node's name in it.")
    address: str | None = Field(description="Where others reach it; none for a node that is alone.")
    state: Literal["alone", "member", "left"]
    bootstrapping: bool = Field(
        description="It lacks keys that it will have: it is taking over rows, or has met nobody yet."
    )
    secured: Secured
    members: tuple[ClusterMember, ...]
    files: int = Field(
        description="Model files of the cluster's shelf that this node has told others it holds."
    )
    keys: int
    tombstones: int = Field(description="Deletions that are remembered until every member knows of them.")
    origins: int = Field(description="Entries of the version vector: writers there ever were.")
    commits: int = Field(description="Since the start; one may hold many writes.")
    resets: int = Field(description="Times it took over another's state, having been away for too long.")
    doubt: int = Field(description="0 to 8: how slow this node takes itself to be.")
    refusals: dict[str, int] = Field(description="Connections that were closed, by reason.")
    unread: dict[str, int] = Field(description="Messages of members that were dropped, by reason.")
    clocks_ahead: int = Field(description="Writes whose clock was more than a minute ahead of this node's.")


class LeftCluster(Wire):
    id: str
    handed_over_to: tuple[str, ...] = Field(description="Live members, of which one at least has all rows.")


class ClusterMembers(Wire):
    members: tuple[ClusterMember, ...]
