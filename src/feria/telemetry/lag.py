"""How late the event loop is: whatever holds it up holds up every caller."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator

from feria.telemetry.metrics import Histogram

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.25
WORTH_A_LINE = 1.0
"""Seconds."""


@contextlib.asynccontextmanager
async def measuring_lag(lag: Histogram) -> AsyncGenerator[None]:
    measuring = asyncio.create_task(_measure(lag))
    try:
        yield
    finally:
        measuring.cancel()
        await asyncio.wait({measuring})


async def _measure(lag: Histogram) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + EVERY_SECONDS
        await asyncio.sleep(EVERY_SECONDS)
        late = max(0.0, loop.time() - due)
        lag.observe(late)
        if late > WORTH_A_LINE:
            log.warning("The event loop stood still for %.1f s; nobody was answered meanwhile.", late)
