"""The command as people run it: a process of its own, and a node beside it where one is wanted."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

FERIA = Path(sys.executable).parent / "feria"


def environment(**more: str) -> dict[str, str]:
    """Ours, without what it says to feria but that a shelf begins empty, and no fair is opened."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FERIA_")}
    empty = {"FERIA_REGISTRY__SHIPPED": "false", "FERIA_CATALOG__DEMO_PRODUCTS": "0"}
    return clean | {"NO_COLOR": "1", "COLUMNS": "100"} | empty | more


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Feria:
    """Runs commands on one home, in one folder."""

    home: Path
    folder: Path

    def __call__(self, *words: str | Path, stdin: str = "", code: int = 0, **more: str) -> Said:
        done = subprocess.run(
            [FERIA, *map(str, words)],
            cwd=self.folder,
            env=environment(FERIA_HOME=str(self.home), **more),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
        )
        said = Said(done.returncode, done.stdout, done.stderr)
        assert said.code == code, said
        assert "Traceback" not in said.err, said.err
        return said

    def refused(self, *words: str | Path, **more: str) -> str:
        """The one line a command says when it fails."""
        said = self(*words, code=1, **more)
        assert said.out == ""
        lines = said.err.splitlines()
        assert len(lines) == 1, said.err
        return lines[0]

    @contextlib.contextmanager
    def node(
        self, *words: str, command: str = "serve", until: str = "Ctrl-C", **more: str
    ) -> Iterator["RunningNode"]:
        process = subprocess.Popen(
            [FERIA, command, "--port", "0", *words],
            cwd=self.folder,
            env=environment(FERIA_HOME=str(self.home), **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield RunningNode(process, until)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


class RunningNode:
    def __init__(self, process: "subprocess.Popen[str]", until: str) -> None:
        self.process = process
        self.said = ""
        assert process.stdout is not None
        for line in process.stdout:
            self.said += line
            if until in line:
                break
        found = re.search(r"answers at (https?://\S+)", self.said)
        assert found, f"{self.said}\n{process.communicate()[1]}"
        self.url = found[1]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit code, and what it said on stderr."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=300)
        return self.process.returncode, said


class OnTerminal:
    """A command on a terminal of its own, so that it shows colours and bars."""

    def __init__(self, feria: Feria, *words: str | Path) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.process = subprocess.Popen(
            [FERIA, *map(str, words)],
            cwd=feria.folder,
            env=environment(FERIA_HOME=str(feria.home), TERM="xterm"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self.said = ""

    def wait_for(self, text: str, seconds: float = 300.0) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < deadline, self.said
            assert self._listen(1.0), self.said

    def end(self) -> int:
        """Hear it out."""
        while self._listen(60.0):
            pass
        return self.process.wait(300)

    def _listen(self, seconds: float) -> bool:
        if not select.select([self._ours], [], [], seconds)[0]:
            return True
        try:
            heard = os.read(self._ours, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            return False
        self.said += heard.decode(errors="replace")
        return bool(heard)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)
