"""How quick this machine is today: a virtual one with the same name may be several times slower tomorrow."""

import threading
import time
from functools import cache

ADDITIONS = 10_000_000
CHANGES = 2_000


@cache
def yardstick() -> str:
    """In words; measured once a run, in two seconds at most."""
    return (
        f"{ADDITIONS // 10**6} million additions in Python {additions():.2f} s, "
        f"from one thread to another and back {there_and_back() * 1e6:.0f} µs"
    )


def additions() -> float:
    """Seconds."""
    began = time.perf_counter()
    total = 0
    for n in range(ADDITIONS):
        total += n
    return time.perf_counter() - began


def there_and_back() -> float:
    """Seconds; what any hop to a worker's thread costs at least."""
    here, there = threading.Semaphore(0), threading.Semaphore(0)

    def answer() -> None:
        for _ in range(CHANGES):
            there.acquire()
            here.release()

    thread = threading.Thread(target=answer)
    thread.start()
    began = time.perf_counter()
    for _ in range(CHANGES):
        there.release()
        here.acquire()
    taken = time.perf_counter() - began
    thread.join()
    return taken / CHANGES
