"""What `feria doctor` finds about the machine, and about the node that runs on it."""

import email.utils
import importlib.metadata
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from packaging.requirements import Requirement

import feria
from feria.access.exposure import refuse_exposure
from feria.cli.certificates import pinned, valid_until
from feria.cli.doctor import SECONDS_OFF, Check, Findings, Patient, fail, ok, warn
from feria.cli.node_lock import NodeLock, Reach, take
from feria.cli.serving import listen
from feria.clock import SystemClock
from feria.errors import Conflict, Invalid
from feria.tasks.processes import open_processes
from feria.web.connections import OWN_FILES

MIB = 2**20
LITTLE_DISK = 1024 * MIB
TOO_LITTLE_DISK = 100 * MIB
FEW_INODES = 10_000
SOON = 21.0
"""Days before its end that a certificate should have been renewed."""
CONSTRAINTS = Path(feria.__file__).parents[2] / "constraints.txt"
"""Exact versions, where this is a checkout."""


def running_node(home: Path) -> Reach | None:
    """How to reach the node on this home. Makes no home where there is none."""
    if not (home / "node.lock").exists():
        return None
    try:
        found = take(home)
    except Invalid:
        return None
    if isinstance(found, NodeLock):
        found.release()
        return None
    return found.reach


async def python(patient: Patient) -> Findings:
    said = f"Python {sys.version.split()[0]}, feria {feria.__version__}."
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        yield ok, said
    else:
        yield fail, f"{said} feria is made for Python 3.11 to 3.13; install one of these."


async def packages(patient: Patient) -> Findings:
    wrong, untested = [], []
    pins = _pins()
    for line in importlib.metadata.requires("feria") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            found = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{wanted.name} is not there")
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            wrong.append(f"{wanted.name} is {found}, not {wanted.specifier}")
        elif pins.get(wanted.name, found) != found:
            untested.append(f"{wanted.name} is {found}, not {pins[wanted.name]}")
    if wrong:
        yield fail, f"{'; '.join(wrong)}. Install feria again: pip install feria, or make setup."
    if untested:
        yield warn, f"Not the versions feria is tested with: {'; '.join(untested)}. `make setup` brings them."
    if not wrong and not untested:
        yield ok, "Every package has a version that will do."


async def home(patient: Patient) -> Findings:
    folder = patient.settings.home
    if not folder.exists():
        parent = _existing(folder)
        if os.access(parent, os.W_OK | os.X_OK):
            yield ok, f"{folder} is not there yet; the first start makes it."
        else:
            yield fail, f"{folder} is not there and cannot be made: {parent} may not be written by this user."
        return
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor"):
            pass
    except OSError as error:
        yield fail, f"{folder} cannot be written: {error.strerror}. Give it to the user that runs the node."
        return
    if folder.stat().st_uid != os.geteuid():
        yield warn, f"{folder} belongs to another user; what this one makes there, that one may not change."
    else:
        yield ok, f"{folder.resolve()} can be written."


async def disk(patient: Patient) -> Findings:
    folder = _existing(patient.settings.home)
    free, inodes = shutil.disk_usage(folder).free, os.statvfs(folder)
    said = f"{free / MIB / 1024:.1f} GiB are free."
    if free < TOO_LITTLE_DISK:
        yield fail, f"{said} Make room: what cannot be written down is refused."
    elif free < LITTLE_DISK:
        yield warn, f"{said} A few models and trainings may fill that."
    else:
        yield ok, said
    if inodes.f_files and inodes.f_favail < FEW_INODES:
        verdict = warn if inodes.f_favail else fail
        yield verdict, f"Only {inodes.f_favail} more files can be made (inodes). Remove many small ones."


async def memory(patient: Patient) -> Findings:
    workers = patient.settings.workers
    wanted = workers.parallel * workers.memory_mib
    there = _memory_mib()
    if there is None:
        yield ok, "How much memory is free is not known here."
    elif there < wanted:
        yield (
            warn,
            f"{there} MiB are free, and {workers.parallel} trainings at once may take {wanted}. Lower "
            "FERIA_WORKERS__PARALLEL or FERIA_WORKERS__MEMORY_MIB, or add memory.",
        )
    else:
        yield ok, f"{there} MiB are free; {workers.parallel} trainings at once may take {wanted}."


async def files(patient: Patient) -> Findings:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = patient.settings.web.max_connections + OWN_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        yield (
            warn,
            f"This user may open {hard} files, and FERIA_WEB__MAX_CONNECTIONS needs {wanted}. Raise the "
            "limit (ulimit -Hn, or LimitNOFILE in systemd); until then the node takes fewer connections.",
        )
    else:
        yield ok, f"{wanted} files may be open at once."


async def workers(patient: Patient) -> Findings:
    """Trainings and uploads need a process of their own."""
    async with open_processes(patient.settings.workers) as processes:
        await processes.run(_breathe, seconds=60)
    yield ok, "Worker processes start and answer."


def _breathe(report: Any) -> bool:
    return True


async def exposure(patient: Patient) -> Findings:
    refuse_exposure(patient.settings)
    web = patient.settings.web
    if web.tls_certificate is None or web.tls_key is None:
        yield ok, "Nobody beyond this machine, or its proxy, can listen in."
        return
    ends = valid_until(web.tls_certificate, web.tls_key)
    days = (ends - SystemClock().now()).total_seconds() / 86_400
    said = f"The certificate {web.tls_certificate} is valid until {ends:%Y-%m-%d}."
    yield (ok, said) if days > SOON else (warn, f"{said} Renew it.")


async def port(patient: Patient) -> Findings:
    web, reach = patient.settings.web, patient.reach
    if reach is not None:
        yield ok, f"The node of this home answers at {reach.url}."
        return
    try:
        listen(web.host, web.port).close()
    except Conflict as error:
        if await _is_a_node(f"http://{web.host}:{web.port}"):
            yield (
                warn,
                f"A node of another home answers on port {web.port}. Give this one another: FERIA_WEB__PORT.",
            )
        else:
            yield fail, error.message
    else:
        yield ok, f"Port {web.port} on {web.host} is free."


async def node(patient: Patient) -> Findings:
    reach = patient.reach
    if reach is None:
        yield ok, "No node runs on this home."
        return
    trust = True if reach.certificate is None else pinned(reach.certificate)
    async with httpx.AsyncClient(base_url=reach.url, verify=trust, timeout=5, trust_env=False) as http:
        try:
            asked = time.time()
            ready = await http.get("/readyz")
        except httpx.HTTPError as error:
            yield (
                fail,
                f"The node does not answer ({type(error).__name__}). Look at its log, and restart it.",
            )
            return
    status = ready.json()["status"]
    yield (ok, "The node is ready.") if status == "ready" else (warn, f"The node is {status}.")
    theirs = email.utils.parsedate_to_datetime(ready.headers["date"]).timestamp()
    if abs(theirs - asked) > SECONDS_OFF:
        yield warn, f"The node's clock and this one's differ by {abs(theirs - asked):.0f} s."


CHECKS: tuple[Check, ...] = (
    python,
    packages,
    home,
    disk,
    memory,
    files,
    workers,
    exposure,
    port,
    node,
)


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _pins() -> dict[str, str]:
    if not CONSTRAINTS.is_file():
        return {}
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def _memory_mib() -> int | None:
    """What the system, or the container we are in, has left."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        taken = int((group / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no limit says "max"
        return free
    return min(free, max(0, limit - taken) // MIB)


async def _is_a_node(url: str) -> bool:
    async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
        try:
            return bool((await http.get(f"{url}/livez")).json() == {"status": "live"})
        except (httpx.HTTPError, ValueError):
            return False
