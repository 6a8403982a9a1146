"""How late the event loop is."""

import asyncio
import logging
import time

import pytest

from feria.telemetry import lag
from feria.telemetry.metrics import Histogram
from serving import until


async def test_a_loop_that_was_held_up_is_late(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lag, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(lag, "WORTH_A_LINE", 0.2)
    histogram = Histogram("lag", "Lag.", (0.2,))
    with caplog.at_level(logging.WARNING, "feria"):
        async with lag.measuring_lag(histogram):
            await asyncio.sleep(0)
            time.sleep(0.4)  # noqa: ASYNC251 - that is the fault to be seen
            await until(lambda: bool(caplog.records))
    assert histogram._series[""][1] >= 1
    assert "The event loop stood still for 0." in caplog.records[0].message
