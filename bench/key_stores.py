"""Key-value stores as contenders: ours, etcd, Redis, and the floor; and how each is asked."""

import base64
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec

from bench.contenders import MAX_REQUESTS, ROOT, Lines, Sample, feria_node
from bench.debian import libraries, program
from bench.load import Answer, Order, whole_length, whole_reply
from bench.processes import Failed, Process, free_port, running

VALUE_BYTES = 200
KEYS = 10_000
OURS, ETCD, REDIS = "feria", "etcd", "Redis, appendfsync always"


@dataclass
class Asked:
    """One store, asked one thing."""

    name: str
    client: Lines
    process: Process
    port: int
    requests: Sequence[bytes]
    right: Sequence[bytes]
    redis: bool = False

    def measure(self, connections: int, seconds: float) -> Sample:
        warm = min(0.5, seconds / 3)
        order = Order(
            port=self.port,
            path="",
            headers={},
            bodies=[],
            connections=connections,
            seconds=seconds,
            warm_seconds=warm,
            max_requests=MAX_REQUESTS,
            server=self.process.pid,
            raw=list(self.requests),
            right=tuple(self.right),
            redis=self.redis,
        )
        answer: Answer = self.client.ask(order, Answer, warm + seconds + 30)
        if answer.failed or not answer.requests:
            raise self.process.failed(f"gave {answer.failed} wrong answers; the first: {answer.failure}")
        return Sample(
            rate=answer.requests / answer.seconds,
            p50=answer.p50 * 1e3,
            p99=answer.p99 * 1e3,
            cpu=answer.server_cpu / answer.requests * 1e3,
            rss=answer.rss / 2**20,
            client=answer.client_cpu / answer.seconds,
        )


def ask_each(store: Asked) -> None:
    """Every request once, one after the other. Raises `Failed`."""
    whole_of = whole_reply if store.redis else whole_length
    with socket.create_connection(("127.0.0.1", store.port)) as line:
        for request in store.requests:
            line.sendall(request)
            got = b""
            while not (whole := whole_of(got)) or len(got) < whole:
                got += line.recv(65536)
            if not got.startswith(tuple(store.right)):
                raise Failed(f"{store.name} answered {got[:300]!r}")


# ------------------------------------------------------------------------------ how to ask
def values(count: int = KEYS) -> Iterator[tuple[str, bytes]]:
    for number in range(count):
        yield f"prices/{number:05}", f"{number:0{VALUE_BYTES}}".encode()


def http(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def etcd_put(key: str, value: bytes) -> bytes:
    """By its gateway for HTTP and JSON, which is how one asks it without gRPC."""
    body = {"key": base64.b64encode(key.encode()).decode(), "value": base64.b64encode(value).decode()}
    return http("POST", "/v3/kv/put", msgspec.json.encode(body))


def etcd_get(key: str, *, local: bool = False) -> bytes:
    """`local`: whatever the member that is asked has, as ours answer."""
    body = {"key": base64.b64encode(key.encode()).decode(), "serializable": local}
    return http("POST", "/v3/kv/range", msgspec.json.encode(body))


def redis(*words: bytes) -> bytes:
    """https://redis.io/docs/latest/develop/reference/protocol-spec/"""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


# ----------------------------------------------------------------------------- who is asked
@contextmanager
def feria(scratch: Path, name: str = "feria", **settings: str) -> Iterator[tuple[Process, int]]:
    empty = {"FERIA_REGISTRY__SHIPPED": "false", "FERIA_CATALOG__DEMO_PRODUCTS": "0"}
    with feria_node(scratch, name, **empty, **settings) as node:
        yield node


@contextmanager
def etcd(scratch: Path, ports: Sequence[tuple[int, int]], number: int = 0) -> Iterator[tuple[Process, int]]:
    """Member `number` of a cluster with these ports, for clients and for members."""
    client, peer = (f"http://127.0.0.1:{port}" for port in ports[number])
    members = ",".join(f"m{i}=http://127.0.0.1:{theirs}" for i, (_, theirs) in enumerate(ports))
    options = {
        "name": f"m{number}",
        "data-dir": str(scratch / f"etcd-{number}"),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": members,
        "log-level": "error",
    }
    command = [str(program("etcd", "etcd-server")), *(f"--{name}={said}" for name, said in options.items())]
    with running(command, scratch / f"etcd-{number}.log", env={"ETCD_UNSUPPORTED_ARCH": "arm64"}) as process:
        yield process, ports[number][0]


def until_etcd(process: Process, port: int) -> None:
    process.until_answers(f"http://127.0.0.1:{port}/health")
    asked = f"http://127.0.0.1:{port}/v3/kv/range"
    if httpx.post(asked, content=b'{"key":"YQ=="}', trust_env=False).status_code != 200:
        raise process.failed("has no gateway for HTTP")


@contextmanager
def redis_server(scratch: Path, name: str, *words: str) -> Iterator[tuple[Process, int]]:
    port, folder = free_port(), scratch / name
    folder.mkdir()
    needs = ("libjemalloc2", "liblua5.1-0", "liblzf1", "lua-bitop", "lua-cjson")
    server = program("redis-server", "redis-server", *needs)
    command = [
        str(server),
        "--port",
        str(port),
        "--dir",
        str(folder),
        "--save",
        "",
        "--bind",
        "127.0.0.1",
        *words,
    ]
    with running(command, scratch / f"{name}.log", env=libraries()) as process:
        until_redis(process, port)
        yield process, port


def until_redis(process: Process, port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
                line.sendall(redis(b"PING"))
                if line.recv(100) == b"+PONG\r\n":
                    return
        except OSError:
            time.sleep(0.01)
    raise process.failed("did not answer")


# --------------------------------------------------------------------------------- the floor
class Floor:
    """SQLite alone, synchronous = FULL: so many writers, whose writes go together into each commit."""

    name = "SQLite alone, group commit"

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    def measure(self, connections: int, seconds: float) -> Sample:
        file = str(self._scratch / "floor.db")
        done = subprocess.run(
            [sys.executable, "-m", "bench.key_floor", file, str(connections), str(seconds)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds + 60,
        )  # fmt: skip
        if done.returncode:
            raise Failed(f"The floor fell over:\n{done.stderr[-2000:]}")
        return msgspec.json.decode(done.stdout, type=Sample)
