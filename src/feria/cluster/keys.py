"""The cluster's key: what a node must know to be believed.

It lies in a file that every node has a copy of, a line for each key, the newest first. There are two while
one takes the other's place: nodes that share either understand each other, so the file can be brought to one
node after another. It is read again when it changes; nobody needs to start anew.
"""

import hashlib
import logging
import secrets
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from feria.errors import Conflict, Invalid
from feria.storage import durable
from feria.storage.blobs import disk_errors

log = logging.getLogger(__name__)

SECRET_BYTES = 32
MOST = 2
HEADING = "# The key of a feria cluster, the newest first. Who has it can read and write all rows.\n"


@dataclass(frozen=True)
class Key:
    secret: bytes = field(repr=False)

    @property
    def id(self) -> bytes:
        """Eight bytes by which two nodes find the key they share; they say nothing of the secret."""
        return hashlib.blake2b(self.secret, digest_size=8, person=b"feria key id").digest()


Keyring = tuple[Key, ...]
"""The preferred one first; empty where a node asks for no key."""


def shared(ours: Keyring, wanted: Iterable[bytes]) -> Key | None:
    """Of the ids that the other side wants, the first that is ours."""
    held = {key.id: key for key in ours}
    return next((held[id] for id in wanted if id in held), None)


class KeyFile:
    """The keys in a file, as they are now."""

    def __init__(self, path: Path) -> None:
        """Raises `Invalid` for a file that is not there or holds no key."""
        self._path = path
        self._seen = self._stamp()
        self._keys = read_keys(path)

    def __call__(self) -> Keyring:
        """A file that cannot be read any more, as while somebody copies it, leaves the keys as they were."""
        try:
            seen = self._stamp()
            if seen != self._seen:
                self._keys, self._seen = read_keys(self._path), seen
                log.info("The cluster's key was read anew from %s: %d of them.", self._path, len(self._keys))
        except Invalid as error:
            log.warning("The cluster's key stays as it was: %s", error.message)
        return self._keys

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError as error:
            raise Invalid(f"The cluster's key {self._path} cannot be read: {error.strerror}.") from None
        return found.st_mtime_ns, found.st_ino


def no_keys() -> Keyring:
    return ()


def read_keys(path: Path) -> Keyring:
    """Raises `Invalid`, saying what is wrong with the file."""
    try:
        lines = path.read_text("ascii").splitlines()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Invalid(f"The cluster's key {path} cannot be read: {reason}.") from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        log.warning("Everybody on this machine can read the cluster's key %s; chmod 600 it.", path)
    keys = tuple(
        _read(line.strip(), path) for line in lines if line.strip() and not line.strip().startswith("#")
    )
    if not 1 <= len(keys) <= MOST:
        raise Invalid(f"{path} holds {len(keys)} keys; a cluster has one, or two while they change.")
    return keys


def make_keys(path: Path) -> None:
    """A file with a new key, for its owner alone. Raises `Conflict` where there is a file."""
    if path.exists():
        raise Conflict(f"{path} is there already; `feria cluster key rotate {path}` puts a new key into it.")
    _write(path, (Key(secrets.token_bytes(SECRET_BYTES)),))


def rotate_keys(path: Path) -> None:
    """Put a new key before the one that is there, which goes on being understood. Raises `Conflict` while
    another change is under way, `Invalid` for no such file."""
    keys = read_keys(path)
    if len(keys) == MOST:
        raise Conflict(
            f"{path} holds two keys: a change is under way. When all nodes have this file, "
            f"`feria cluster key retire {path}` drops the older one."
        )
    _write(path, (Key(secrets.token_bytes(SECRET_BYTES)), *keys))


def retire_keys(path: Path) -> None:
    """Drop the older of two keys. Raises `Conflict` where there is but one, `Invalid` for no such file."""
    keys = read_keys(path)
    if len(keys) == 1:
        raise Conflict(f"{path} holds one key, and the nodes need it.")
    _write(path, keys[:1])


def _read(line: str, path: Path) -> Key:
    try:
        secret = urlsafe_b64decode(line + "=")
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise Invalid(f"{path} holds a line that is no key; `feria cluster key new` makes one.")
    return Key(secret)


def _write(path: Path, keys: Keyring) -> None:
    lines = (urlsafe_b64encode(key.secret).decode().rstrip("=") for key in keys)
    with disk_errors():
        durable.write(path, (HEADING + "".join(f"{line}\n" for line in lines)).encode())
