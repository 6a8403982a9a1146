"""What the README and the how-to tell about clusters, typed into one shell, as a reader would."""

import re
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from walks import Walk, beside_nothing, matches, walks

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "docs" / "how-to" / "run-a-cluster.md")
WALKS = {f"{page.stem}-{n}": walk for page in PAGES for n, walk in enumerate(walks(page)) if walk.alone}
PORTS = re.compile(r"\b[78]00[123]\b")
MINUTES = 240.0


class Shell:
    """One shell with its jobs; the ports that the pages say may be taken, so others stand for them."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._ports: dict[str, str] = {}
        self._bash = subprocess.Popen(
            ["bash", "-m"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def type(self, words: str) -> str:
        """What is answered; of a node that is started, once it answers itself."""
        words = PORTS.sub(lambda found: self._port(found[0]), words.strip())
        if words.endswith("&"):
            self._say(f"{words[:-1]} >> {self._folder}/nodes.log 2>&1 &")
            self._await_node(words)
            return ""
        end = f"end {uuid.uuid4()}"
        self._say(f"{words}\necho; echo {end} $?")
        assert self._bash.stdout is not None
        heard = []
        for line in self._bash.stdout:
            if line.startswith(end):
                assert line.split()[-1] == "0", f"{words}\n{''.join(heard)}\n{self._log()}"
                return "".join(heard)
            heard.append(line)
        raise AssertionError(f"The shell ended at {words}")

    def _say(self, words: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(f"{words}\n")
        self._bash.stdin.flush()

    def _port(self, said: str) -> str:
        if said not in self._ports:
            with socket.create_server(("127.0.0.1", 0)) as door:
                self._ports[said] = str(door.getsockname()[1])
        return self._ports[said]

    def _await_node(self, words: str) -> None:
        found = re.search(r"--port (\d+)", words)
        assert found
        until = time.monotonic() + MINUTES
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{found[1]}/livez", timeout=10).status_code == 200:
                    return
            except httpx.TransportError:
                assert time.monotonic() < until, f"{words}\n{self._log()}"
                time.sleep(0.1)

    def _log(self) -> str:
        log = self._folder / "nodes.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def end(self) -> None:
        self._bash.kill()
        self._bash.communicate()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with beside_nothing(tmp_path) as environment:
        lean = {"FERIA_REGISTRY__SHIPPED": "false", "FERIA_CATALOG__DEMO_PRODUCTS": "0"}
        shell = Shell(tmp_path, environment | lean)
        try:
            yield shell
        finally:
            shell.end()


@pytest.mark.parametrize("name", WALKS)
def test_a_cluster_of_three_lines_does_what_the_page_says(name: str, shell: Shell) -> None:
    walk: Walk = WALKS[name]
    for step in walk.steps:
        said = shell.type(step.words)
        assert matches(step.answer, said), f"{step.words}\nanswers\n{said}\nand not\n{step.answer}"


def test_both_pages_start_three_nodes_in_three_lines() -> None:
    for walk in WALKS.values():
        assert [step.words.split()[:2] for step in walk.steps[:3]] == [["feria", "serve"]] * 3
