"""`python -m bench.key_floor FILE WRITERS SECONDS`: what the disk and SQLite allow, and nothing else.

A thread takes all writes that wait, puts them into one transaction, commits it with `synchronous = FULL`, and
tells their writers, who write again at once.
"""

import asyncio
import queue
import resource
import sqlite3
import sys
import threading
import time

import msgspec
import uvloop

from bench.contenders import Sample
from bench.key_stores import values
from bench.load import percentile

Write = tuple[str, bytes, "asyncio.Future[None]"]


def commit(file: str, waiting: "queue.SimpleQueue[Write | None]", loop: asyncio.AbstractEventLoop) -> None:
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value BLOB, version INTEGER)")
    while (first := waiting.get()) is not None:
        batch = [first]
        while not waiting.empty() and (another := waiting.get()) is not None:
            batch.append(another)
        database.execute("BEGIN IMMEDIATE")
        database.executemany(
            "INSERT INTO rows VALUES (?, ?, 1) ON CONFLICT (key) DO UPDATE SET value = excluded.value, "
            "version = version + 1",
            [(key, value) for key, value, _ in batch],
        )
        database.execute("COMMIT")
        loop.call_soon_threadsafe(tell, batch)


def tell(batch: list[Write]) -> None:
    for _, _, told in batch:
        told.set_result(None)


async def measure(file: str, writers: int, seconds: float) -> Sample:
    loop = asyncio.get_running_loop()
    waiting: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
    thread = threading.Thread(target=commit, args=(file, waiting, loop))
    thread.start()
    took: list[float] = []
    rows = list(values())
    until = time.perf_counter() + seconds

    async def write(number: int) -> None:
        while (began := time.perf_counter()) < until:
            number = (number + 1) % len(rows)
            told = loop.create_future()
            waiting.put((*rows[number], told))
            await told
            took.append(time.perf_counter() - began)

    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*(write(first * 97) for first in range(writers)))
    passed, used = time.perf_counter() - began, time.process_time() - cpu
    waiting.put(None)
    thread.join()
    ascending = sorted(took)
    return Sample(
        rate=len(took) / passed,
        p50=percentile(ascending, 0.5) * 1e3,
        p99=percentile(ascending, 0.99) * 1e3,
        cpu=used / len(took) * 1e3,
        rss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sample = runner.run(measure(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
    sys.stdout.buffer.write(msgspec.json.encode(sample))
