"""What `feria doctor` finds about what a node keeps, and about the servers it keeps it on."""

import asyncio
import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import text

from feria.access.exposure import is_locked
from feria.access.tokens import Tokens
from feria.cli.doctor import SECONDS_OFF, Check, Findings, Patient, Verdict, fail, ok, warn
from feria.clock import SystemClock
from feria.cluster.gossip_map import OWN
from feria.cluster.maps import LocalMap
from feria.cluster.sqlite_disk import FILE, open_reading
from feria.errors import Corrupt, FeriaError, NotFound
from feria.inference.sessions import Session
from feria.migrations.schema import HEAD, current_revision
from feria.registry.rows import PREFIX, decoded
from feria.registry.wire import Model, State
from feria.storage.blobs import Blobs
from feria.storage.database import open_database

LONG_LOG = 256 * 2**20
"""Bytes of SQLite's write-ahead log that somebody should have written back."""
NOW = {
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
    "mysql": "SELECT unix_timestamp(sysdate(6))",
    "mariadb": "SELECT unix_timestamp(sysdate(6))",
}


async def database(patient: Patient) -> Findings:
    file = _sqlite(patient)
    if file is not None:
        if not file.exists():
            yield ok, f"{file} is not there yet; the first start makes it."
            return
        verdict, sentence = await asyncio.to_thread(_look_into, file)
        yield verdict, sentence
        if verdict is fail:
            return
    async with open_database(patient.settings.storage, patient.settings.home) as database:
        revision = await current_revision(database)
    if revision == HEAD:
        yield ok, f"The schema is the newest, {HEAD}."
    elif revision is not None and revision > HEAD:
        yield fail, f"The schema, {revision}, is of a newer feria than this. Update this one."
    elif file is not None and patient.settings.storage.migrate_on_start is not False:
        yield ok, f"The schema is {revision or 'not there yet'}; the next start brings it to {HEAD}."
    else:
        yield fail, f"The schema is {revision or 'not there yet'}, not {HEAD}. Run `feria migrate`."


async def clock(patient: Patient) -> Findings:
    file = _sqlite(patient)
    if file is not None:
        ahead = file.stat().st_mtime - time.time() if file.exists() else 0.0
        if ahead > SECONDS_OFF:
            yield fail, f"The database was written {ahead:.0f} s in the future: this clock is behind. Set it."
        else:
            yield ok, "The clock is not behind what the database has seen."
        return
    async with (
        open_database(patient.settings.storage, patient.settings.home) as database,
        database.transaction(read_only=True) as session,
    ):
        asked = time.time()
        theirs = float((await session.execute(text(NOW[database.dialect]))).scalar_one())
        off = theirs - (asked + time.time()) / 2
    if abs(off) > SECONDS_OFF:
        yield warn, f"The database server's clock and this one's differ by {abs(off):.1f} s. Use NTP on both."
    else:
        yield ok, "This clock and the database server's agree."


async def models(patient: Patient) -> Findings:
    rows = await _rows(patient)
    if not rows:
        yield ok, "The shelf is empty."
        return
    digests = {row.digest: row for row in rows}
    blobs, broken = Blobs(patient.settings.home / "blobs"), 0
    for number, (digest, row) in enumerate(digests.items()):
        patient.report(f"reading {row.reference}", number / len(digests))
        try:
            path = (await blobs.find(digest)).path
            await asyncio.to_thread(Session, path, patient.settings.inference.providers)
        except NotFound:
            broken += 1
            if patient.settings.cluster.gossip_port is not None:
                yield (
                    ok,
                    f"The file of {row.reference} is not on this node; it comes when somebody asks for it.",
                )
                continue
            yield (
                fail,
                f"The file of {row.reference} is gone ({digest[:12]}…). Restore it, or publish it again.",
            )
        except Corrupt:
            broken += 1
            yield (
                fail,
                f"The file of {row.reference} is damaged ({digest[:12]}…). Restore it, or publish it again.",
            )
        except FeriaError as error:
            broken += 1
            yield fail, f"{row.reference} cannot be served: {error.message}"
    if not broken:
        yield ok, f"All {len(digests)} model files are there, whole, and can be loaded."


async def tokens(patient: Patient) -> Findings:
    if not is_locked(patient.settings):
        yield ok, "The node asks nobody for a token: only this machine can reach it."
        return
    file = _sqlite(patient)
    if file is None or file.exists():
        async with open_database(patient.settings.storage, patient.settings.home) as database:
            known = await current_revision(database) == HEAD
            if known and await Tokens(database, SystemClock(), locked=True).administered():
                yield ok, "There is a token that may administer the node."
                return
    yield fail, "No token may administer the node. Make one: feria tokens create NAME --role admin."


async def redis(patient: Patient) -> Findings:
    url = patient.settings.events.url
    if url is None:
        yield ok, "Events stay in this process; no Redis is wanted."
        return
    try:
        from redis.asyncio import Redis
        from redis.exceptions import RedisError
    except ModuleNotFoundError:
        yield fail, "FERIA_EVENTS__URL is set, and its package is not there: pip install 'feria[redis]'."
        return
    try:
        async with Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            await client.ping()
    except ValueError as error:
        yield fail, f"FERIA_EVENTS__URL is no Redis URL: {error}"
    except (RedisError, OSError) as error:
        yield fail, f"Redis does not answer ({error}). Start it, or unset FERIA_EVENTS__URL."
    else:
        yield ok, "Redis answers."


CHECKS: tuple[Check, ...] = (database, clock, models, tokens, redis)


def _sqlite(patient: Patient) -> Path | None:
    return patient.settings.home / "feria.db" if patient.settings.storage.url is None else None


def _look_into(file: Path) -> tuple[Verdict, str]:
    restore = "Restore it from a backup (docs/how-to/back-up-a-home.md)."
    try:
        connection = sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True, timeout=10)
        try:
            faults = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return fail, f"{file} cannot be read: {error}. {restore}"
    if faults != ["ok"]:
        return fail, f"{file} is damaged: {'; '.join(faults)[:300]}. {restore}"
    log = file.with_name(f"{file.name}-wal")
    if log.exists() and log.stat().st_size > LONG_LOG:
        size = log.stat().st_size // 2**20
        return warn, f"{log} has grown to {size} MiB. Start the node again, and it is written back."
    if mode != "wal":
        return ok, f"{file} is whole; its journal becomes a write-ahead log at the next start."
    return ok, f"{file} is whole."


async def _rows(patient: Patient) -> list[Model]:
    rows = await asyncio.to_thread(_shared_rows, patient.settings.home / FILE)
    rows |= {key: value for key, value in (await _old_rows(patient)).items() if key not in rows}
    found = [row.model for key, value in rows.items() if (row := decoded(key, value)) is not None]
    return [model for model in found if model.state is not State.deleted]


def _shared_rows(file: Path) -> dict[str, bytes]:
    if not file.exists():
        return {}
    disk = open_reading(file)
    try:
        found: dict[str, bytes] = {}
        after = ""
        while rows := disk.live(OWN + PREFIX, after, 1000):
            found |= {row.key.removeprefix(OWN): row.value or b"" for _, row in rows}
            after = rows[-1][1].key
        return found
    finally:
        disk.close()


async def _old_rows(patient: Patient) -> dict[str, bytes]:
    """Those that no start of this version has moved yet."""
    file = _sqlite(patient)
    if file is not None and not file.exists():
        return {}
    async with open_database(patient.settings.storage, patient.settings.home) as database:
        if await current_revision(database) is None:
            return {}
        entries = await LocalMap(database, SystemClock()).scan(PREFIX)
    return {entry.key: entry.value for entry in entries}
