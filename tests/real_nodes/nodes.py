"""Nodes as people run them, `feria serve`, each on a machine of its own."""

import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feria.cluster.certificates import make_certificate
from feria.cluster.keys import make_keys
from real_nodes.namespaces import Namespace

FERIA = Path(sys.executable).parent / "feria"
PORT, GOSSIP_PORT = 8000, 7001
KEPT = ("kv.db", "kv.db-wal", "kv.db-shm", "kv.life")
SMALL_DISK_MIB = 48
LIMIT_SECONDS = 600.0
"""For what comes by itself, on the slowest machine."""


class Broken(Exception):
    """A node did not do what it has to, such as start."""


def alone(folder: Path, **more: str) -> dict[str, str]:
    """Ours, without what it says to feria; what a node does beside its keys is left out."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FERIA_")}
    light = {
        "FERIA_HOME": str(folder),
        "FERIA_REGISTRY__SHIPPED": "false",
        "FERIA_CATALOG__DEMO_PRODUCTS": "0",
        "NO_COLOR": "1",
    }
    return clean | light | more


class Cluster:
    """What its nodes share: a key, an authority, and each other's addresses.

    The nodes are `n1` … with the machines' numbers. Those in `small_disks` have little room. On their own
    machine they answer over HTTP without TLS, as any node does; what passes between them has key and TLS.
    """

    def __init__(self, folder: Path, machines: Sequence[Namespace], small_disks: Sequence[int] = ()) -> None:
        self.folder = folder
        self.key = folder / "cluster.key"
        make_keys(self.key)
        for machine in machines:
            name = f"n{machine.number}"
            make_certificate(folder / "authority", name, [machine.address], datetime.now(UTC))
        self.nodes = {
            machine.number: RealNode(self, machine, machine.number in small_disks) for machine in machines
        }

    def command(self) -> list[str]:
        """How any of its nodes is started, in its own environment; three are named as those to join."""
        some = [f"{node.machine.address}:{GOSSIP_PORT}" for node in self.nodes.values()][:3]
        words = [FERIA, "serve", "--port", PORT, "--gossip-port", GOSSIP_PORT]
        return [*map(str, words), *(f"--join={address}" for address in some)]

    def environment(self, name: str, machine: Namespace, folder: Path) -> dict[str, str]:
        own = {
            "FERIA_CLUSTER__NAME": name,
            "FERIA_CLUSTER__HOST": machine.address,
            "FERIA_CLUSTER__KEY_FILE": str(self.key),
            "FERIA_CLUSTER__CA": str(self.folder / "authority" / "ca.pem"),
            "FERIA_CLUSTER__CERTIFICATE": str(self.folder / "authority" / f"{name}.pem"),
            "FERIA_CLUSTER__CERTIFICATE_KEY": str(self.folder / "authority" / f"{name}.key"),
        }
        return alone(folder, **own)

    def twin(self, node: "RealNode", machine: Namespace) -> tuple[int, str]:
        """Start another node of that name, which has nothing but its name and certificate. Waits for its end:
        the exit code and what it said."""
        home = self.folder / "twin"
        done = machine.run(
            lambda: subprocess.run(
                self.command(),
                env=self.environment(node.name, machine, home),
                capture_output=True,
                text=True,
                timeout=LIMIT_SECONDS,
            )
        )
        return done.returncode, done.stderr

    def start(self) -> None:
        for node in self.nodes.values():
            node.begin()
        for node in self.nodes.values():
            node.wait_until_it_answers()

    def close(self) -> None:
        for node in self.nodes.values():
            node.end()


class RealNode:
    def __init__(self, cluster: Cluster, machine: Namespace, small_disk: bool) -> None:
        self.machine = machine
        self.number = machine.number
        self.name = f"n{machine.number}"
        self.has_small_disk = small_disk
        self.home = cluster.folder / self.name
        self.log = cluster.folder / f"{self.name}.log"
        self._cluster = cluster
        self._process: subprocess.Popen[bytes] | None = None
        if small_disk:
            machine.mount_small_disk(self.home, SMALL_DISK_MIB)

    # ------------------------------------------------------------------------ its life
    def begin(self) -> None:
        words, said = self._cluster.command(), self._cluster.environment(self.name, self.machine, self.home)
        with self.log.open("ab") as log:
            self._process = self.machine.run(
                lambda: subprocess.Popen(words, env=said, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )

    def wait_until_it_answers(self) -> None:
        """Raises `Broken` when it ends instead."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                raise Broken(f"{self.name} ended with {self._process.returncode}: {self._last_words()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/v1/kv?limit=1")[0] == 200:  # not while it takes over rows
                    return
            time.sleep(0.05)
        raise Broken(f"{self.name} does not answer: {self._last_words()}")

    def start(self) -> None:
        self.begin()
        self.wait_until_it_answers()

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """In an orderly way. Raises `Broken` when it says that it failed."""
        code = self._end(signal.SIGTERM)
        if code not in (0, -signal.SIGTERM, 128 + signal.SIGTERM):
            raise Broken(f"{self.name} ended with {code}: {self._last_words()}")

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            self.go_on()
            self.kill()

    def _end(self, number: int) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(LIMIT_SECONDS)

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    # ------------------------------------------------------------------------ its disk
    def keep(self, folder: Path) -> None:
        """Copy its rows, as a backup does; it has to be down."""
        self._move(self.home, folder)

    def put_back(self, folder: Path) -> None:
        """It has to be down."""
        self._move(folder, self.home)

    def _move(self, source: Path, to: Path) -> None:
        """In place where there is such a file, so that it has the inode, size and time that it had."""

        def move() -> None:
            to.mkdir(exist_ok=True)
            for name in KEPT:
                if (source / name).exists():
                    shutil.copy2(source / name, to / name)
                else:
                    (to / name).unlink(missing_ok=True)

        self.machine.run(move)

    def fill_disk(self) -> None:
        def fill() -> None:
            with contextlib.suppress(OSError), (self.home / "filler").open("ab", buffering=0) as filler:
                while True:
                    filler.write(bytes(65_536))
            with contextlib.suppress(OSError), (self.home / "filler").open("ab", buffering=0) as filler:
                while True:
                    filler.write(bytes(512))

        self.machine.run(fill)

    def free_disk(self) -> None:
        self.machine.run(lambda: (self.home / "filler").unlink(missing_ok=True))

    # ------------------------------------------------------------------------ over HTTP
    def ask(self, method: str, path: str, seconds: float = 60.0) -> tuple[int, Any]:
        """The status, and what the JSON says."""

        def asked() -> tuple[int, Any]:
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=seconds)
            with contextlib.closing(connection):
                connection.request(method, path)
                answer = connection.getresponse()
                return answer.status, json.loads(answer.read())

        return self.machine.run(asked)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", "/v1/cluster")[1]
        return found

    def keys(self, prefix: str) -> dict[str, int]:
        """All keys that it shows and that begin so, with their versions."""
        found: dict[str, int] = {}
        after = ""
        while True:
            status, page = self.ask("GET", f"/v1/kv?limit=1000&prefix={prefix}&after={after}")
            if status != 200:
                raise Broken(f"{self.name} does not list its keys: {page}")
            found |= {row["key"]: row["version"] for row in page["keys"]}
            if page["next"] is None:
                return found
            after = page["next"]

    def values(self, prefix: str) -> dict[str, tuple[int, str]]:
        """The same with their values, as a watcher is told of them. Nobody writes meanwhile."""
        keys = self.keys(prefix)
        deadline = time.monotonic() + LIMIT_SECONDS
        while (found := self.machine.run(lambda: _watched(prefix, keys.keys()))) is None:
            if time.monotonic() > deadline:
                raise Broken(f"{self.name} does not tell a watcher of its {len(keys)} keys")
        if {key: version for key, (version, _) in found.items()} != keys:
            raise Broken(f"{self.name} lists versions, and tells a watcher others")
        return found


def _watched(prefix: str, keys: Set[str]) -> dict[str, tuple[int, str]] | None:
    """What a watcher hears until it has all these keys; nothing when it has to begin again, because deletions
    were forgotten while it listened."""
    found: dict[str, tuple[int, str]] = {}
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=LIMIT_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", f"/v1/kv?watch=1&since=0&prefix={prefix}")
        stream = connection.getresponse()
        while not keys <= found.keys():  # then it waits for more, and we do not
            name, _, said = stream.readline().decode().partition(": ")
            if not name or (name == "event" and said.strip() == "lagged"):
                return None
            change = json.loads(said) if name == "data" else {}
            if "value" in change:
                found[change["key"]] = (change["version"], base64.b64decode(change["value"]).decode())
    return found


@contextlib.contextmanager
def running(
    folder: Path, machines: Sequence[Namespace], small_disks: Sequence[int] = ()
) -> Iterator[Cluster]:
    """A cluster, started, and ended with the block."""
    cluster = Cluster(folder, machines, small_disks)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()
