"""Environments for what must not stand beside feria's own packages; kept under `bench/.peers/`."""

import hashlib
import subprocess
import sys
from pathlib import Path

from bench.processes import Failed, environment

HERE = Path(__file__).parent
KEPT = HERE.parent / ".peers"
INSTALL_SECONDS = 900


def python_of(peer: str) -> str:
    """The interpreter that has what `PEER.txt` names, made now if need be. Raises `Failed`."""
    wanted = HERE / f"{peer}.txt"
    folder = KEPT / peer
    made, python = folder / "made", folder / "bin" / "python"
    digest = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()
    if not made.exists() or made.read_text() != digest:
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        _run(str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-r", str(wanted))
        made.write_text(digest)
    return str(python)


def versions_of(python: str, packages: tuple[str, ...]) -> dict[str, str]:
    code = "import sys, importlib.metadata as m\nfor name in sys.argv[1:]: print(name, m.version(name))"
    return dict(line.split() for line in _run(python, "-c", code, *packages).splitlines())


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=INSTALL_SECONDS)
    if done.returncode:
        raise Failed(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout
