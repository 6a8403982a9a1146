"""The arithmetic behind the figures."""

import json
from pathlib import Path

import pytest
from bench.contenders import Sample
from bench.load import Order, percentile, requests, whole_length
from bench.report import Grid, Outcome, Promise
from bench.rounds import Rounds, Spread, spread, take_turns

from bench import report


def sample(rate: float, p50: float = 1.0) -> Sample:
    return Sample(rate=rate, p50=p50, p99=9.0, cpu=0.5, rss=100.0, client=0.2)


class Steady:
    """Does each turn a little less than the last, and notes whose turn it was."""

    def __init__(self, name: str, rates: list[float], turns: list[tuple[str, int]]) -> None:
        self.name = name
        self._rates = iter(rates)
        self._turns = turns

    def measure(self, connections: int, seconds: float) -> Sample:
        self._turns.append((self.name, connections))
        return sample(next(self._rates))


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100), (0.001, 1)]
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, expected: float) -> None:
    assert percentile([float(n) for n in range(1, 101)], share) == expected


def test_a_percentile_of_one_is_that_one_and_of_none_is_zero() -> None:
    assert percentile([7.0], 0.99) == 7
    assert percentile([], 0.5) == 0


def test_a_spread_has_the_median_and_both_ends() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([4.0, 2.0]) == Spread(3.0, 2.0, 4.0)


def test_a_ratio_is_taken_round_by_round() -> None:
    rounds = Rounds()
    for ours, floor in ((10, 20), (90, 100), (8, 10)):
        rounds.add("ours", 32, sample(ours))
        rounds.add("floor", 32, sample(floor))
    assert rounds.ratio("ours", "floor", 32) == Spread(0.8, 0.5, 0.9)
    assert rounds.rate("ours", 32) == Spread(10, 8, 90)


def test_contenders_take_turns_and_each_round_another_begins() -> None:
    turns: list[tuple[str, int]] = []
    ours, floor = Steady("ours", [4, 3, 2, 1], turns), Steady("floor", [8, 8, 8, 8], turns)
    taken = take_turns([ours, floor], (1, 10), 2, 0.0, lambda _: None)
    assert turns == [
        *(("ours", 1), ("floor", 1), ("ours", 10), ("floor", 10)),
        *(("floor", 1), ("ours", 1), ("floor", 10), ("ours", 10)),
    ]
    assert taken.ratio("ours", "floor", 1) == Spread(0.375, 0.25, 0.5)


def test_an_answer_is_whole_when_its_length_is_there() -> None:
    answer = b"HTTP/1.1 200 OK\r\ndate: now\r\nContent-Length: 5\r\n\r\nhello"
    assert whole_length(answer) == len(answer)
    assert whole_length(answer[:20]) == 0
    assert whole_length(answer[:-3]) == len(answer)
    with pytest.raises(ValueError, match="without a length"):
        whole_length(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


def test_a_request_says_how_long_it_is() -> None:
    order = Order(1, "/p", {"content-type": "image/jpeg"}, [b"abc"], 1, 1.0, 0.0, 1, 1)
    assert list(requests(order)) == [
        b"POST /p HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/jpeg\r\ncontent-length: 3\r\n\r\nabc"
    ]


@pytest.mark.parametrize(
    ("value", "target", "met"),
    [(0.8, "≥ 0.8", True), (0.79, "≥ 0.8", False), (1.9, "< 2 s", True), (2.0, "< 2 s", False)],
)
def test_a_promise_is_kept_when_its_target_is_reached(value: float, target: str, met: bool) -> None:
    assert Promise("p", "", "", "", value, target).met is met


def test_a_row_has_the_form_that_others_read() -> None:
    promise = Promise("row-predict", "8 rows/s", "bare", "10 rows/s", 0.80001, "≥ 0.8")
    row = promise.row("2026-01-01", {"python": "3.11"})
    assert "additions" in row.pop("machine")
    assert row == {
        "promise": "row-predict",
        "ours": "8 rows/s",
        "floor_or_peer": "bare: 10 rows/s",
        "ratio": 0.8,
        "target": "≥ 0.8",
        "met": True,
        "versions": {"python": "3.11"},
        "date": "2026-01-01",
    }


def test_new_rows_replace_those_beside_the_same_other_and_no_more() -> None:
    def row(promise: str, beside: str, ratio: float) -> dict[str, object]:
        return {"promise": promise, "floor_or_peer": beside, "ratio": ratio}

    held = [row("a", "floor: 10", 1), row("a", "peer: 5", 2), row("b", "floor: 9", 3)]
    assert report.merged(held, [row("a", "floor: 12", 4)]) == [
        row("a", "floor: 12", 4),
        row("a", "peer: 5", 2),
        row("b", "floor: 9", 3),
    ]


def test_figures_keep_three_digits_that_matter() -> None:
    assert [report.number(n) for n in (12345.6, 99.94, 1.234, 0.1234, 0.01234)] == [
        "12,346",
        "99.9",
        "1.23",
        "0.12",
        "0.012",
    ]


def test_a_table_is_one_in_markdown() -> None:
    assert Grid("T", ("a", "b"), [("x", "1")]).markdown() == "**T**\n\n| a | b |\n|---|---:|\n| x | 1 |\n"


def test_what_people_wrote_on_the_page_stays(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text(
        "Above.\n<!-- bench: promises -->\nold\n<!-- end: promises -->\nBetween.\n"
        "<!-- bench: rows -->\nold\n<!-- end: rows -->\nBelow.\n"
    )
    promise = Promise("row-predict", "8 rows/s", "bare", "10 rows/s", 0.8, "≥ 0.8")
    outcome = Outcome("rows", [Grid("T", ("a", "b"), [("x", "1")])], [promise], ["A note."])
    for _ in range(2):  # the second time changes nothing
        report.write(outcome, results, page)
        assert [row["ratio"] for row in json.loads(results.read_text())] == [0.8]
        text = page.read_text()
        assert "old" not in text
        assert text.count("| x | 1 |") == text.count("A note.") == text.count("`row-predict`") == 1
        assert [word for word in ("Above.\n", "Between.\n", "Below.\n") if word not in text] == []


def test_a_page_without_a_place_for_the_figures_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 places for 'rows'"):
        report.replaced("nothing here", "rows", "text")


def test_the_page_has_a_place_for_every_script() -> None:
    from bench.__main__ import SCRIPTS

    text = report.PAGE.read_text(encoding="utf-8")
    for name in ("promises", "peers", *SCRIPTS):
        report.replaced(text, name, "")
