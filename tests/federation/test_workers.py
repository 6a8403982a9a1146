"""Clients in processes of their own may hang, crash and lie; the job goes on."""

import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from clients import NAMES, Fair, make_app, same
from clocks import ManualClock
from feria.clock import SystemClock
from feria.federation import flower
from feria.federation.executors import InThreads
from feria.federation.wire import AnyEvent, Failed, Replied, RoundEnded, Straggled
from feria.federation.workers import in_processes

CLOCK = SystemClock()


@pytest.fixture
def executor(tmp_path: Path) -> Generator[InThreads]:
    executor = in_processes(make_app, (), 2, CLOCK, home=tmp_path, seconds=2.0)
    yield executor
    executor.close()


def _only(fault: str, in_round: int) -> dict[str, dict[str, object]]:
    return {name: {"fault": fault, "in_round": in_round} if name == NAMES[2] else {} for name in NAMES}


def test_processes_make_the_same_arrays_as_this_one(executor: InThreads, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    here = Fair(tmp_path / "here").run()
    assert same(Fair(tmp_path, executor=executor).run().arrays, here.arrays)


def test_what_hangs_is_killed_and_answered_for(executor: InThreads, tmp_path: Path) -> None:
    fair = Fair(tmp_path, _only("hang", 2), executor=executor, min_replies=3)
    assert fair.run().round == 3
    (failed,) = fair.told(Failed)
    assert (failed.name, failed.round, failed.code) == (NAMES[2], 2, flower.CLIENT_APP_CRASHED)
    assert failed.reason == "The client took longer than the 2 s it may take."
    assert [ended.replies for ended in fair.told(RoundEnded)] == [4, 3, 4]


def test_what_dies_is_answered_for_and_another_process_takes_its_place(
    executor: InThreads, tmp_path: Path
) -> None:
    fair = Fair(tmp_path, _only("die", 1), executor=executor, min_replies=3)
    assert fair.run(2).round == 2
    (failed,) = fair.told(Failed)
    assert (failed.name, failed.reason) == (NAMES[2], "The client's process died.")
    assert len([reply for reply in fair.told(Replied) if reply.round == 2]) == 8


def test_the_deadline_of_a_round_kills_too_and_nothing_stale_goes_on(tmp_path: Path) -> None:
    clock = ManualClock()

    class Impatient(Fair):
        def tell(self, event: AnyEvent) -> None:
            super().tell(event)
            if event.round == 1 and len(self.told(Replied)) == 3 and not self.told(Straggled):
                clock.advance(1000)

    executor = in_processes(make_app, (), 2, clock, home=tmp_path, seconds=10**4)
    fair = Impatient(tmp_path, _only("hang", 1), executor=executor, clock=clock, min_replies=3)
    assert fair.run(2).round == 2
    assert [(each.name, each.round, each.phase) for each in fair.told(Straggled)] == [(NAMES[2], 1, "train")]
    assert [ended.replies for ended in fair.told(RoundEnded)] == [3, 4]
    executor.close()


def test_an_app_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    executor = in_processes(_no_app, (), 1, CLOCK, home=tmp_path, seconds=5)
    fair = Fair(tmp_path, NAMES[:1], executor=executor, otherwise="continue")
    fair.run(1)
    assert {failed.reason for failed in fair.told(Failed)} == {"ModuleNotFoundError: no torch here"}
    executor.close()


def test_bytes_that_are_no_message_are_no_answer(tmp_path: Path) -> None:
    executor = in_processes(_babbling, (), 1, CLOCK, home=tmp_path, seconds=5)
    fair = Fair(tmp_path, NAMES[:1], executor=executor, otherwise="continue")
    fair.run(1)
    said = "The client's process answered with something that is no message."
    assert {failed.reason for failed in fair.told(Failed)} == {said}
    executor.close()


def _no_app() -> ClientApp:
    raise ModuleNotFoundError("no torch here")


def _babbling() -> ClientApp:
    app = ClientApp()

    @app.train()
    @app.evaluate()
    def babble(message: Message, context: Context) -> Message:
        frame = sys._getframe()  # somewhere above stands the pipe to the job
        while "pipe" not in frame.f_locals and frame.f_back is not None:
            frame = frame.f_back
        for _ in range(2):
            frame.f_locals["pipe"].send_bytes(b"\xff\xff\xff")
        return Message(message.content, reply_to=message)

    return app
