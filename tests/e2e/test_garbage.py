"""Bytes that are almost requests, thrown at a real node: it neither falls over nor hangs, and says no 500."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nets
from cli.running import Feria, RunningNode

PIECES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n", b"POST /v1/models/sum/predict HTTP/1.1\r\n",
        b"PUT http://x:y/%00%ff HTTP/1.0\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n", b"OPTIONS * HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /v1/models/%2e%2e/sum?version=\xc3\xa9 HTTP/1.1\r\n", b"host: node\r\n", b"\r\n",
        b"content-length: 20\r\n", b"content-length: -1\r\n", b"content-length: 99999999999999999999\r\n",
        b"transfer-encoding: chunked\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n",
        b"content-type: application/json\r\n", b'{"rows": [[1]]}', b'{"rows": [[1e999, null, {}]]}',
        b"content-type: multipart/form-data; boundary=x\r\n",
        b"--x\r\ncontent-disposition: form-data\r\n\r\n",
        b"connection: upgrade\r\nupgrade: websocket\r\n", b"sec-websocket-key: x\r\n",
        b"expect: 100-continue\r\n",
        b"connection: close\r\n", b"authorization: Bearer \xff\r\n", b"cookie: a=\x01;;=\r\n", b"a" * 40_000,
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    folder = tmp_path_factory.mktemp("garbage")
    with Feria(folder / "home", folder).node() as node:
        httpx.post(
            f"{node.url}/v1/models/sum", timeout=300, files={"file": nets.linear([1.0])}
        ).raise_for_status()
        yield node
        code, said = node.stop()
        assert code == 0
        assert "Traceback" not in said


def said_to(node: RunningNode, garbage: bytes) -> bytes:
    """All that comes back until the node hangs up. Raises `TimeoutError` when it does not."""
    url = httpx.URL(node.url)
    with socket.create_connection((url.host, url.port), timeout=300) as caller:
        heard = b""
        try:
            caller.sendall(garbage)
            caller.shutdown(socket.SHUT_WR)
            while piece := caller.recv(65536):
                heard += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
        return heard


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")  # that what failed is long
@settings(max_examples=300, deadline=None)
@given(garbage=st.lists(PIECES | st.binary(max_size=64), max_size=12).map(b"".join))
def test_garbage_is_answered_or_hung_up_on_and_the_next_caller_is_served(
    node: RunningNode, garbage: bytes
) -> None:
    heard = said_to(node, garbage)
    assert not heard or heard.startswith(b"HTTP/1.1 ")
    assert b"HTTP/1.1 500" not in heard
    assert httpx.get(f"{node.url}/livez", timeout=300).json() == {"status": "live"}


def test_after_all_of_it_predictions_are_as_before(node: RunningNode) -> None:
    reply = httpx.post(f"{node.url}/v1/models/sum/predict", timeout=300, json={"rows": [[3]]})
    assert reply.json()["predictions"] == [3.0]


def test_the_limits_of_the_settings_hold(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FERIA_WEB__MAX_HEADER_KIB=1\nFERIA_WEB__MAX_CONNECTIONS=2\n")
    with Feria(tmp_path / "home", tmp_path).node() as node:
        assert b"HTTP/1.1 431 " in said_to(node, b"GET / HTTP/1.1\r\na: " + b"a" * 2000 + b"\r\n\r\n")
        url = httpx.URL(node.url)
        with (
            httpx.Client(base_url=node.url, timeout=300) as first,
            httpx.Client(base_url=node.url, timeout=300) as second,
        ):
            assert first.get("/livez").status_code == second.get("/livez").status_code == 200
            with socket.create_connection((url.host, url.port), timeout=300) as third:
                third.sendall(b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
                assert third.recv(1000).startswith(b"HTTP/1.1 503 ")
