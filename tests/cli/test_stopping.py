"""How a node ends: readiness first, then the door, then what is under way."""

import contextlib
import signal
import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from cli.running import Feria, RunningNode
from client.small_models import doubling
from feria import Client


@contextlib.contextmanager
def half_sent(node: RunningNode, body: bytes):  # type: ignore[no-untyped-def]
    """A request that the node has begun to read; `send` sends the rest and returns the answer."""
    place = urlsplit(node.url)
    assert place.hostname
    assert place.port
    with socket.create_connection((place.hostname, place.port), timeout=300) as line:
        head = f"POST /v1/models/doubling/predict HTTP/1.1\r\nHost: {place.netloc}\r\n"
        line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:5])

        def send() -> str:
            line.sendall(body[5:])
            answer = b""
            while piece := line.recv(65536):
                answer += piece
            return answer.decode()

        yield send


def wait_until_the_door_is_closed(node: RunningNode) -> None:
    place = urlsplit(node.url)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            socket.create_connection((place.hostname or "", place.port or 0), timeout=5).close()
        except ConnectionResetError:  # it was just being closed
            continue
        except ConnectionRefusedError:
            return
    raise AssertionError("the door stays open")


def test_what_is_under_way_is_finished_once_the_door_is_closed(feria: Feria) -> None:
    with feria.node() as node:
        with Client(node.url) as client:
            client.publish("doubling", doubling())
        with half_sent(node, b'{"rows": [[21]]}') as send:
            httpx.get(f"{node.url}/livez", timeout=300)  # by then the node has read the half
            node.process.send_signal(signal.SIGTERM)
            wait_until_the_door_is_closed(node)
            answer = send()
        assert answer.startswith("HTTP/1.1 200 OK\r\n")
        assert '"predictions":[42.0]' in answer
        assert node.process.wait(300) == 0


def test_a_socket_is_told_that_the_node_is_going_away(feria: Feria) -> None:
    with feria.node() as node, connect(node.url.replace("http", "ws", 1) + "/v1/events") as socket:
        node.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=300)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        assert node.process.wait(300) == 0


@pytest.fixture
def patient(feria: Feria) -> Feria:
    (feria.folder / ".env").write_text("FERIA_WEB__DRAIN_SECONDS=600\nFERIA_TELEMETRY__LOG_FORMAT=json\n")
    return feria


def test_a_draining_node_says_so_and_still_answers_until_it_is_told_twice(patient: Feria) -> None:
    with patient.node() as node, httpx.Client(base_url=node.url, timeout=300) as http:
        before = http.get("/livez")
        assert "connection" not in before.headers
        node.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 300
        while (ready := http.get("/readyz")).json() != {"status": "draining"}:
            assert time.monotonic() < deadline
        assert ready.status_code == 503
        listed = http.get("/v1/models")
        assert (listed.status_code, listed.headers["connection"]) == (200, "close")
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(300) == -signal.SIGTERM
        _, said = node.process.communicate()
    assert '"event":"Told to stop: the door closes in 600 s."' in said.replace('": "', '":"')
    with patient.node():
        pass
