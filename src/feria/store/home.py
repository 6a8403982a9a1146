"""The folder of a store: who it is, its key, whom it believes, where its rows lie, what it consents to.

    store.json    there when the store has joined, and not before: it is written last
    key           private, EC P-384, in OpenSSH's form
    key.pub
    ca.pem        the hub's authority
    joining/      a key for each invitation that was begun with
    jobs.json     how often each job was answered
    store.log     what it was asked and what it did, in its own words, which may quote a cell
    running/      what its programs need while they run
    lock          held by who joins, leaves or runs

Each file is whole or not there, on the disk when it is said to be, and its owner's alone.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from feria.errors import Conflict, Corrupt, Invalid, NotFound
from feria.federation.invitation import HubURL, NodeId, SuperLinkAddress
from feria.federation.jobs_wire import ClientName
from feria.storage.blobs import disk_errors
from feria.storage.durable import sync, write
from feria.store.consent import Consent
from feria.store.rows import Source


class Store(BaseModel):
    """`store.json`; people may change it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    name: ClientName
    hub: HubURL
    node_id: NodeId
    superlink: SuperLinkAddress
    dataset: str = Field(max_length=200)
    target: str = Field(min_length=1, max_length=1000)
    data: Source
    consent: Consent = Consent()


class Home:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder / "key"
        self.ca = folder / "ca.pem"
        self.jobs = folder / "jobs.json"
        self.log = folder / "store.log"
        self.running = folder / "running"
        self._store = folder / "store.json"
        self._joining = folder / "joining"

    @property
    def joined(self) -> bool:
        return self._store.exists()

    def store(self) -> Store:
        """As it stands on the disk now. Raises `NotFound` before it has joined, and `Invalid`, naming the
        place, for a file that somebody spoiled."""
        try:
            text = self._store.read_bytes()
        except FileNotFoundError:
            raise NotFound(f"No store has joined in {self.folder}.") from None
        except OSError as error:
            raise Invalid(f"Cannot read {self._store}: {error.strerror}.") from None
        try:
            return Store.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in fault["loc"])
            raise Invalid(f"{self._store}: {place}: {fault['msg']}.") from None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """By one process at a time. Raises `Conflict`."""
        with disk_errors():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(PermissionError):
                sync(self.folder.parent)
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(f"Another process is at work in {self.folder}.") from None
            yield
        finally:
            os.close(descriptor)

    @property
    def at_work(self) -> bool:
        """Whether a process holds it."""
        try:
            with self.held():
                return False
        except Conflict:
            return True

    def key_for(self, token: str) -> bytes:
        """The private key to redeem an invitation with: the same for the same token, whatever happened since.

        The hub may have taken it although its answer was lost, and it takes a token with one key only.
        """
        path = self._joining / hashlib.sha256(token.encode()).hexdigest()[:32]
        with disk_errors():
            if not path.exists():
                self._joining.mkdir(mode=0o700, exist_ok=True)
                write(path, _new_key())
                sync(self.folder)
            return path.read_bytes()

    def keep(self, store: Store, key: bytes, ca: str) -> None:
        """From now on the store has joined."""
        with disk_errors():
            write(self.key, key)
            write(self.key.with_suffix(".pub"), public(key).encode() + b"\n")
            write(self.ca, ca.encode())
            write(self._store, store.model_dump_json(indent=2).encode() + b"\n")
            shutil.rmtree(self._joining, ignore_errors=True)

    def forget(self) -> None:
        """All but the rows, which are not ours."""
        with disk_errors():
            for path in (self._store, self.key, self.key.with_suffix(".pub"), self.ca, self.jobs):
                path.unlink(missing_ok=True)
            for path in self.folder.glob(f"{self.log.name}*"):
                path.unlink()
            for folder in (self._joining, self.running):
                shutil.rmtree(folder, ignore_errors=True)
            sync(self.folder)


def public(key: bytes) -> str:
    """In OpenSSH's form, without a comment. Raises `Corrupt`."""
    try:
        private = load_ssh_private_key(key, None)
    except ValueError:
        raise Corrupt("The store's key is damaged; restore it from a backup, or join anew.") from None
    return private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _new_key() -> bytes:
    private = ec.generate_private_key(ec.SECP384R1())
    return private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
