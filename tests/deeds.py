"""What worker processes are asked to do in tests: a process can only import a module by name."""

import logging
import os
import signal
import time
from typing import Any

from feria.errors import NotAnImage
from feria.tasks.processes import Speaker
from feria.telemetry.context import request_id


def add(a: int, b: int, report: Any) -> int:
    report("adding", 0.5)
    report("added", 1.0)
    return a + b


def refuse(report: Any) -> None:
    raise NotAnImage("Not a picture.", row=3)


def fail(report: Any) -> None:
    raise ZeroDivisionError("division by zero")


def log_and_tell(report: Any) -> str:
    logging.getLogger("sklearn.somewhere").warning("A library warns of %s.", "something")
    logging.getLogger("sklearn.somewhere").info("A library chats.")
    logging.getLogger("feria.learning").info("We say what we do.")
    return request_id.get()


def die(report: Any) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(report: Any) -> None:
    os._exit(7)


def wait(report: Any) -> None:
    report("waiting", 0.0)
    time.sleep(60)


def grow(report: Any) -> int:
    return len(bytearray(2**31))


def be_anything(report: Any) -> object:
    return object()


def say_pid(report: Any) -> int:
    return os.getpid()


def wait_and_tell(report: Any) -> None:
    report(str(os.getpid()), 1.0)
    time.sleep(60)


def chatter(times: int, counted: str, speaker: Speaker) -> int:
    """Says ten kilobytes each time, and writes down how often it has."""
    with open(counted, "ab", buffering=0) as file:
        for _ in range(times):
            speaker.say("x" * 10_000)
            file.write(b".")
    return times
