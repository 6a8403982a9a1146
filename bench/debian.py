"""Peers that Debian packages: unpacked under `bench/.peers/`, so that none is installed and none starts."""

import shutil
import subprocess
from pathlib import Path

from bench.processes import Failed

KEPT = Path(__file__).parent / ".peers" / "debian"
SECONDS = 300


def program(name: str, package: str, *libraries: str) -> Path:
    """Where that program is: on the path, or unpacked from its package. Raises `Failed`."""
    found = shutil.which(name)
    return Path(found) if found else _unpacked(package, libraries) / "usr" / "bin" / name


def libraries() -> dict[str, str]:
    """The environment of a program that needs what was unpacked beside it."""
    return {"LD_LIBRARY_PATH": ":".join(str(path) for path in (KEPT / "usr" / "lib").glob("*-linux-gnu"))}


def version(package: str) -> str:
    """As Debian names what would be, or is, installed."""
    said = _run("apt-cache", "policy", package)
    return next((line.split()[1] for line in said.splitlines() if "Candidate:" in line), "unknown")


def _unpacked(package: str, others: tuple[str, ...]) -> Path:
    KEPT.mkdir(parents=True, exist_ok=True)
    for one in (package, *others):
        if not (KEPT / f"{one}.there").exists():
            _run("apt-get", "download", one)
            for file in KEPT.glob(f"{one}_*.deb"):
                _run("dpkg", "-x", str(file), str(KEPT))
                file.unlink()
            (KEPT / f"{one}.there").touch()
    return KEPT


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, cwd=KEPT, capture_output=True, text=True, timeout=SECONDS)
    except FileNotFoundError:
        raise Failed(f"This peer comes as a Debian package, and {command[0]} is not here.") from None
    if done.returncode:
        raise Failed(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout
