"""What two nodes say to each other on one connection, byte by byte, without a socket.

A frame is its length (4 bytes), a code of authentication (16 bytes: keyed BLAKE2b) and a payload. The side
that dialled introduces itself, the other answers, each with a nonce; from the cluster's key and both
introductions follows a key for each direction, and each side proves that it has it by an empty frame. The
code is over the number of the frame as well, which is not sent. So a frame is believed on this connection, in
this direction, in its turn, once: what was recorded elsewhere, reflected, left out or changed is not.

Without a key the code is a checksum, and whoever knows the cluster's name is believed.
"""

import hashlib
import struct
from typing import Literal

import msgspec

from feria.cluster.keys import Key, Keyring, shared

MOST_BYTES = 4 * 2**20
"""Of a payload."""
GREETING_BYTES = 1024
"""Before the other side is known it cannot make us hold more than this."""
CODE_BYTES = 16
NONCE_BYTES = 32
PROTOCOL = 1

_LENGTH = struct.Struct(">I")
_NUMBER = struct.Struct(">Q")

Reason = Literal[
    "length", "garbage", "protocol", "cluster", "key", "forged", "truncated", "slow", "tls", "self", "crowded"
]


class Refused(Exception):
    """The other side is not to be believed; the connection ends here."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Hello(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How a node introduces itself. `address` is where others reach it, `life` this run of it."""

    protocol: int
    cluster: str
    address: str
    life: int
    nonce: bytes
    keys: tuple[bytes, ...]
    """Ids of the keys it has, the preferred one first."""


_encode = msgspec.msgpack.Encoder().encode
_decode_hello = msgspec.msgpack.Decoder(Hello).decode


class Session:
    """One side of one connection. Bytes that came go into `receive`; those of `outgoing` are to be sent."""

    def __init__(
        self, cluster: str, address: str, life: int, keys: Keyring, *, dialled: bool, nonce: bytes
    ) -> None:
        self.dialled = dialled
        self.peer: Hello | None = None
        """Who is on the other side; to be believed once `open`."""
        self.open = False
        self.key: Key | None = None
        self.outgoing = bytearray()
        self._keys = keys
        self._mine = _encode(Hello(PROTOCOL, cluster, address, life, nonce, tuple(key.id for key in keys)))
        self._cluster = cluster
        self._life = life
        self._buffer = bytearray()
        self._sealing: _Codes | None = None
        self._opening: _Codes | None = None
        if dialled:
            self.outgoing += _LENGTH.pack(len(self._mine)) + self._mine

    def receive(self, data: bytes) -> list[bytes]:
        """The payloads that are whole now. Raises `Refused`; what came along before the bad frame then has no
        effect either."""
        buffer = self._buffer
        buffer += data
        payloads: list[bytes] = []
        at = 0
        while len(buffer) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, at)
            self._check(length)
            start, end = at + _LENGTH.size, at + _LENGTH.size + length
            if len(buffer) < end:
                break
            at = end
            if self._opening is None:
                self._greeted(bytes(buffer[start:end]))
                continue
            code, payload = bytes(buffer[start : start + CODE_BYTES]), bytes(buffer[start + CODE_BYTES : end])
            if code != self._opening.next(payload):  # timing tells nothing: the connection is over
                raise Refused("forged" if self.open else "key")
            if self.open:
                payloads.append(payload)
            else:
                self._proved(payload)
        del buffer[:at]
        return payloads

    def seal(self, payload: bytes) -> bytes:
        """The head of a frame, to be sent before its payload. Only once `open`."""
        assert self._sealing is not None
        assert len(payload) <= MOST_BYTES
        return _LENGTH.pack(CODE_BYTES + len(payload)) + self._sealing.next(payload)

    @property
    def unfinished(self) -> bool:
        """Whether an end would come in the middle of something."""
        return bool(self._buffer) or not self.open

    def _check(self, length: int) -> None:
        if self._opening is None:
            good = 0 < length <= GREETING_BYTES
        else:
            good = CODE_BYTES <= length <= CODE_BYTES + (MOST_BYTES if self.open else 0)
        if not good:
            raise Refused("length")

    def _greeted(self, said: bytes) -> None:
        try:
            peer = _decode_hello(said)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Refused("garbage") from None
        if peer.protocol != PROTOCOL:
            raise Refused("protocol")
        if peer.cluster != self._cluster:
            raise Refused("cluster")
        if len(peer.nonce) != NONCE_BYTES or not peer.address:
            raise Refused("garbage")
        if peer.life == self._life:
            if not self.dialled:  # so that the other end, which is this node too, knows why
                self.outgoing += _LENGTH.pack(len(self._mine)) + self._mine
            raise Refused("self")
        # The dialling side's order of preference counts; both see both lists, and both lists are in what the
        # keys of this connection follow from, so nobody in between can make them choose an older one.
        if self.dialled:
            self.key = next((key for key in self._keys if key.id in peer.keys), None)
        else:
            self.key = shared(self._keys, peer.keys)
        if self.key is None and (self._keys or peer.keys):
            raise Refused("key")
        if not self.dialled:
            self.outgoing += _LENGTH.pack(len(self._mine)) + self._mine
        dialler, other = (self._mine, said) if self.dialled else (said, self._mine)
        derived = hashlib.blake2b(
            _LENGTH.pack(len(dialler)) + dialler + other,
            key=self.key.secret if self.key else b"",
            person=b"feria cluster",
        ).digest()
        to_other, to_dialler = _Codes(derived[:32]), _Codes(derived[32:])
        self._sealing, self._opening = (to_other, to_dialler) if self.dialled else (to_dialler, to_other)
        self.peer = peer
        self.outgoing += _LENGTH.pack(CODE_BYTES) + self._sealing.next(b"")

    def _proved(self, payload: bytes) -> None:
        assert not payload, "its length was looked at"
        self.open = True


class _Codes:
    """Codes of the frames of one direction, in turn."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hashlib.blake2b(key=key, digest_size=CODE_BYTES)
        self._number = 0

    def next(self, payload: bytes) -> bytes:
        code = self._keyed.copy()
        code.update(_NUMBER.pack(self._number))
        code.update(payload)
        self._number += 1
        return code.digest()
