"""The same document, asked of a locked node: by a stranger, a client and an administrator, with tasks."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

import nets
from cli.running import Feria, RunningNode, environment
from e2e.test_fuzz import WAITS
from feria.access.door import is_open

CHECKS = "not_a_server_error,status_code_conformance,response_schema_conformance,content_type_conformance"
LATER = ("--header", "Prefer:respond-async")
KEEPS_ITS_TOKENS = (
    "--exclude-name",
    "DELETE /v1/tokens/{id}",
    "--exclude-name",
    "DELETE /v1/privacy/{subject}",
)
SETTINGS = (
    "FERIA_ACCESS__LOCKED=true",
    "FERIA_ACCESS__REQUESTS_PER_SECOND=100000",
    "FERIA_ACCESS__ANONYMOUS_PER_SECOND=100000",
    "FERIA_ACCESS__FAILURES_PER_MINUTE=100000",
    "FERIA_TELEMETRY__LOG_LEVEL=error",
)


@dataclass(frozen=True)
class Locked:
    node: RunningNode
    tokens: dict[str, str]
    """By role."""

    def shown(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    folder = tmp_path_factory.mktemp("locked")
    (folder / ".env").write_text("\n".join(SETTINGS))
    feria = Feria(folder / "home", folder)
    roles = ("admin", "client")
    tokens = {role: feria("tokens", "create", role, "--role", role).out.strip() for role in roles}
    with feria.node() as node:
        locked = Locked(node, tokens)
        for name, net in {"0": nets.linear([1.0, 2.0]), "products": nets.mean_colour()}.items():
            httpx.post(
                f"{node.url}/v1/models/{name}",
                files={"file": net},
                headers=locked.shown("admin"),
                timeout=300,
            ).raise_for_status()
        yield locked
        code, said = node.stop()
        assert code == 0
        assert "Traceback" not in said, said


def fuzz(node: RunningNode, folder: Path, *words: str) -> set[tuple[str, int]]:
    """What was asked for, and the statuses it was answered with."""
    fuzzed = subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis",
            "run",
            f"{node.url}/openapi.json",
            f"--checks={CHECKS}",
            "--max-examples=6",
            "--phases=examples,coverage,fuzzing",
            "--generation-deterministic",
            "--request-timeout=300",
            "--no-color",
            "--report=ndjson",
            "--report-ndjson-path=said.ndjson",
            *words,
        ],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert fuzzed.returncode == 0, fuzzed.stdout + fuzzed.stderr
    found = set()
    for line in (folder / "said.ndjson").read_text("utf-8").splitlines():
        if (ended := json.loads(line).get("ScenarioFinished")) and (recorder := ended["recorder"]):
            for exchange in recorder.get("interactions", {}).values():
                found.add((recorder["label"], exchange["response"]["status_code"]))
    return found


def bearer(token: str) -> tuple[str, str]:
    return "--header", f"Authorization:Bearer {token}"


def test_a_stranger_learns_nothing_but_that_the_door_is_locked(locked: Locked, tmp_path: Path) -> None:
    answers = fuzz(locked.node, tmp_path)
    asked = {label for label, _ in answers}
    described = httpx.get(f"{locked.node.url}/openapi.json", timeout=300).json()["paths"]
    assert asked == {f"{method.upper()} {path}" for path, ways in described.items() for method in ways}
    behind = {(label, status) for label, status in answers if not is_open(*label.split(" ", 1))}
    assert {status for _, status in behind} <= {401, 405}  # 405: another method, asked in another's place
    assert {label for label, status in behind if status == 401} == {label for label, _ in behind}


def test_a_client_is_answered_as_described_now_or_later(locked: Locked, tmp_path: Path) -> None:
    answers = fuzz(locked.node, tmp_path, *bearer(locked.tokens["client"]), *LATER)
    assert {("POST /v1/models/{name}/predict", 202), ("POST /v1/tokens", 403)} <= answers
    all_tasks_end(locked)


def test_an_administrator_is_answered_as_described_now_or_later(locked: Locked, tmp_path: Path) -> None:
    answers = fuzz(locked.node, tmp_path, *bearer(locked.tokens["admin"]), *LATER, *KEEPS_ITS_TOKENS, *WAITS)
    assert {
        ("POST /v1/models/{name}/train", 202),
        ("POST /v1/tokens", 201),
        ("GET /v1/privacy/{subject}", 200),
    } <= answers
    all_tasks_end(locked)


def test_an_administrator_who_removes_whatever_there_is_is_answered_as_described(
    locked: Locked, tmp_path: Path
) -> None:
    answers = fuzz(locked.node, tmp_path, *bearer(locked.tokens["admin"]), "--include-method", "DELETE")
    assert ("DELETE /v1/privacy/{subject}", 200) in answers


def all_tasks_end(locked: Locked) -> None:
    deadline = time.monotonic() + 300
    for state in ("waiting", "running"):
        while httpx.get(
            f"{locked.node.url}/v1/tasks",
            params={"state": state},
            headers=locked.shown("admin"),
            timeout=300,
        ).json()["tasks"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
