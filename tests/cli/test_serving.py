"""A node as a process: how it starts, is found, and ends."""

import http.server
import os
import signal
import socket
from pathlib import Path

import pytest

from cli.running import Feria, OnTerminal, RunningNode
from client.small_models import doubling
from feria import Client
from feria.cli.node_lock import NodeLock, take
from feria.cli.serving import address, listen
from feria.errors import Conflict, Invalid


def test_a_node_says_where_it_answers_and_commands_find_it(feria: Feria) -> None:
    with feria.node() as node:
        with Client(node.url) as client:
            assert client.models() == ()
        holder = take(feria.home)
        assert not isinstance(holder, NodeLock)
        assert (holder.url, holder.pid) == (node.url, node.process.pid)
        assert feria("models", "list").err.startswith("The shelf is empty")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_node_that_is_told_to_stop_ends_quietly_and_frees_its_home(
    feria: Feria, number: int, code: int
) -> None:
    with feria.node() as node:
        assert node.stop(number) == (code, "")
    free = take(feria.home)
    assert isinstance(free, NodeLock)
    free.release()
    assert (feria.home / "node.lock").read_bytes() == b""


def test_a_command_waits_for_another_one_and_then_goes_on(feria: Feria) -> None:
    lock = take(feria.home)
    assert isinstance(lock, NodeLock)
    with OnTerminal(feria, "models", "list") as command:
        command.wait_for(f"Waiting for another feria command (process {os.getpid()})")
        lock.release()
        assert command.end() == 0
    assert "The shelf is empty" in command.said


def test_a_second_node_on_the_same_home_is_refused(feria: Feria) -> None:
    with feria.node() as node:
        said = feria.refused("serve", "--port", "0")
        assert said.startswith("conflict: A node already runs on")
        assert node.url in said


def test_a_taken_port_is_said_with_a_way_out(feria: Feria) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = feria.refused("serve", "--port", str(port))
    assert said.startswith(f"conflict: Port {port} on 127.0.0.1 is taken")
    assert f"--port {port + 1}" in said


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (["--host", "no.such.place.invalid", "--behind-proxy"], {}, "is no address of this machine"),
        ([], {"FERIA_WORKERS__PARALLEL": "none"}, "FERIA_WORKERS__PARALLEL"),
        ([], {"FERIA_STORAGE__URL": "gopher://x"}, "FERIA_STORAGE__URL|gopher|database"),
        (["--home", "/dev/null/x"], {}, "cannot be used"),
    ],
)
def test_a_node_that_cannot_start_says_why_in_a_sentence(
    feria: Feria, words: list[str], variables: dict[str, str], said: str
) -> None:
    line = feria.refused("serve", "--port", "0", *words, **variables)
    assert any(part in line for part in said.split("|")), line


def test_a_killed_node_comes_back_with_what_it_had(feria: Feria, tmp_path: Path) -> None:
    with feria.node() as node:
        with Client(node.url) as client:
            before = client.publish("doubling", doubling())
        node.stop(signal.SIGKILL)
    with feria.node() as node, Client(node.url) as client:
        assert client.model("doubling").model_dump(exclude={"here"}) == before.model_dump()
        assert client.predict("doubling", [[4]]).predictions == (8.0,)


def test_a_command_after_a_kill_opens_the_home_itself(feria: Feria) -> None:
    with feria.node() as node:
        with Client(node.url) as client:
            client.publish("doubling", doubling())
        node.stop(signal.SIGKILL)
    assert "doubling" in feria("models", "list").out


def test_a_busy_home_is_waited_for(feria: Feria) -> None:
    lock = take(feria.home)
    assert isinstance(lock, NodeLock)
    with lock:
        said = feria.refused("serve", "--port", "0")
    assert "is at work in" in said
    with feria.node():
        pass


def test_an_address_goes_before_the_home(beside: Feria, shared: tuple[Feria, RunningNode]) -> None:
    url = shared[1].url
    elsewhere = Feria(beside.folder / "elsewhere", beside.folder)
    for words in (["--url", url, "models", "list"], ["models", "list", "--url", url]):
        elsewhere(*words)
    elsewhere("models", "list", FERIA_URL=url)
    assert not elsewhere.home.exists()


def test_an_address_without_a_node_is_no_reason_to_open_the_home(feria: Feria) -> None:
    said = feria.refused("models", "list", "--url", "http://127.0.0.1:9")
    assert said.startswith("unavailable: No node answers at http://127.0.0.1:9")
    assert not feria.home.exists()


def test_what_is_no_node_is_told_from_one(feria: Feria) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        import threading

        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        said = feria.refused("--url", f"http://127.0.0.1:{other.server_port}", "models", "list")
        other.shutdown()
        thread.join()
    assert "No feria node spoke there" in said


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:"),
        ("0.0.0.0", "http://127.0.0.1:"),
        ("localhost", "http://localhost:"),
    ],
)
def test_the_address_is_one_that_can_be_reached(host: str, url: str) -> None:
    with listen(host, 0) as door:
        assert address(host, door) == f"{url}{door.getsockname()[1]}"


def test_listening_twice_is_a_conflict_and_nowhere_is_invalid() -> None:
    with listen("127.0.0.1", 0) as door, pytest.raises(Conflict):
        listen("127.0.0.1", door.getsockname()[1])
    with pytest.raises(Invalid):
        listen("203.0.113.1", 0)


def test_migrate_says_where_the_database_is_now(feria: Feria) -> None:
    assert "schema" in feria("migrate").out
    assert "schema" in feria("migrate").out


def test_a_training_under_way_is_finished_before_a_node_ends(feria: Feria) -> None:
    rows = [[float(x), float(x % 7), 3.0 * x] for x in range(2_000)]
    told = []
    with feria.node() as node, Client(node.url) as client:

        def on_progress(doing: str, done: float) -> None:
            if not told:
                told.append(doing)
                node.process.send_signal(signal.SIGTERM)

        model = client.train("late", "mlp", rows, "y", columns=["a", "b", "y"], on_progress=on_progress)
        assert told
        assert model.reference == "late@1"
        assert node.process.wait(300) == 0
    with feria.node() as node, Client(node.url) as client:
        assert client.model("late").model_dump(exclude={"here"}) == model.model_dump()
