"""The embedded grid: whose message, whose reply, and by when."""

import threading
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp.strategy import FedAvg

from clients import NAMES, initial, make_app, rows
from clocks import ManualClock
from feria.clock import SystemClock
from feria.federation import flower
from feria.federation.executors import App, AppHand, Executor, InThreads, InTurn
from feria.federation.grid import Client, InProcessGrid

CLOCK = SystemClock()


@pytest.fixture(autouse=True)
def _prepared(tmp_path: Path) -> None:
    flower.prepare(tmp_path, run_id=1)


def _in_threads(app: App) -> InThreads:
    return InThreads(lambda: AppHand(app, CLOCK), 3, CLOCK)


def _in_turn(app: App) -> InTurn:
    return InTurn(app, CLOCK)


@pytest.fixture(params=[_in_turn, _in_threads], ids=["in turn", "in threads"])
def grid(request: pytest.FixtureRequest) -> Generator[InProcessGrid]:
    executor: Executor = request.param(make_app())
    grid = InProcessGrid(executor, CLOCK, [Client(name) for name in NAMES])
    yield grid
    grid.close()


def _ask(node_id: int, **config: int) -> Message:
    content = RecordDict(
        {"arrays": initial(), "config": ConfigRecord({"server-round": 1, "seed": 1, **config})}
    )
    return Message(content, dst_node_id=node_id, message_type="train")


def test_flowers_own_strategy_runs_on_it_unmodified(grid: InProcessGrid) -> None:
    result = FedAvg(fraction_evaluate=1.0).start(grid, initial(), num_rounds=3)
    assert result.evaluate_metrics_clientapp[3]["accuracy"] > 0.9  # type: ignore[operator]


def test_a_reply_comes_from_the_node_that_was_asked(grid: InProcessGrid) -> None:
    asked = {node.node_id: node.name for node in grid.get_nodes()}
    assert sorted(asked.values()) == sorted(NAMES)
    replies = list(grid.send_and_receive([_ask(node_id) for node_id in asked], timeout=60))
    assert {reply.metadata.src_node_id for reply in replies} == set(asked)


def test_a_client_remembers_also_when_it_was_away(grid: InProcessGrid) -> None:
    name = NAMES[0]
    first = grid.join(Client(name))
    list(grid.send_and_receive([_ask(first)], timeout=60))
    before = grid.memories()[name]
    grid.leave(name)
    assert first not in grid.get_node_ids()
    assert grid.join(Client(name)) == first
    assert grid.memories()[name] == before


def test_who_is_not_there_answers_so_at_once(grid: InProcessGrid) -> None:
    node_id = grid.join(Client(NAMES[0]))
    grid.leave(NAMES[0])
    (reply,) = grid.send_and_receive([_ask(node_id)], timeout=60)
    assert (reply.error.code, reply.error.reason) == (flower.NODE_UNAVAILABLE, "The client is not there.")


def test_an_exception_becomes_an_error_with_its_sentence(grid: InProcessGrid) -> None:
    node_id = grid.join(Client("Broken", {"fault": "raise"}))
    (reply,) = grid.send_and_receive([_ask(node_id)], timeout=60)
    assert reply.error.code == flower.CLIENT_APP_RAISED
    assert reply.error.reason == "ValueError: the till is locked"


def test_a_client_that_leaves_python_ends_nobody_else(grid: InProcessGrid) -> None:
    node_id = grid.join(Client("Broken", {"fault": "exit"}))
    (reply,) = grid.send_and_receive([_ask(node_id)], timeout=60)
    assert reply.error.reason == "SystemExit: 3"


def test_what_is_no_message_is_no_answer() -> None:
    grid = InProcessGrid(InTurn(lambda message, context: None, CLOCK), CLOCK, [Client("Ana")])  # type: ignore[arg-type, return-value]
    (reply,) = grid.send_and_receive([_ask(*grid.get_node_ids())])
    assert reply.error.reason == "The client answered with a NoneType, which is no Message."


def test_a_client_that_spoils_what_it_was_handed_spoils_it_for_itself() -> None:
    app = ClientApp()
    seen = []

    @app.train()
    def train(message: Message, context: Context) -> Message:
        arrays = message.content["arrays"]
        assert isinstance(arrays, ArrayRecord)
        seen.append(len(arrays))
        del arrays["0"]
        message.content["config"]["server-round"] = 99  # type: ignore[call-overload]
        return Message(message.content, reply_to=message)

    grid = InProcessGrid(InTurn(app, CLOCK), CLOCK, [Client(name) for name in NAMES])
    content = _ask(1).content
    list(grid.send_and_receive([Message(content, node_id, "train") for node_id in grid.get_node_ids()]))
    assert seen == [2, 2, 2, 2]
    assert content["config"]["server-round"] == 1  # type: ignore[call-overload]


def test_what_was_not_begun_by_the_deadline_is_never_begun() -> None:
    clock = ManualClock()
    begun = []

    def app(message: Message, context: Context) -> Message:
        begun.append(context.node_config["name"])
        clock.advance(10)
        return Message(RecordDict(), reply_to=message)

    grid = InProcessGrid(InTurn(app, clock), clock, [Client(name) for name in NAMES])
    replies = list(grid.send_and_receive([_ask(node_id) for node_id in grid.get_node_ids()], timeout=15))
    assert len(replies) == 1
    assert begun == list(NAMES[:2])
    again = list(grid.send_and_receive([_ask(node_id) for node_id in grid.get_node_ids()], timeout=100))
    assert len(again) == 4
    assert begun == [*NAMES[:2], *NAMES]


def test_a_late_reply_is_never_taken_for_one_of_a_later_round() -> None:
    clock = ManualClock()
    let_go, stuck = threading.Event(), threading.Event()

    def app(message: Message, context: Context) -> Message:
        number = message.content["config"]["server-round"]  # type: ignore[call-overload]
        if number == 1 and context.node_config["name"] == NAMES[0]:
            stuck.set()
            assert let_go.wait(60)
        return Message(RecordDict({"told": ConfigRecord({"round": number})}), reply_to=message)

    executor = InThreads(lambda: AppHand(app, clock), 2, clock)
    grid = InProcessGrid(executor, clock, [Client(name) for name in NAMES])
    node_ids = list(grid.get_node_ids())
    ids = set(grid.push_messages([_ask(node_id) for node_id in node_ids]))
    replies: list[Message] = []
    while len(replies) < 3:
        replies += grid.pull_messages(ids)
    assert stuck.wait(60)
    clock.advance(10**6)
    assert list(grid.pull_messages(ids)) == []

    # Its thread is lost; another has taken its place, and it is left alone while the old one holds it.
    second = [_ask(node_id, **{"server-round": 2}) for node_id in node_ids]
    replies = list(grid.send_and_receive(second, timeout=60))
    told = {
        reply.metadata.src_node_id: reply.error.reason
        if reply.has_error()
        else reply.content["told"]["round"]  # type: ignore[call-overload]
        for reply in replies
    }
    still = "The client is still at work on a message whose deadline is over."
    assert told == {node_ids[0]: still, **dict.fromkeys(node_ids[1:], 2)}
    let_go.set()
    grid.close()


def test_a_thousand_clients_are_a_thousand_clients() -> None:
    names = [f"Tienda {n}" for n in range(1000)]
    grid = InProcessGrid(InTurn(make_app(), CLOCK), CLOCK, [Client(name) for name in names])
    replies = list(grid.send_and_receive([_ask(node_id) for node_id in grid.get_node_ids()]))
    assert len({reply.metadata.src_node_id for reply in replies}) == 1000
    assert set(grid.memories()) == set(names)
    assert np.mean([rows(name)[1].mean() for name in names]) == pytest.approx(0.5, abs=0.02)
