"""What members say to each other about rows.

Every message names its sender's member and life, and how far the sender's vector had come when it left. A
life is random; within one, a vector only grows and its moments count the steps.
"""

import hashlib

import msgspec

from feria.cluster.rows import Row


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """A sender's vector at `moment`: all of it when `since` is 0, otherwise what changed after `since`."""

    member: int
    life: int
    moment: int
    since: int
    entries: dict[int, int]


class Digest(msgspec.Struct, frozen=True, array_like=True, tag="g.digest"):
    """My vector has this hash, and of yours I hold the moment `held` of the life `held_life`. With `asks`,
    say yours."""

    member: int
    life: int
    moment: int
    hash: bytes
    held_life: int
    held: int
    asks: bool


class Known(msgspec.Struct, frozen=True, array_like=True, tag="g.known"):
    """Ours differ; here is mine. Send what I lack."""

    stamp: Stamp
    held_life: int
    held: int


class Delta(msgspec.Struct, frozen=True, array_like=True, tag="g.delta"):
    """What you lacked at the moment `held` of your life `base`, all of it; with `asks`, send what I lack."""

    stamp: Stamp
    base: int
    held: int
    rows: list[Row]
    asks: bool


class Push(msgspec.Struct, frozen=True, array_like=True, tag="g.push"):
    """Writes of one origin after `after`, up to and with `upto`, as they are made. `latest` is some of the
    sender's vector."""

    member: int
    life: int
    moment: int
    latest: dict[int, int]
    origin: int
    after: int
    upto: int
    rows: list[Row]


class Offer(msgspec.Struct, frozen=True, array_like=True, tag="g.offer"):
    """You need more than a message holds: ask me for pages. With `resets`, you also miss deletions that are
    forgotten here."""

    member: int
    life: int
    resets: bool


class Ask(msgspec.Struct, frozen=True, array_like=True, tag="g.ask"):
    """The page of the keys beyond `after`."""

    stamp: Stamp
    after: str
    resets: bool


class Page(msgspec.Struct, frozen=True, array_like=True, tag="g.page"):
    """The keys beyond `after`, up to and with `upto`, to the last one where that is None.

    `rows` are those the asker's vector does not cover. In a reset `listed` are the keys of the others, and
    the first page brings the sender's version floors. `collected` is a vector; it must stay what it is from
    the first page to the last.
    """

    stamp: Stamp
    base: int
    after: str
    upto: str | None
    resets: bool
    rows: list[Row]
    listed: list[str]
    collected: dict[int, int]
    floors: dict[int, int]


Message = Digest | Known | Delta | Push | Offer | Ask | Page


def member_number(member: str) -> int:
    """How messages name a member: 63 bits of its id's hash."""
    return int.from_bytes(hashlib.blake2b(member.encode(), digest_size=8).digest()) >> 1
