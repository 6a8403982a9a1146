"""Three real nodes of a cluster, with a disk each, that can be killed, frozen and started again."""

from pathlib import Path
from typing import Any

import httpx

from cli.running import FERIA
from e2e.test_worker_kills import Program
from programs import free_port

NAMES = "abc"
GONE = (httpx.TransportError, httpx.HTTPStatusError)


class Cluster:
    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in NAMES}
        gossip = {name: free_port() for name in NAMES}
        self.nodes = {
            name: Program(
                [str(FERIA), "serve", "--home", str(folder / name), "--port", str(self.ports[name])]
                + ["--gossip-port", str(gossip[name])]
                + [
                    word
                    for other in NAMES
                    if other != name
                    for word in ("--join", f"127.0.0.1:{gossip[other]}")
                ],
                folder,
                {"FERIA_CLUSTER__NAME": name, "FERIA_CLUSTER__TAKEOVER_SECONDS": "1", **settings},
            )
            for name in NAMES
        }

    def url(self, name: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}{path}"

    def ask(self, name: str, path: str) -> httpx.Response:
        return httpx.get(self.url(name, path), timeout=10).raise_for_status()

    def answers(self, name: str, path: str) -> bool:
        try:
            self.ask(name, path)
        except GONE:
            return False
        return True

    def all_met(self) -> bool:
        for name in NAMES:
            if not self.answers(name, "/v1/cluster"):
                return False
            members = self.ask(name, "/v1/cluster").json()["members"]
            if [member["state"] for member in members] != ["alive"] * (len(NAMES) - 1):
                return False
        return True

    def predicts(self, name: str, model: str) -> float | None:
        try:
            url = self.url(name, f"/v1/models/{model}/predict")
            answer = httpx.post(url, json={"rows": [[10.0]]}, timeout=10).raise_for_status().json()
        except GONE:
            return None
        return float(answer["predictions"][0])

    def publish(self, name: str, model: str, content: bytes) -> dict[str, Any]:
        answer = httpx.post(
            self.url(name, f"/v1/models/{model}"), files={"file": ("model.onnx", content)}, timeout=120
        )
        return dict(answer.raise_for_status().json())
