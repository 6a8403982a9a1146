"""All that a store touches of Flower beyond its public interface, written for flwr 1.41.

`tests/contracts/test_flower_node.py` holds it against a real SuperLink and a real SuperNode. Only the store's
child processes import this, for flwr takes seconds and a hundred megabytes.
"""

import contextlib
import functools
import logging
import threading
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from flwr.app import Message, RecordDict
from flwr.common.constant import SubStatus
from flwr.proto.runtime_pb2 import AcquireTaskRequest, SendTaskHeartbeatRequest
from flwr.supercore.corestate import in_memory_corestate
from flwr.supercore.inflatable import inflatable_utils
from flwr.supercore.interceptors import (
    RuntimeTokenHttpInterceptor,
    RuntimeVersionHttpInterceptor,
    SuperExecAuthHttpInterceptor,
)
from flwr.supercore.protobuf.client import ProtobufClientInterceptor
from flwr.supercore.run import RunNotRunningException
from flwr.supercore.runtime import RuntimeHttpClient
from flwr.supernode.nodestate.in_memory_nodestate import InMemoryNodeState
from flwr.supernode.runtime.run_clientapp import pull_task_input, push_message, push_task_output

from feria.errors import Unavailable

SIGN_OF_LIFE = 2.0
"""Seconds between two of an executor's, while it is at work."""
SILENCE = 10.0
"""Seconds without one after which the SuperNode answers in the place of an executor: it died."""
ALIVE = 10
"""Seconds between two of a store's, as it promises the hub, which believes in it for twice as long. Flower
has 30; less than 10 the hub does not take."""
QUICK, SLOW = 0.25, 1.0
"""Seconds between two looks for messages, of a store that was asked lately, and of one that was not."""
LATELY = 60.0
NOBODYS = 1
"""A run, for a loop that only asks whether there is one."""


# ------------------------------------------------------------------- the SuperNode
def be_supernode() -> None:
    """Flower's own program, with `sys.argv`; it never returns.

    Its waits are shorter: every step of a round has the 3 s that it sleeps between two looks for messages,
    and the second after which it looks again for what has not come yet.
    """
    from flwr.supercore import heartbeat
    from flwr.supernode import fleet_http_connection, start_client_internal
    from flwr.supernode.cli.flower_supernode import flower_supernode

    pull_again_soon()
    for module in (heartbeat, fleet_http_connection):
        module.HEARTBEAT_DEFAULT_INTERVAL = ALIVE  # type: ignore[attr-defined]
    in_memory_corestate.HEARTBEAT_DEFAULT_INTERVAL = SILENCE / in_memory_corestate.HEARTBEAT_PATIENCE  # type: ignore[attr-defined]
    start_client_internal.time = Pace()  # type: ignore[attr-defined, assignment]
    start_client_internal.pull_objects = _pull_or_fail  # type: ignore[attr-defined]
    pull = start_client_internal._pull_and_store_message
    start_client_internal._pull_and_store_message = functools.partial(_pull_or_push, pull)
    flower_supernode()


def _pull_or_fail(*args: Any, **more: Any) -> dict[str, bytes]:
    """`pull_objects`, of a run that was stopped meanwhile as of any that fails: as it comes, Flower leaves
    the message lying, and who was to answer it waits for the rest of it for ever."""
    try:
        return inflatable_utils.pull_objects(*args, **more)
    except RunNotRunningException as error:
        raise inflatable_utils.ObjectPullError("", "the run was stopped") from error


def _pull_or_push(pull: Callable[..., int | None], *, state: InMemoryNodeState, **more: Any) -> int | None:
    """`_pull_and_store_message`, whose None has Flower's loop push nothing.

    It waits for one answer after each message, whichever comes. Once one comes that it does not wait for, as
    to a run that was stopped while its message was fetched, all later ones are late by one message: each lies
    here until the hub asks for more, which it does not while it waits for it.
    """
    return pull(state=state, **more) or (NOBODYS if _has_answers(state) else None)


def _has_answers(state: InMemoryNodeState) -> bool:
    answers = state.get_messages_legacy(is_reply=True)
    for answer in answers:
        state.msg_store[answer.metadata.message_id].is_retrieved = False  # it was only looked at
    return bool(answers)


class Pace(types.SimpleNamespace):
    """`time` for the SuperNode's loop, which sleeps 3 s without a message and 0.5 s without a reply."""

    def __init__(self) -> None:
        super().__init__(time=time.time, monotonic=time.monotonic)
        self._busy = float("-inf")

    def sleep(self, seconds: float) -> None:
        if seconds < SLOW:
            self._busy = time.monotonic()
            time.sleep(min(seconds, QUICK / 2))
        else:
            time.sleep(QUICK if time.monotonic() - self._busy < LATELY else SLOW)


def pull_again_soon() -> None:
    """Of a message that is not all there yet, Flower looks for the rest after 1, 2, 4 … 10 s."""
    for pull in (inflatable_utils.pull_objects, inflatable_utils.pull_and_inflate_object_from_tree):
        assert pull.__kwdefaults__ is not None
        pull.__kwdefaults__.update(initial_backoff=0.02, backoff_cap=0.5)


# ------------------------------------------------------------------- the executor
class Runtime:
    """A SuperNode's door for those that work for it, on this machine."""

    def __init__(self, address: str, secret: bytes) -> None:
        """`secret` is in the file that the SuperNode was started with."""
        self._address = address
        acquire = frozenset({"/flwr.proto.Runtime/AcquireTask"})
        self._door = self._client(
            SuperExecAuthHttpInterceptor(master_secret=secret, protected_methods=acquire)
        )

    @contextlib.contextmanager
    def task(self) -> Iterator["Task | None"]:
        """The message that is to be answered next; None where there is none, or no SuperNode. While it is
        held the SuperNode knows that somebody is at work.

        Raises `Unavailable` when the SuperNode has gone in the meantime.
        """
        try:
            found = self._door.AcquireTask(AcquireTaskRequest(supported_task_types=["flwr-clientapp"]))
        except httpx.TransportError:
            yield None
            return
        except httpx.HTTPStatusError as error:
            raise Unavailable(f"The SuperNode gives no work: {error}.") from error
        if not found.HasField("task") or not found.token:
            yield None
            return
        client = self._client(RuntimeTokenHttpInterceptor(found.token))
        over = threading.Event()
        alive = threading.Thread(target=_live, args=(client, over), daemon=True)
        alive.start()
        try:
            yield Task(client)
        except httpx.HTTPError as error:
            raise Unavailable(f"The SuperNode does not take this answer: {error}.") from error
        finally:
            over.set()
            alive.join()
            client.close()

    def close(self) -> None:
        self._door.close()

    def _client(self, *more: ProtobufClientInterceptor) -> RuntimeHttpClient:
        """Without Flower's retries: they never end, and a token of a SuperNode that died is refused for
        ever."""
        return RuntimeHttpClient.from_server_address(
            server_address=self._address,
            insecure=True,  # it never leaves the machine
            root_certificates=None,
            interceptors=[RuntimeVersionHttpInterceptor(component_name="flwr-clientapp"), *more],
        )


class Task:
    """One message that was taken, and must be answered."""

    def __init__(self, client: RuntimeHttpClient) -> None:
        self._client = client
        self.message, self.context, run, bundle = pull_task_input(client)
        self.app = run.fab_id
        """`publisher/name` of what the hub runs."""
        self.bundle: bytes = bundle.content
        """FAB."""

    def answer(self, reply: Message, state: RecordDict | None = None) -> None:
        """`state` is what the client remembers from now on, where it is to remember anything else."""
        if state is not None:
            self.context.state = state
        push_message(self._client, reply, self.context)
        push_task_output(self._client, self.context, SubStatus.COMPLETED, "")


def _live(client: RuntimeHttpClient, over: threading.Event) -> None:
    """Thread: say that the work goes on."""
    while not over.wait(SIGN_OF_LIFE):
        try:
            client.SendTaskHeartbeat(SendTaskHeartbeatRequest())
        except httpx.HTTPError as error:
            logging.getLogger(__name__).debug("No sign of life could be given: %s", error)
