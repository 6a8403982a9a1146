"""What `store/flower_node.py` takes for granted of Flower's SuperNode, against a real one and its SuperLink.

A new flwr that fails one of these breaks stores in the way the test's name says.
"""

import asyncio
import inspect
import re
import socket
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from flwr.app import Message, MetricRecord, RecordDict

from feria.clock import SystemClock
from feria.errors import Unavailable
from feria.federation.flower import bundle
from feria.learning.sources import Limits
from feria.store import flower_node
from feria.store.flower_node import SILENCE, Runtime, Task
from feria.store.home import Home
from feria.store.supernode import BELIEVED, HERE, NOT_KNOWN, SuperNode, open_supernode
from feria.superlink.control import Control, open_control
from feria.superlink.process import SuperLink, open_superlink
from store.joined import join_by_hand, write_rows

SERVER = """
import time
from pathlib import Path

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

server, client = ServerApp(), ClientApp()


@server.main()
def main(grid: Grid, context: Context) -> None:
    (node,) = grid.get_nodes()
    for number in range(context.run_config["messages"]):
        content = RecordDict({"config": ConfigRecord({"number": number})})
        waiting = set(grid.push_messages([Message(content, node.node_id, "train")]))
        while not (replies := list(grid.pull_messages(waiting))):
            time.sleep(0.05)
        (reply,) = replies
        error = reply.has_error()
        said = f"{reply.error.code} {reply.error.reason}" if error else reply.content["metrics"]["number"]
        with Path(context.run_config["file"]).open("a") as file:
            file.write(f"{said}\\n")
"""
PROJECT = """
[project]
name = "asks"
version = "1.0.0"
description = "Asks a store, and writes down what it answers"
license = "Apache-2.0"

[tool.flwr.app]
publisher = "feria"

[tool.flwr.app.components]
serverapp = "asks:server"
clientapp = "asks:client"

[tool.flwr.app.config]
messages = 1
file = ""
"""


@pytest.fixture(scope="module")
async def superlink(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[SuperLink]:
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        port = int(taken.getsockname()[1])
    folder = tmp_path_factory.mktemp("superlink")
    async with open_superlink(folder, host=HERE, port=port, names=()) as superlink:
        yield superlink


@pytest.fixture(scope="module")
async def control(superlink: SuperLink) -> AsyncGenerator[Control]:
    async with open_control(superlink.address, superlink.ca, superlink.secret) as control:
        yield control


@pytest.fixture(scope="module")
async def node(
    superlink: SuperLink, control: Control, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[SuperNode]:
    """A SuperNode without an executor: that is this test."""
    folder = tmp_path_factory.mktemp("store")
    home, rows = Home(folder / "home"), write_rows(folder / "rows.csv")
    key = join_by_hand(home, superlink=superlink.address, ca=superlink.ca.read_text(), rows=rows)
    await control.register("Lima", key)
    async with open_supernode(home, Limits(100, 10)) as node:
        running = asyncio.create_task(node.supernode.keep_running(SystemClock()))
        async with asyncio.timeout(300):
            await node.online.wait()
        yield node
        running.cancel()
        await asyncio.wait([running])


@pytest.fixture
async def runtime(node: SuperNode) -> AsyncGenerator[Runtime]:
    runtime = Runtime(node.address, node.secret_file.read_bytes())
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("asks")
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "asks.py").write_text(SERVER)
    return bundle(folder)


async def _asked(
    control: Control, app: bytes, file: Path, deed: Callable[[], None], messages: int = 1
) -> str:
    """Run the app, which asks this often; do `deed` meanwhile. What was answered."""
    run_id = await control.start(app, {"messages": messages, "file": str(file)})
    doing = asyncio.create_task(asyncio.to_thread(deed))
    async with asyncio.timeout(300):
        while (run := await control.run(run_id)).state != "finished":
            await SystemClock().sleep(0.05)
        await doing
    assert run.outcome == "completed", run.details
    return await asyncio.to_thread(file.read_text)


def _number(task: Task) -> int:
    return int(task.message.content.config_records["config"]["number"])  # type: ignore[arg-type]


def _answer(task: Task) -> None:
    record = MetricRecord({"number": 10 + _number(task)})
    task.answer(Message(RecordDict({"metrics": record}), reply_to=task.message))


async def test_messages_are_taken_one_by_one_and_answers_reach_the_hub(
    control: Control, runtime: Runtime, app: bytes, tmp_path: Path
) -> None:
    remembered: list[object] = []

    def answer_two() -> None:
        answered = 0
        while answered < 2:
            with runtime.task() as task:
                if task is None:
                    time.sleep(0.02)
                    continue
                assert task.app == "feria/asks"
                assert task.bundle == app
                remembered.append(task.context.state.get("seen"))
                state = RecordDict({"seen": MetricRecord({"number": _number(task)})})
                record = MetricRecord({"number": 10 + _number(task)})
                task.answer(Message(RecordDict({"metrics": record}), reply_to=task.message), state)
                answered += 1

    assert await _asked(control, app, tmp_path / "said", answer_two, messages=2) == "10\n11\n"
    assert remembered == [None, MetricRecord({"number": 0})]


async def test_who_falls_silent_is_answered_for_and_refused_later_and_who_is_at_work_is_not(
    control: Control, runtime: Runtime, app: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = SILENCE * 1.2

    def take(deed: Callable[[Task], None]) -> None:
        while True:
            with runtime.task() as task:
                if task is not None:
                    deed(task)
                    return
            time.sleep(0.02)

    def be_slow(task: Task) -> None:
        time.sleep(long)
        _answer(task)

    def be_silent_and_then_only_slow() -> None:
        with monkeypatch.context() as silent, pytest.raises(Unavailable):
            silent.setattr(flower_node, "SIGN_OF_LIFE", 10 * long)
            take(be_slow)
        take(be_slow)

    said = await _asked(control, app, tmp_path / "said", be_silent_and_then_only_slow, messages=2)
    assert said == "8 ClientApp stopped responding.\n11\n"


async def test_who_does_not_know_the_secret_gets_no_work(node: SuperNode) -> None:
    stranger = Runtime(node.address, b"guessed" * 6)
    with pytest.raises(Unavailable), stranger.task():
        pass
    stranger.close()


async def test_where_no_supernode_is_there_is_no_work() -> None:
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        nobody = Runtime(f"{HERE}:{taken.getsockname()[1]}", b"secret" * 6)
        with nobody.task() as task:
            assert task is None
        nobody.close()


def test_the_loop_of_a_supernode_asks_nothing_of_time_but_to_sleep() -> None:
    from flwr.supernode import start_client_internal

    asked = set(re.findall(r"(?<![.\w])time\.(\w+)", inspect.getsource(start_client_internal)))
    assert asked == {"sleep"}


def test_the_loop_of_a_supernode_pushes_answers_when_the_pull_names_a_run() -> None:
    from flwr.supernode import start_client_internal

    code = inspect.getsource(start_client_internal.start_client_internal)
    pulls, pushes = (code.index(f"{name}(") for name in ("_pull_and_store_message", "_push_messages"))
    assert pulls < code.index("if run_id is None") < pushes
    assert "state=state" in code[pulls:pushes]


def test_a_look_for_answers_takes_none_of_them_away() -> None:
    """With Flower's own state of a SuperNode: what was looked at is still there to be pushed."""
    from flwr.app import Error, Message, Metadata
    from flwr.supercore.object_store.in_memory_object_store import InMemoryObjectStore
    from flwr.supernode.nodestate.in_memory_nodestate import InMemoryNodeState

    state = InMemoryNodeState(InMemoryObjectStore())
    said = Metadata(
        run_id=7,
        message_id="answer",
        src_node_id=2,
        dst_node_id=1,
        reply_to_message_id="asked",
        group_id="",
        created_at=time.time(),
        ttl=600.0,
        message_type="train",
    )
    answer = Message(metadata=said, error=Error(code=0))

    def nothing_comes(**_: object) -> None:
        return None

    assert flower_node._pull_or_push(nothing_comes, state=state) is None
    state.store_message(answer)
    for _ in range(2):
        assert flower_node._pull_or_push(nothing_comes, state=state) is not None
    assert len(state.get_messages_legacy(is_reply=True)) == 1
    assert flower_node._pull_or_push(nothing_comes, state=state) is None
    assert flower_node._pull_or_push(lambda **_: 7, state=state) == 7


def test_what_is_pulled_again_later_is_pulled_again_by_these_defaults() -> None:
    from flwr.supercore.inflatable import inflatable_utils

    for pull in (inflatable_utils.pull_objects, inflatable_utils.pull_and_inflate_object_from_tree):
        assert pull.__kwdefaults__ is not None
        assert {"initial_backoff", "backoff_cap"} <= pull.__kwdefaults__.keys()


def test_how_often_a_store_says_that_it_is_there_is_said_where_it_is_set() -> None:
    from flwr.common.constant import HEARTBEAT_MIN_INTERVAL, HEARTBEAT_PATIENCE
    from flwr.supercore import heartbeat
    from flwr.supernode import fleet_http_connection

    assert "HEARTBEAT_DEFAULT_INTERVAL - " in inspect.getsource(heartbeat.HeartbeatSender)
    assert "heartbeat_interval=HEARTBEAT_DEFAULT_INTERVAL" in inspect.getsource(fleet_http_connection)
    assert flower_node.ALIVE >= HEARTBEAT_MIN_INTERVAL
    assert flower_node.ALIVE * HEARTBEAT_PATIENCE < BELIEVED


def test_the_silence_of_an_executor_is_counted_where_it_is_set() -> None:
    from flwr.supercore.corestate import in_memory_corestate

    code = inspect.getsource(in_memory_corestate.InMemoryCoreState.acknowledge_task_heartbeat)
    assert "HEARTBEAT_PATIENCE * HEARTBEAT_DEFAULT_INTERVAL" in code


def test_a_key_that_is_not_known_is_refused_by_this_code() -> None:
    from flwr.supercore.error import ApiErrorCode

    assert f"[code: {ApiErrorCode.FLEET_NODE_ACTIVATION_FAILED.value}]" == NOT_KNOWN
