"""Bytes that no node sends, against a node's end of a connection: `python -m simulations.frames_fuzz 10000`.

Each turn is a connection of its own: it goes well up to some point, then something is wrong. The end may
refuse, or wait for more; it may raise nothing else, believe nothing, and hold no more than a frame.
"""

import struct
import sys
from collections import Counter
from random import Random

from feria.cluster.frames import MOST_BYTES, NONCE_BYTES, Refused, Session
from feria.cluster.keys import Key

OURS, THEIRS = Key(b"o" * 32), Key(b"t" * 32)
PAYLOADS = (b"", b"a", b"hello" * 20, bytes(5000))


def session(
    random: Random, *, dialled: bool, keys: tuple[Key, ...] = (OURS,), cluster: str = "fair"
) -> Session:
    life = 1 if dialled else 2
    nonce = random.randbytes(NONCE_BYTES)
    return Session(cluster, f"m{life}:7001", life, keys, dialled=dialled, nonce=nonce)


def shake(one: Session, other: Session) -> None:
    """Let the two introduce themselves."""
    for _ in range(3):
        for from_, to in ((one, other), (other, one)):
            said = bytes(from_.outgoing)
            from_.outgoing.clear()
            if said:
                assert to.receive(said) == []
    assert one.open
    assert other.open


def pieces(random: Random, data: bytes) -> list[bytes]:
    """The same bytes, as a network may cut them."""
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(4)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def garbage(random: Random) -> bytes:
    kind = random.randrange(4)
    if kind == 0:
        return random.randbytes(random.randrange(1, 200))
    if kind == 1:  # a length that nobody means
        return struct.pack(">I", random.choice([0, 15, MOST_BYTES + 17, 2**31, 2**32 - 1])) + b"x" * 20
    if kind == 2:
        return b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
    body = random.randbytes(random.randrange(1, 300))
    return struct.pack(">I", len(body)) + body


def before_the_proof(random: Random) -> tuple[bytes, Session]:
    """A stranger at the door."""
    end = session(random, dialled=random.random() < 0.5)
    stranger = session(
        random,
        dialled=not end.dialled,
        keys=random.choice([(), (THEIRS,), (THEIRS, Key(b"x" * 32)), (OURS,)]),
        cluster=random.choice(["fair", "fair", "market"]),
    )
    said = bytes(stranger.outgoing)
    if not said:
        held, where = stranger._keys, stranger._cluster
        helper = session(random, dialled=True, keys=held, cluster=where)
        stranger.receive(bytes(helper.outgoing))
        said = bytes(stranger.outgoing)  # an answer to somebody else's introduction
    if OURS.id in said and random.random() < 0.3:
        said = spoilt(random, said)
    return said + garbage(random), end


def spoilt(random: Random, frame: bytes) -> bytes:
    """Another than that, in one of the ways there are."""
    changed = _changed(random, frame)
    return changed if changed != frame else spoilt(random, frame)


def _changed(random: Random, frame: bytes) -> bytes:
    way = random.randrange(3)
    at = random.randrange(len(frame))
    if way == 0:
        return frame[:at] + bytes([frame[at] ^ (1 << random.randrange(8))]) + frame[at + 1 :]
    if way == 1:
        return frame[:at] + frame[at + 1 :] + b"\x00"
    return frame[:at] + random.randbytes(random.randrange(1, 5)) + frame[at:]


def after_the_proof(random: Random) -> tuple[bytes, Session, list[bytes]]:
    """A member's connection that somebody has got into. Returns what may still be believed, too."""
    end, member = session(random, dialled=False), session(random, dialled=True)
    shake(end, member)
    payloads = [random.choice(PAYLOADS) for _ in range(random.randrange(1, 5))]
    frames = [member.seal(payload) + payload for payload in payloads]
    at = random.randrange(len(frames))
    way = random.randrange(5)
    good = payloads[:at]
    if way == 0:
        whole, frames[at] = frames[at], spoilt(random, frames[at])
        if frames[at].startswith(whole):  # more of the byte that it ends with
            good = payloads[: at + 1]
    elif way == 1:  # the same once more
        frames.insert(at, frames[at])
        good = payloads[: at + 1]
    elif way == 2:  # one is missing, and something follows
        del frames[at]
        frames.append(garbage(random))
    elif way == 3:  # one's own words
        own = end.seal(payloads[at]) + payloads[at]
        frames[at] = own
    else:
        frames[at] = garbage(random)
    return b"".join(frames), end, good


def turn(random: Random) -> str:
    """One connection; how it ended."""
    believed: list[bytes] = []
    if random.random() < 0.5:
        data, end = before_the_proof(random)
        good: list[bytes] = []
    else:
        data, end, good = after_the_proof(random)
    outcome = "waits"
    was_open = end.open
    for piece in pieces(random, data):
        try:
            believed += end.receive(piece)
        except Refused as refused:
            outcome = refused.reason
            break
        assert len(end._buffer) <= MOST_BYTES + 20
    assert was_open or not end.open or good, "a stranger was let in"
    assert all(one in good for one in believed), "something was believed that nobody said"
    assert believed == good[: len(believed)]
    return outcome


def fuzz(turns: int, seed: int = 0) -> Counter[str]:
    """How the connections ended."""
    random = Random(seed)
    return Counter(turn(random) for _ in range(turns))


if __name__ == "__main__":
    told = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(dict(fuzz(told)))
