"""The four invariants of the batcher."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from feria.errors import Busy, Expired, Invalid
from feria.inference.batching import Batcher, open_batcher
from feria.telemetry.metrics import Metrics


class Doubler:
    """Doubles numbers and refuses text; waits at its gate before each batch and notes what it was given."""

    name = "doubler"
    expected_seconds = 0.001

    def __init__(self, max_jobs: int = 8) -> None:
        self.max_jobs = max_jobs
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Semaphore(0)
        self.batches: list[list[Any]] = []

    def answer(self, payloads: Sequence[Any]) -> list[Any]:
        self.batches.append(list(payloads))
        self.began.release()
        self.gate.wait(300)
        return [Invalid("text") if isinstance(p, str) else p * 2 for p in payloads]


@asynccontextmanager
async def batcher(threads: int = 1, max_waiting: int = 100) -> AsyncGenerator[Batcher]:
    with open_batcher(threads, max_waiting, 60.0, Metrics()) as batcher, anyio.fail_after(300):
        yield batcher


def same(answer: Any) -> Any:
    return answer


async def held_up(batcher: Batcher, predictor: Doubler) -> "asyncio.Future[Any]":
    """A job whose batch has begun and waits at the gate."""
    predictor.gate.clear()
    first = batcher.submit(predictor, 0, same, 10)
    await asyncio.to_thread(predictor.began.acquire)
    return first


async def test_jobs_that_wait_become_one_batch_and_each_gets_its_own_answer() -> None:
    doubler = Doubler()
    async with batcher() as one:
        first = await held_up(one, doubler)
        rest = [one.submit(doubler, n, same, 10) for n in range(1, 6)]
        doubler.gate.set()
        assert await asyncio.gather(first, *rest) == [0, 2, 4, 6, 8, 10]
    assert doubler.batches == [[0], [1, 2, 3, 4, 5]]


async def test_no_batch_is_larger_than_the_predictor_takes() -> None:
    doubler = Doubler(max_jobs=3)
    async with batcher() as one:
        first = await held_up(one, doubler)
        rest = [one.submit(doubler, n, same, 10) for n in range(7)]
        doubler.gate.set()
        await asyncio.gather(first, *rest)
    assert [len(batch) for batch in doubler.batches] == [1, 3, 3, 1]


async def test_a_bad_item_spoils_none_of_its_neighbours() -> None:
    doubler = Doubler()
    async with batcher() as one:
        first = await held_up(one, doubler)
        good, bad, also_good = (one.submit(doubler, p, same, 10) for p in (1, "x", 2))
        doubler.gate.set()
        assert (await first, await good, await also_good) == (0, 2, 4)
        with pytest.raises(Invalid):
            await bad


async def test_a_fault_in_the_predictor_or_the_finish_reaches_the_caller_and_the_worker_lives() -> None:
    class Broken(Doubler):
        def answer(self, payloads: Sequence[Any]) -> list[Any]:
            raise ZeroDivisionError

    async with batcher() as one:
        with pytest.raises(ZeroDivisionError):
            await one.submit(Broken(), 1, same, 10)
        with pytest.raises(TypeError):
            await one.submit(Doubler(), 1, len, 10)
        assert await one.submit(Doubler(), 1, same, 10) == 2


async def test_nothing_is_computed_for_a_caller_who_is_gone() -> None:
    doubler = Doubler()
    async with batcher() as one:
        first = await held_up(one, doubler)
        gone, stays = one.submit(doubler, 1, same, 10), one.submit(doubler, 2, same, 10)
        gone.cancel()
        doubler.gate.set()
        assert (await first, await stays) == (0, 4)
    assert doubler.batches == [[0], [2]]


async def test_nothing_is_computed_past_its_deadline() -> None:
    doubler = Doubler()
    async with batcher() as one:
        first = await held_up(one, doubler)
        late = one.submit(doubler, 1, same, -1)
        doubler.gate.set()
        await first
        with pytest.raises(Expired):
            await late
    assert doubler.batches == [[0]]


async def test_more_than_may_wait_are_refused_at_once() -> None:
    doubler = Doubler()
    async with batcher(max_waiting=3) as one:
        first = await held_up(one, doubler)
        rest = [one.submit(doubler, n, same, 10) for n in (1, 2)]
        for refused in (lambda: one.check(doubler), lambda: one.submit(doubler, 3, same, 10)):
            with pytest.raises(Busy) as raised:
                refused()
            assert raised.value.retry_after >= 1
        doubler.gate.set()
        await asyncio.gather(first, *rest)
        assert await one.submit(doubler, 3, same, 10) == 6


async def test_models_do_not_mix_in_a_batch() -> None:
    doubler, other = Doubler(), Doubler()
    async with batcher() as one:
        first = await held_up(one, doubler)
        rest = [one.submit(p, n, same, 10) for n, p in enumerate([doubler, other, other, doubler], 1)]
        doubler.gate.set()
        assert await asyncio.gather(first, *rest) == [0, 2, 4, 6, 8]
    assert (doubler.batches, other.batches) == ([[0], [1], [4]], [[2, 3]])


async def test_idle_workers_get_their_share() -> None:
    doubler = Doubler()
    async with batcher(threads=2) as two:
        first = await held_up(two, doubler)
        second = two.submit(doubler, 1, same, 10)
        await asyncio.to_thread(doubler.began.acquire)
        rest = [two.submit(doubler, n, same, 10) for n in range(8)]
        doubler.gate.set()
        await asyncio.gather(first, second, *rest)
    assert len(doubler.batches[2]) == 4


async def test_closing_finishes_what_is_queued() -> None:
    doubler = Doubler()
    async with batcher() as one:
        jobs = [one.submit(doubler, n, same, 10) for n in range(20)]
    assert await asyncio.gather(*jobs) == [n * 2 for n in range(20)]
