"""The recommender of a whole node: from events that are told to answers, on each database."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from clocks import ManualClock
from feria.catalog.catalog import Catalog
from feria.clock import Clock
from feria.errors import Invalid, NotFound
from feria.inference.engine import Engine
from feria.learning.trainer import Trainer
from feria.learning.wire import InlineTraining
from feria.node import Node, open_node
from feria.recommendations.features import NAMES
from feria.recommendations.recommender import Picks, Recommender, open_recommender
from feria.recommendations.tables import ShopperEventRow
from feria.recommendations.wire import Event
from feria.registry.shelf import Registry
from feria.registry.wire import State
from feria.settings import RecommendationSettings, Settings, StorageSettings
from feria.storage.database import Database
from goods import open_catalog
from recommendations.worlds import draft

ANA, EVA = "a-shopper-called-ana", "a-shopper-called-eva"


def did(shopper: str, kind: str, number: int, at: datetime | None = None, **more: object) -> Event:
    return Event.model_validate(
        {
            "id": uuid.uuid4().hex,
            "shopper": shopper,
            "kind": kind,
            "sku": f"P{number:04}",
            "at": at,
            "consent": True,
        }
        | more
    )


def skus(picks: Picks) -> list[str]:
    return [product.sku for product, _ in picks.products]


@pytest.fixture
async def node(storage_settings: StorageSettings, tmp_path: Path) -> AsyncGenerator[Node]:
    storage = storage_settings.model_copy(update={"migrate_on_start": True})
    async with open_node(Settings(home=tmp_path, storage=storage, _env_file=None)) as node:
        await node.parts[Catalog].put_all([draft(number) for number in range(60)])
        yield node


@pytest.fixture
def recommender(node: Node) -> Recommender:
    found: Recommender = node.parts[Recommender]
    return found


async def bought_together(recommender: Recommender, one: int, other: int, times: int = 8) -> None:
    """By so many shoppers, each with a basket; and others buy something else."""
    told = []
    for number in range(times):
        basket, rest = f"pair-buyer-number-{number}", f"other-buyer-number-{number}"
        told += [did(basket, "purchase", one), did(basket, "purchase", other)]
        told += [did(rest, "purchase", 40 + number), did(rest, "purchase", 50 + number % 5)]
    await recommender.tell(told)


# ------------------------------------------------------------------- telling
async def test_what_is_told_shapes_what_is_answered(recommender: Recommender) -> None:
    assert (await recommender.for_shopper(ANA, 5)).basis == "popular"
    kept = await recommender.tell([did(ANA, "view", 0), did(ANA, "cart", 12), did(ANA, "view", 24)])
    assert (kept.kept, kept.repeated, kept.unknown) == (3, 0, ())
    picks = await recommender.for_shopper(ANA, 5)
    assert picks.basis == "rule"
    assert {product.category for product, _ in picks.products[:2]} == {"clothing/shirts"}
    assert (await recommender.for_shopper(EVA, 5)).basis == "popular"


async def test_an_event_without_consent_is_refused_and_the_batch_with_it(
    recommender: Recommender, node: Node
) -> None:
    batch = [did(ANA, "view", 0), did(ANA, "view", 1, consent=False)]
    with pytest.raises(Invalid, match="consent") as refused:
        await recommender.tell(batch)
    assert refused.value.details == {"event": 1}
    assert await recommender.export(ANA) == []


async def test_a_product_that_is_not_there_is_named_and_spoils_nothing(recommender: Recommender) -> None:
    kept = await recommender.tell([did(ANA, "view", 9999), did(ANA, "view", 1), did(EVA, "view", 8888)])
    assert (kept.kept, kept.unknown) == (1, ("P8888", "P9999"))


async def test_telling_again_counts_once_and_changes_no_answer(recommender: Recommender) -> None:
    batch = [did(ANA, "purchase", 3), did(EVA, "view", 5)]
    assert (await recommender.tell(batch)).kept == 2
    before = await recommender.for_shopper(None, 5)
    again = await recommender.tell([*batch, batch[0]])
    assert (again.kept, again.repeated) == (0, 3)
    after = await recommender.for_shopper(None, 5)
    assert skus(after) == skus(before)
    scores = zip(before.products, after.products, strict=True)
    assert all(new <= old for (_, old), (_, new) in scores)  # they fade, and nothing was added


@pytest.mark.parametrize(
    ("off", "why"), [(timedelta(minutes=6), "future"), (timedelta(days=-181), "older than the 180 days")]
)
async def test_the_future_and_what_is_too_old_are_refused(
    recommender: Recommender, node: Node, off: timedelta, why: str
) -> None:
    with pytest.raises(Invalid, match=why):
        await recommender.tell([did(ANA, "view", 0, node.parts[Clock].now() + off)])


async def test_a_clock_a_little_ahead_is_held_to_be_ours(recommender: Recommender, node: Node) -> None:
    await recommender.tell([did(ANA, "view", 0, node.parts[Clock].now() + timedelta(minutes=4))])
    (event,) = await recommender.export(ANA)
    assert datetime.fromisoformat(event["at"]) <= node.parts[Clock].now()


# ------------------------------------------------------------------- answers
async def test_what_is_bought_together_is_said(recommender: Recommender) -> None:
    await bought_together(recommender, 7, 30)
    picks = await recommender.together_with("P0007", None, 5)
    assert (picks.basis, skus(picks)) == ("together", ["P0030"])
    assert skus(await recommender.together_with("P0030", None, 5)) == ["P0007"]
    assert skus(await recommender.together_with("P0001", None, 5)) == []
    with pytest.raises(NotFound):
        await recommender.together_with("P9999", None, 5)


async def test_what_somebody_has_just_bought_is_not_offered_to_them_again(recommender: Recommender) -> None:
    await bought_together(recommender, 7, 30)
    await recommender.tell([did(ANA, "purchase", 30), did(ANA, "view", 18)])
    assert "P0030" not in skus(await recommender.for_shopper(ANA, 60))
    assert "P0030" in skus(await recommender.for_shopper(EVA, 60))
    assert skus(await recommender.together_with("P0007", ANA, 5)) == []


async def test_the_same_question_has_the_same_answer(recommender: Recommender) -> None:
    await bought_together(recommender, 7, 30)
    for shopper in (ANA, None, "pair-buyer-number-0"):
        answers = [skus(await recommender.for_shopper(shopper, 20)) for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]


async def test_an_empty_shop_answers_with_nothing(settings: Settings) -> None:
    async with open_node(settings) as node:
        recommender: Recommender = node.parts[Recommender]
        assert (await recommender.for_shopper(ANA, 5)).products == ()
        kept = await recommender.tell([did(ANA, "view", 0)])
        assert (kept.kept, kept.unknown) == (0, ("P0000",))


async def test_the_catalogue_is_followed(recommender: Recommender, node: Node) -> None:
    catalog: Catalog = node.parts[Catalog]
    await recommender.tell([did(EVA, "purchase", 3), did(EVA, "purchase", 5)])
    await catalog.remove("P0003")
    await catalog.put(draft(5, stock=0))
    await catalog.put(draft(100))
    await recommender.tell([did(EVA, "view", 100)])  # a product as new as this is known at once
    found = skus(await recommender.for_shopper(None, 100))
    async with asyncio.timeout(300):
        while {"P0003", "P0005"} & set(found):
            await asyncio.sleep(0.02)
            found = skus(await recommender.for_shopper(None, 100))
    assert found[0] == "P0100"
    assert len(found) == 59


# ------------------------------------------------------------------- personal data
async def test_a_shopper_takes_out_what_is_kept_and_has_it_erased(recommender: Recommender) -> None:
    await recommender.tell([did(ANA, "view", 0, store="lima"), did(ANA, "purchase", 1), did(EVA, "view", 2)])
    found = await recommender.export(ANA)
    assert [(one["kind"], one["sku"], one["store"]) for one in found] == [
        ("view", "P0000", "lima"),
        ("purchase", "P0001", None),
    ]
    assert await recommender.erase(ANA) == 2
    assert await recommender.export(ANA) == []
    assert (await recommender.for_shopper(ANA, 5)).basis == "popular"
    assert len(await recommender.export(EVA)) == 1


async def test_the_table_names_nobody(recommender: Recommender, node: Node) -> None:
    await recommender.tell([did(ANA, "view", 0, id="an-event-of-ana")])
    async with node.parts[Database].transaction(read_only=True) as session:
        (row,) = (await session.execute(select(ShopperEventRow.__table__))).all()
    assert "ana" not in str(row)


# ------------------------------------------------------------------- from start to stop
async def test_a_node_that_comes_back_knows_what_it_knew(
    storage_settings: StorageSettings, tmp_path: Path
) -> None:
    storage = storage_settings.model_copy(update={"migrate_on_start": True})
    settings = Settings(home=tmp_path, storage=storage, _env_file=None)
    async with open_node(settings) as node:
        await node.parts[Catalog].put_all([draft(number) for number in range(60)])
        recommender: Recommender = node.parts[Recommender]
        await bought_together(recommender, 7, 30)
        await recommender.tell([did(ANA, "view", 0)])
        popular = skus(await recommender.for_shopper(None, 10))
    async with open_node(settings) as node:
        recommender = node.parts[Recommender]
        async with asyncio.timeout(300):
            while not (await recommender.together_with("P0007", None, 5)).products:  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # what is waited for sets no event
        assert skus(await recommender.together_with("P0007", None, 5)) == ["P0030"]
        assert skus(await recommender.for_shopper(None, 10)) == popular
        assert (await recommender.for_shopper(ANA, 5)).basis == "rule"


@asynccontextmanager
async def recommending(node: Node, database: Database, folder: Path, **more: Any) -> AsyncGenerator[Any]:
    """On a clock of our own, beside a node that lends its engine."""
    clock = ManualClock()
    async with open_catalog(database, folder, clock=clock) as catalog:
        await catalog.put_all([draft(number) for number in range(20)])
        settings = RecommendationSettings(**more)
        async with open_recommender(
            database, catalog, node.parts[Engine], node.parts[Registry], clock, settings, folder
        ) as recommender:
            yield recommender, clock


async def test_what_is_beyond_its_time_or_number_is_forgotten(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    async with (
        open_node(settings) as node,
        recommending(node, database, tmp_path, keep_days=10, max_events=4) as (recommender, clock),
    ):
        await recommender.tell([did(ANA, "view", number) for number in range(6)])
        clock.advance(5 * 86_400)
        await recommender.tell([did(EVA, "view", number) for number in range(2)])
        await recommender._memory.sweep()
        assert [len(await recommender.export(who)) for who in (ANA, EVA)] == [2, 2]
        clock.advance(6 * 86_400)
        await recommender._memory.sweep()
        assert [len(await recommender.export(who)) for who in (ANA, EVA)] == [0, 2]


async def test_events_that_come_while_all_is_built_anew_count_once(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    async with (
        open_node(settings) as node,
        recommending(node, database, tmp_path) as (recommender, _),
    ):
        await recommender.tell([did(ANA, "view", 1) for _ in range(300)])
        telling = [recommender.tell([did(f"{EVA}-{n}", "view", 2) for n in range(10)]) for _ in range(10)]
        await asyncio.gather(*telling[:5], recommender._memory.build(), *telling[5:])
        counted = {product.sku: score for product, score in (await recommender.for_shopper(None, 2)).products}
        assert counted == pytest.approx({"P0001": 300, "P0002": 100})


# ------------------------------------------------------------------- the ranker
def dear_first() -> InlineTraining:
    """A ranker for which a product is the better, the further its price is from what they look at."""
    rows = [[n / 50, n % 7, int(n > 100)] for n in range(200)]
    return InlineTraining(
        kind="logistic_regression",
        target="bought",
        columns=["price_distance", "category_affinity", "bought"],
        rows=rows,
    )


async def test_a_ranker_orders_as_soon_as_the_registry_has_one(settings: Settings) -> None:
    async with open_node(settings) as node:
        await node.parts[Catalog].put_all([draft(number) for number in range(60)])
        recommender: Recommender = node.parts[Recommender]
        await recommender.tell([did(ANA, "view", 0)])
        ruled = await recommender.for_shopper(ANA, 60)
        assert (ruled.basis, ruled.model) == ("rule", None)
        order = dear_first()
        await node.parts[Trainer].train("shop_ranker", order, order)
        ranked = await recommender.for_shopper(ANA, 60)
        assert (ranked.basis, ranked.model) == ("ranker", "shop_ranker@1")
        assert all(0 <= score <= 1 for _, score in ranked.products)
        seen = next(product for product, _ in ranked.products if product.sku == "P0000")
        (best, high), (last, low) = ranked.products[0], ranked.products[-1]
        assert high > low
        assert abs(best.price - seen.price) > abs(last.price - seen.price)
        await node.parts[Registry].change_state("shop_ranker", 1, State.deprecated)
        assert skus(await recommender.for_shopper(ANA, 60)) == skus(ruled)


async def test_a_model_that_cannot_rank_is_left_alone(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_node(settings) as node:
        await node.parts[Catalog].put_all([draft(number) for number in range(60)])
        recommender: Recommender = node.parts[Recommender]
        await recommender.tell([did(ANA, "view", 0)])
        order = dear_first().model_copy(update={"columns": ["age", "category_affinity", "bought"]})
        await node.parts[Trainer].train("shop_ranker", order, order)
        for _ in range(3):
            assert (await recommender.for_shopper(ANA, 5)).basis == "rule"
        said = [line for line in caplog.messages if "does not rank" in line]
        assert len(said) == 1
        assert "'age'" in said[0]


async def test_rows_to_learn_from_need_no_more_than_the_log(recommender: Recommender) -> None:
    assert (await recommender.training_rows("csv")).decode() == ",".join([*NAMES, "bought"]) + "\n"
    await bought_together(recommender, 7, 30)
    rows = (await recommender.training_rows("csv")).decode().splitlines()
    assert len(rows) > 30
    assert rows == (await recommender.training_rows("csv")).decode().splitlines()
