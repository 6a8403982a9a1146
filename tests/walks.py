"""Pages that are walked through as a reader would: word for word, in an empty folder, beside a node.

A walk stands between `<!-- walk -->` and `<!-- /walk -->`. In its `console` blocks a command begins with
`$ ` and goes on while lines end in a backslash; what follows is its answer. A `python` block is run whole,
and a `text` block behind it is its answer. A command without an answer may answer anything.
`<!-- walk: a/b.onnx c/d.jpg=photo.jpg -->` puts real data into the folder first, under the names given;
`<!-- walk: fair -->` is beside a node that opens the demo fair; others do without, for the time it takes.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
WALK = re.compile(r"<!-- walk(?:: ([^>]*?))? -->\n(.*?)<!-- /walk -->", re.S)
FAIR, ALONE = "fair", "alone"
"""Words of a walk: it needs the demo fair; it starts what it needs by itself."""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Step:
    words: str
    answer: str
    python: bool = False

    def take(self, folder: Path, environment: dict[str, str]) -> None:
        done = subprocess.run(
            [sys.executable, "-"] if self.python else ["bash", "-ec", self.words],
            input=self.words if self.python else None,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{self.words}\n{done.stdout}\n{done.stderr}"
        said = f"{self.words}\nanswers\n{done.stdout}\nand not\n{self.answer}"
        assert matches(self.answer, done.stdout), said


@dataclass(frozen=True)
class Walk:
    page: Path
    needs: tuple[str, ...]
    fair: bool
    alone: bool
    steps: tuple[Step, ...]


def walks(page: Path) -> list[Walk]:
    found = WALK.findall(page.read_text(encoding="utf-8"))
    return [
        Walk(
            page,
            tuple(set(needs.split()) - {FAIR, ALONE}),
            FAIR in needs.split(),
            ALONE in needs.split(),
            tuple(_steps(text)),
        )
        for needs, text in found
    ]


def _steps(text: str) -> list[Step]:
    found: list[Step] = []
    for language, content in BLOCK.findall(text):
        match language:
            case "console":
                for command in re.split(r"^\$ ", content, flags=re.M)[1:]:
                    typed = re.match(r"(?:.*\\\n)*.*\n", command)
                    assert typed
                    found.append(Step(typed[0], command[typed.end() :]))
            case "python":
                found.append(Step(content, "", python=True))
            case "text":
                found[-1] = Step(found[-1].words, content, found[-1].python)
    return found


def matches(shown: str, said: str) -> bool:
    """Whether a page shows what was said.

    `…` stands for anything, a space for any number of them, a rule of a table for one of any length.
    """
    if not shown.strip():
        return True
    pieces = [re.escape(" ".join(piece.split())) for piece in shown.split("…")]
    pattern = re.sub("─+", "─+", ".*".join(pieces)).replace(r"\ ", r"\s+")
    return re.fullmatch(rf"\s*{pattern}\s*", said, re.S) is not None


@contextlib.contextmanager
def beside_a_node(folder: Path, home: Path, *, fair: bool = False) -> Iterator[dict[str, str]]:
    """The environment of a reader who has typed `make up` and means that node.

    The pages say port 8000, which may be taken: FERIA_URL tells our own programs where the node is, and a
    `.curlrc` in the home leads curl there from the address that is printed.
    """
    environment = _plain() | {
        "FERIA_HOME": str(home),
        "FERIA_WEB__PORT": "0",
        "CURL_HOME": str(home),
        "FERIA_CATALOG__DEMO_PRODUCTS": "300" if fair else "0",
    }
    node = subprocess.Popen(
        [BIN / "feria", "up"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        url = _address(node)
        to = url.removeprefix("http://")
        (home / ".curlrc").write_text(f'silent\nfail\nnoproxy = "*"\nconnect-to = "localhost:8000:{to}"\n')
        yield environment | {"FERIA_URL": url}
    finally:
        node.send_signal(signal.SIGTERM)
        node.communicate(timeout=300)


@contextlib.contextmanager
def beside_nothing(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a reader who starts all there is, on ports that are free. What is still running in
    the folder at the end, as after a reader has gone, is ended."""
    with socket.socket() as web, socket.socket() as superlink:
        for door in (web, superlink):
            door.bind(("127.0.0.1", 0))
        ports = {
            "FERIA_WEB__PORT": str(web.getsockname()[1]),
            "FERIA_SUPERLINK__PORT": str(superlink.getsockname()[1]),
        }
    try:
        yield _plain() | ports
    finally:
        for pid in running_in(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 60
        while left := running_in(folder):
            if time.monotonic() > deadline:
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)


def running_in(folder: Path) -> list[int]:
    """Processes that were started in the folder, and live."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if state not in "ZX" and (process / "cwd").resolve() == folder.resolve():
                found.append(int(process.name))
    return found


def _plain() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FERIA_")}
    return environment | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}


def _address(node: "subprocess.Popen[str]") -> str:
    """Where the node says it answers, once it has said all it says to a newcomer."""
    assert node.stdout
    said = ""
    for line in node.stdout:
        said += line
        if "Read on" in line and (found := re.search(r"answers at (http://\S+)", said)):
            return found[1]
    raise AssertionError(f"The node ended:\n{said}")
