"""What Prometheus is told."""

import re
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

import nets
from feria.app import open_app
from feria.node import Node, open_node
from feria.settings import InferenceSettings, Settings
from feria.telemetry.metrics import Histogram, Metrics

NAME = re.compile(r"\bferia_[a-z_]+")
GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "watch-a-node.md"


def figure(families: Iterable[Metric], name: str, **labels: str) -> float:
    found = [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    assert len(found) == 1, (name, labels, found)
    return found[0]


async def scrape(http: httpx.AsyncClient) -> list[Metric]:
    answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return list(parse(answer.text))


async def publish(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.post(f"/v1/models/{name}", files={"file": nets.linear([1.0])})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("inline", [0, 1_000_000], ids=["in a thread", "on the loop"])
async def test_a_prediction_is_measured_from_end_to_end(settings: Settings, inline: int) -> None:
    settings = settings.model_copy(update={"inference": InferenceSettings(inline_microseconds=inline)})
    async with (
        open_app(settings) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http,
    ):
        await publish(http, "one")
        for _ in range(3):
            assert (await http.post("/v1/models/one/predict", json={"rows": [[1]]})).status_code == 200
        families = await scrape(http)
    assert figure(families, "feria_prediction_seconds_count", model="one") == 3
    assert 0 < figure(families, "feria_prediction_seconds_sum", model="one") < 3
    assert figure(families, "feria_inference_seconds_count", model="one") == 3
    waited = 0 if inline else 3
    assert figure(families, "feria_prediction_wait_seconds_count") == waited
    assert figure(families, "feria_batch_size_sum") == waited
    assert figure(families, "feria_answers_total", status="200") == 3
    assert figure(families, "feria_answers_total", status="201") == 1


async def test_refusals_are_counted_by_reason_and_unknown_names_are_no_labels(settings: Settings) -> None:
    async with (
        open_app(settings) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http,
    ):
        await publish(http, "one")
        await http.post("/v1/models/one/predict", content=b"{")
        await http.post("/v1/models/one/train", headers={"Content-Length": "99999999"}, content=b"{")
        await http.get("/v1/models/one/versions/7")
        await http.get("/nowhere")
        for number in range(20):
            await http.post(f"/v1/models/made-up-{number}/predict", json={"rows": [[1]]})
        families = await scrape(http)
    assert figure(families, "feria_refusals_total", reason="invalid") == 1
    assert figure(families, "feria_refusals_total", reason="too_large") == 1
    assert figure(families, "feria_refusals_total", reason="not_found") == 22
    assert not [s for family in families for s in family.samples if "made-up" in str(s.labels)]


async def test_a_deleted_model_is_no_label_any_longer(settings: Settings) -> None:
    async with (
        open_app(settings) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http,
    ):
        await publish(http, "one")
        await http.post("/v1/models/one/predict", json={"rows": [[1]]})
        assert 'model="one"' in (await http.get("/metrics")).text
        await http.delete("/v1/models/one")
        assert 'model="one"' not in (await http.get("/metrics")).text


async def test_who_accepts_openmetrics_gets_it(http: httpx.AsyncClient) -> None:
    answer = await http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in parse_openmetrics(answer.text)}
    assert {"feria_answers", "feria_event_loop_lag_seconds", "process_cpu_seconds"} <= names


async def test_who_accepts_a_version_that_is_none_gets_text(http: httpx.AsyncClient) -> None:
    answer = await http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=newest"})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/plain")


async def test_two_nodes_in_one_process_count_apart(tmp_path: Path) -> None:
    async with (
        open_node(Settings(home=tmp_path / "a", _env_file=None)) as a,
        open_node(Settings(home=tmp_path / "b", _env_file=None)) as b,
    ):
        a.parts[Metrics].answers.add(200)
        assert b'feria_answers_total{status="200"} 1.0' in (await a.parts[Metrics].expose())[0]
        assert b"feria_answers_total{" not in (await b.parts[Metrics].expose())[0]


@given(st.lists(st.sampled_from([0.5, 1.0, 1.5, 2.0, 9.0])))
def test_a_bucket_counts_what_is_at_most_its_bound(figures: list[float]) -> None:
    histogram = Histogram("h", "H.", (1.0, 2.0))
    for one in figures:
        histogram.observe(one)
    families = list(histogram.collect())
    for bound in ("1.0", "2.0", "+Inf"):
        at_most = sum(one <= float(bound) for one in figures)
        assert figure(families, "h_bucket", le=bound) == at_most
    assert figure(families, "h_count") == len(figures)
    assert figure(families, "h_sum") == sum(figures)


def test_the_guides_rules_ask_for_what_it_lists() -> None:
    guide = GUIDE.read_text("utf-8")
    listed = set(re.findall(r"^\| `(feria_\w+)", guide, re.M))
    asked = {name for block in re.findall(r"```yaml\n(.*?)```", guide, re.S) for name in NAME.findall(block)}
    assert asked
    assert {name.removesuffix("_bucket") for name in asked} <= listed


async def test_the_guide_lists_what_a_node_tells_and_nothing_else(node: Node) -> None:
    listed = dict(re.findall(r"^\| `(feria_\w+)(?:{\w+})?` \|([^|]+)\|", GUIDE.read_text("utf-8"), re.M))
    told = {
        family.name + ("_total" if family.type == "counter" else ""): family.documentation
        for family in parse((await node.parts[Metrics].expose())[0].decode())
        if family.name.startswith("feria_")
    }
    told["feria_connections"] = "Open connections."  # the server's, which a node in a test has none of
    assert {name: text.strip() for name, text in listed.items()} == told
