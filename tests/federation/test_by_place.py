"""Which engine carries out a job: by where its clients' rows are."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from feria.errors import Invalid, Unavailable
from feria.federation.by_place import ByPlace
from feria.federation.engine import Outcome, Participant, Running, Tell
from feria.federation.jobs_wire import Client
from feria.federation.orders import JobOrder
from loops import LoopEngine, described, order

HERE, STORE = Participant("Ana", Path("ana.csv"), 60), Participant("Berta", None, 60, "7")


class Named:
    """An engine that only says that it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def check(self, order: JobOrder, clients: Sequence[Client]) -> None:
        self.asked.append("check")

    async def run(self, job: Running, tell: Tell) -> Outcome:
        self.asked.append("run")
        return Outcome(job.folder, kind="none")


@pytest.mark.parametrize(("client", "place"), [(HERE, 0), (STORE, 1)], ids=["here", "store"])
async def test_a_job_goes_to_the_engine_of_where_its_rows_are(
    client: Participant, place: int, tmp_path: Path
) -> None:
    async def tell(_: object) -> None:
        pass

    engines = Named(), Named()
    engine = ByPlace(*engines)
    await engine.check(order(), described([client]))
    await engine.run(Running(1, order(), (client,), tmp_path), tell)
    assert engines[place].asked == ["check", "run"]
    assert engines[1 - place].asked == []


async def test_clients_of_two_kinds_are_no_job() -> None:
    with pytest.raises(Invalid, match="'Ana' are on this node, and 'Berta' is a store"):
        await ByPlace(LoopEngine(), LoopEngine()).check(order(), described([HERE, STORE]))


async def test_without_a_superlink_stores_cannot_be_asked() -> None:
    with pytest.raises(Unavailable, match=r"'Berta' is a store\. That needs FERIA_SUPERLINK__ENABLED"):
        await ByPlace(LoopEngine(), None).check(order(), described([STORE]))
