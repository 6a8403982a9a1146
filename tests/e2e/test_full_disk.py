"""A real full disk: the home is a file system of 24 MiB, mounted in a name space of its own."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

import nets
from cli.running import FERIA, Feria, RunningNode, environment

LATER = {"Prefer": "respond-async"}
LARGE = 3_000_000


@dataclass
class SmallDisk:
    feria: Feria
    holder: "subprocess.Popen[str]"

    @property
    def filler(self) -> Path:
        home = self.feria.home.relative_to("/")
        return Path(f"/proc/{self.holder.pid}/root") / home / "filler"

    def fill(self) -> None:
        with self.filler.open("ab", buffering=0) as file:
            for size in (2**16, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"x" * size):
                        pass

    def make_room(self) -> None:
        self.filler.unlink()

    def start(self) -> "subprocess.Popen[str]":
        inside = ("nsenter", "--user", "--mount", "--preserve-credentials", f"--target={self.holder.pid}")
        return subprocess.Popen(
            [*inside, FERIA, "serve", "--home", self.feria.home, "--port", "0"],
            cwd=self.feria.folder,
            env=environment(FERIA_TELEMETRY__LOG_LEVEL="error"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextlib.contextmanager
    def node(self) -> Iterator[RunningNode]:
        """A node that is killed when the block ends."""
        process = self.start()
        try:
            yield RunningNode(process, "Ctrl-C")
        finally:
            process.kill()
            print(process.communicate()[1])


@pytest.fixture
def disk(feria: Feria) -> Iterator[SmallDisk]:
    feria.home.mkdir()
    mounted = f"mount -t tmpfs -o size=24m tmpfs {feria.home} && echo mounted && exec sleep 1000"
    holder = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "mounted\n":
            pytest.skip(f"this machine lets no one mount a file system: {holder.communicate()[1]}")
        yield SmallDisk(feria, holder)
    finally:
        holder.kill()
        holder.communicate()


@dataclass
class Orders:
    """Orders of each kind, as often as they are accepted."""

    http: httpx.Client
    accepted: dict[str, str] = field(default_factory=dict)
    """What came to be of each kind, by task."""
    refused: set[str] = field(default_factory=set)

    def send(self, kind: str) -> bool:
        what: dict[str, Any] = {"json": {"rows": [[1.0]]}}
        path = "/v1/models/sum/predict"
        if kind == "predict large":  # goes beside the journal, in a file
            what = {"content": b'{"rows": [[1.0]]' + b" " * LARGE + b"}"}
        elif kind == "train":
            path = "/v1/models/line/train"
            rows = [[x, 2 * x] for x in range(1, 60)]
            what = {"json": {"kind": "linear_regression", "target": "y", "columns": ["x", "y"], "rows": rows}}
        reply = self.http.post(path, headers=LATER, **what)
        if reply.status_code == 202:
            self.accepted[reply.json()["id"]] = kind
            return True
        assert (reply.status_code, reply.json()["error"]) == (507, "disk_full"), reply.text
        self.refused.add(kind)
        return False

    def account(self) -> None:
        """Each accepted one has ended, a training perhaps for want of room."""
        for task, kind in self.accepted.items():
            result = self.http.get(f"/v1/tasks/{task}/result", params={"wait": 20})
            if kind == "train" and result.status_code == 507:
                assert result.json()["error"] == "disk_full"
            else:
                assert result.status_code == 200, f"{kind}: {result.text}"


KINDS = ("predict", "predict large", "train")


def publish(http: httpx.Client) -> None:
    published = http.post("/v1/models/sum", files={"file": nets.linear([2.0])})
    assert published.status_code == 201, published.text


def fill_up(disk: SmallDisk, orders: Orders) -> None:
    """Until nothing of any kind goes in any more."""
    for kind in KINDS:
        for _ in range(3):
            assert orders.send(kind)
    disk.fill()
    for kind in KINDS:
        for _ in range(500):
            if not orders.send(kind):
                break
        else:
            raise AssertionError(f"There seems to be room for any number of {kind}.")


def is_well(http: httpx.Client) -> None:
    assert http.get("/livez").status_code == http.get("/readyz").status_code == 200
    assert http.post("/v1/models/sum/predict", json={"rows": [[4]]}).json()["predictions"] == [8.0]
    assert http.get("/v1/tasks").status_code == http.get("/v1/models").status_code == 200


def test_on_a_full_disk_orders_are_refused_and_those_accepted_end_once_there_is_room(disk: SmallDisk) -> None:
    with disk.node() as node, httpx.Client(base_url=node.url, timeout=300) as http:
        publish(http)
        orders = Orders(http)
        fill_up(disk, orders)
        assert orders.refused == set(KINDS)
        is_well(http)
        disk.make_room()
        orders.account()
        for kind in KINDS:
            assert orders.send(kind)
        orders.account()
        is_well(http)


def test_a_node_killed_on_a_full_disk_serves_again_and_ends_every_task_once_there_is_room(
    disk: SmallDisk,
) -> None:
    with disk.node() as node, httpx.Client(base_url=node.url, timeout=300) as http:
        publish(http)
        orders = Orders(http)
        fill_up(disk, orders)
    with disk.node() as node, httpx.Client(base_url=node.url, timeout=300) as http:
        is_well(http)
        disk.make_room()
        orders.http = http
        orders.account()
        is_well(http)


def test_a_node_that_finds_no_room_at_all_says_so_and_starts_when_there_is_some(disk: SmallDisk) -> None:
    disk.fill()
    process = disk.start()
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1
    assert said.splitlines()[-1].startswith("disk_full: "), said
    assert "Traceback" not in said
    disk.make_room()
    with disk.node() as node, httpx.Client(base_url=node.url, timeout=300) as http:
        publish(http)
        is_well(http)
