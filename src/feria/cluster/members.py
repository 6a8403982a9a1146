"""What members say of each other, and which of two sayings holds."""

from dataclasses import dataclass
from enum import IntEnum

import msgspec


class State(IntEnum):
    """Of two sayings with one incarnation the higher state holds: an accusation overrides its object."""

    alive = 0
    suspect = 1
    dead = 2
    left = 3
    """It said so itself."""

    @property
    def live(self) -> bool:
        return self <= State.suspect


class Health(msgspec.Struct, frozen=True, array_like=True):
    """How a member is, by its own account. `load` is the share of its processors that is taken, 1 is all."""

    load: float = 0.0
    queue: int = 0
    models: int = 0
    room: int = 0
    """Tasks that it could take on at once."""


class News(msgspec.Struct, frozen=True, array_like=True):
    """What is said of one member.

    Only the member itself raises its `incarnation`, so that it can take back what others say of it; it begins
    with the time of its start, above all of its former lives. `life` tells its runs apart.
    """

    id: str
    address: str
    url: str
    life: int
    incarnation: int
    state: State
    by: str = ""
    """Who suspects it."""

    def overrides(self, other: "News") -> bool:
        return (self.incarnation, self.state) > (other.incarnation, other.state)


@dataclass(slots=True)
class Peer:
    """Another member as this one sees it. `since` and `heard` are of the monotonic clock."""

    news: News
    since: float
    """When it came to be in that state."""
    heard: float | None = None
    health: Health | None = None

    @property
    def id(self) -> str:
        return self.news.id

    @property
    def address(self) -> str:
        return self.news.address

    @property
    def state(self) -> State:
        return self.news.state


class Ping(msgspec.Struct, frozen=True, array_like=True, tag="s.ping"):
    """Asks member `to` whether it is there; another one at its address keeps silent."""

    number: int
    to: str
    health: Health
    news: tuple[News, ...] = ()


class Ack(msgspec.Struct, frozen=True, array_like=True, tag="s.ack"):
    """`of` is who is there, in its `life`; whoever passed the question on passes that on too."""

    number: int
    of: str
    life: int
    health: Health
    news: tuple[News, ...] = ()


class Ask(msgspec.Struct, frozen=True, array_like=True, tag="s.ask"):
    """Would you ping `to` for me?"""

    number: int
    to: str
    address: str
    news: tuple[News, ...] = ()


class Nack(msgspec.Struct, frozen=True, array_like=True, tag="s.nack"):
    """I did, and it has not answered; but you and I reach each other."""

    number: int


class Tell(msgspec.Struct, frozen=True, array_like=True, tag="s.tell"):
    news: tuple[News, ...]


class Join(msgspec.Struct, frozen=True, array_like=True, tag="s.join"):
    """All that the sender knows; asks for the same."""

    news: tuple[News, ...]


class Joined(msgspec.Struct, frozen=True, array_like=True, tag="s.joined"):
    news: tuple[News, ...]


class Yield(msgspec.Struct, frozen=True, array_like=True, tag="s.yield"):
    """A later life of this member, at another address, takes its place by its operator's wish."""

    id: str
    life: int


Message = Ping | Ack | Ask | Nack | Tell | Join | Joined | Yield
