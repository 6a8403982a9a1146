"""Flower's Control API, which is private, written for flwr 1.41: stores come and go by it, and runs.

It is protobuf over HTTP. `tests/contracts/test_flower_control.py` holds what stands here against a real
SuperLink. flwr itself is imported when a SuperLink is first spoken to, for it takes half a second and 30 MB.
"""

import asyncio
import contextlib
import hashlib
import importlib
import json
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

from feria.errors import Conflict, FeriaError, Invalid, NotAllowed, NotFound, TooLarge, Unavailable

if TYPE_CHECKING:
    from flwr.proto.node_pb2 import NodeInfo
    from google.protobuf.message import Message

Answer = TypeVar("Answer", bound="Message")

NODE_STATES = ("registered", "online", "offline")
NodeState = Literal["registered", "online", "offline"]
"""A registered node has never been there; one that is killed counts as online for up to a minute."""
RunState = Literal["pending", "starting", "running", "finished"]
Outcome = Literal["completed", "failed", "stopped"]

MOST_BYTES = 10 * 2**20
"""Of a bundle."""
ANSWER_SECONDS = 30.0
PROTOBUF = "application/protobuf"
TOLD: dict[int, type[FeriaError]] = {
    15: Invalid,  # INVALID_RUN_CONFIG
    16: NotFound,  # RUN_ID_NOT_FOUND
    18: Conflict,  # RUN_ALREADY_FINISHED
    22: Invalid,  # PUBLIC_KEY_NOT_VALID
    23: Conflict,  # PUBLIC_KEY_ALREADY_IN_USE
    24: NotFound,  # NODE_NOT_FOUND
}
"""`flwr.supercore.error.ApiErrorCode`, as far as a caller can do something about it."""


@dataclass(frozen=True)
class SuperNode:
    """A store, as the SuperLink knows it."""

    node_id: int
    """64 bits without a sign: as text in JSON."""
    name: str
    state: NodeState
    last_seen: datetime | None
    """Its last sign of life; None where it has never been there."""
    public_key: bytes
    """PEM; `pem` makes the same of an OpenSSH line."""


@dataclass(frozen=True)
class Run:
    state: RunState
    outcome: Outcome | None
    """How it went; None until it is finished."""
    details: str
    """Why it failed."""


class Control:
    """Made by `open_control`. Every method raises `Unavailable` when the SuperLink does not answer, and
    `NotAllowed` when it does not know the secret."""

    def __init__(self, http: httpx.AsyncClient, address: str) -> None:
        self._http = http
        self._address = address

    async def register(self, name: str, public_key: str) -> int:
        """Let in the node that has the private key of this OpenSSH line; its node id.

        Raises `Invalid` for a key that is none on a NIST curve, `Conflict` for one that is registered.
        """
        from flwr.proto.control_pb2 import RegisterNodeRequest, RegisterNodeResponse

        asked = RegisterNodeRequest(public_key=pem(public_key), name=name)
        return (await self._ask("register-node", asked, RegisterNodeResponse)).node_id

    async def unregister(self, node_id: int) -> None:
        """What it sends from now on is refused, and its key is never let in again: who comes back comes with
        another. Raises `NotFound`."""
        from flwr.proto.control_pb2 import UnregisterNodeRequest, UnregisterNodeResponse

        await self._ask("unregister-node", UnregisterNodeRequest(node_id=node_id), UnregisterNodeResponse)

    async def nodes(self) -> list[SuperNode]:
        """All that are registered, those that came first before the others."""
        from flwr.common.constant import HEARTBEAT_PATIENCE
        from flwr.proto.control_pb2 import ListNodesRequest, ListNodesResponse

        def seen(info: "NodeInfo") -> datetime | None:
            if not info.HasField("online_until"):
                return None
            # Flower notes until when it waits for the next one, and ends that when a node says goodbye.
            waits = HEARTBEAT_PATIENCE * info.heartbeat_interval if info.status == "online" else 0.0
            return datetime.fromtimestamp(info.online_until - waits, UTC)

        told = await self._ask("list-nodes", ListNodesRequest(), ListNodesResponse)
        return [
            SuperNode(info.node_id, info.name, info.status, seen(info), info.public_key)
            for info in sorted(told.nodes_info, key=lambda info: info.registered_at)
            if info.status in NODE_STATES
        ]

    async def start(self, bundle: bytes, config: Mapping[str, bool | int | float | str]) -> int:
        """Begin a run of a Flower app (FAB), with these values in place of its own; the run's id.

        Raises `TooLarge`, and `Invalid` for settings that the app does not have.
        """
        from flwr.common.serde import user_config_to_proto
        from flwr.proto.control_pb2 import StartRunRequest, StartRunResponse
        from flwr.proto.fab_pb2 import Fab

        if len(bundle) > MOST_BYTES:
            raise TooLarge(
                f"A Flower app of {len(bundle):,} bytes is more than the {MOST_BYTES:,} it may have."
            )
        asked = StartRunRequest(
            fab=Fab(hash_str=hashlib.sha256(bundle).hexdigest(), content=bundle),
            override_config=user_config_to_proto(dict(config)),
        )
        return (await self._ask("start-run", asked, StartRunResponse)).run_id

    async def run(self, run_id: int) -> Run:
        """Raises `NotFound`."""
        from flwr.proto.control_pb2 import ListRunsRequest, ListRunsResponse

        told = await self._ask("list-runs", ListRunsRequest(run_id=run_id), ListRunsResponse)
        status = told.run_dict[run_id].status
        return Run(status.status, status.sub_status or None, status.details)

    async def stop(self, run_id: int) -> None:
        """Raises `NotFound`, and `Conflict` when it is finished."""
        from flwr.proto.control_pb2 import StopRunRequest, StopRunResponse

        await self._ask("stop-run", StopRunRequest(run_id=run_id), StopRunResponse)

    async def _ask(self, method: str, asked: "Message", answer: type[Answer]) -> Answer:
        try:
            got = await self._http.post(f"/v1/control/{method}", content=asked.SerializeToString())
        except httpx.TransportError as error:
            raise Unavailable(f"The SuperLink at {self._address} does not answer: {_why(error)}.") from error
        if got.is_success:
            told: Answer = answer()
            told.ParseFromString(got.content)
            return told
        raise _refusal(got)


@contextlib.asynccontextmanager
async def open_control(address: str, ca: Path, secret: str | None = None) -> AsyncGenerator[Control]:
    """Speaks to the SuperLink at `host:port`, known by its CA's certificate. Raises `Unavailable` when the
    file cannot be read."""
    try:
        context = await asyncio.to_thread(ssl.create_default_context, cafile=ca)
    except OSError as error:
        raise Unavailable(f"The CA's certificate {ca} cannot be read: {error.strerror or error}.") from None
    headers = {"content-type": PROTOBUF, "accept": PROTOBUF} | await asyncio.to_thread(_version)
    if secret is not None:
        headers["authorization"] = f"Bearer {secret}"
    async with httpx.AsyncClient(
        base_url=f"https://{address}",
        verify=context,
        headers=headers,
        timeout=ANSWER_SECONDS,
        trust_env=False,
    ) as http:
        yield Control(http, address)


def _version() -> dict[str, str]:
    """Ours, which the SuperLink compares with its own; the import that takes its time."""
    importlib.import_module("flwr.proto.control_pb2")
    from flwr.supercore.runtime_version_compatibility import RuntimeVersionMetadata

    return dict(RuntimeVersionMetadata.from_local_component("feria").as_metadata())


def pem(public_key: str) -> bytes:
    """Of an OpenSSH line. Raises `Invalid` for a key that is none on a NIST curve."""
    try:
        key = load_ssh_public_key(public_key.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid("This is no public key in OpenSSH's form.") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Invalid("The public key is of another kind than a store's; it has to be one on a NIST curve.")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _refusal(got: httpx.Response) -> FeriaError:
    if got.status_code in (401, 403):
        return NotAllowed("The SuperLink does not know the secret that this node showed it.")
    try:
        told = json.loads(got.content)
        code, detail = int(told["code"]), " ".join(filter(None, (told["detail"], told.get("extra"))))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Unavailable(f"The SuperLink answers with status {got.status_code}, which says nothing to us.")
    return TOLD.get(code, Unavailable)(f"The SuperLink refuses: {detail}")


def _why(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__
