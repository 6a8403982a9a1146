"""The checker of real nodes' histories finds what is wrong in histories that are made up."""

import itertools
from pathlib import Path
from typing import Any

from real_nodes.checker import Found, check
from real_nodes.history import Event, Fault, History, Operation, Restored, read

_moments = itertools.count(1)


def _did(kind: Any, key: str = "mug", *, node: int = 1, outcome: Any = "done", **more: Any) -> Operation:
    """One request after the other, unless it says when it was."""
    now = float(next(_moments))
    said = {"invoked": now, "returned": now + 0.5, "outcome": outcome, "status": 200} | more
    return Operation(node, kind, key, **said)


def _put(value: str, version: int = 0, **more: Any) -> Operation:
    return _did("put", value=value, version=version, **more)


def _deleted(version: int = 0, **more: Any) -> Operation:
    return _did("delete", version=version, **more)


def _read(version: int, **more: Any) -> Operation:
    return _did("get", version=version, **more)


def _ended(*events: Event, **final: tuple[int, str]) -> list[str]:
    """What is said when all nodes end with the same."""
    return check(events, {1: final, 2: final}).violations


# ------------------------------------------------------------------------------------- C1
def test_a_history_in_which_all_went_well_is_passed() -> None:
    said = _ended(
        _put("red", 1),
        _put("blue", 2, node=2),
        _put("green", outcome="refused", base=1),
        _read(2, value="blue"),
        Fault(1.0, "kill -9 n1"),
        mug=(2, "blue"),
    )
    assert said == []


def test_an_answered_write_that_is_nowhere_is_found() -> None:
    assert "nobody deleted it" in _ended(_put("red", 1))[0]


def test_a_key_that_ends_below_an_answered_version_is_found() -> None:
    assert "version 2 was answered" in _ended(_put("red", 1), _put("blue", 2), mug=(1, "red"))[0]


def test_a_deletion_that_does_not_last_is_found() -> None:
    assert "version 2 was answered" in _ended(_put("red", 1), _deleted(2), mug=(1, "red"))[0]


def test_a_key_may_be_gone_when_its_deletion_was_perhaps_heard() -> None:
    assert _ended(_put("red", 1), _deleted(outcome="unknown")) == []
    assert _ended(_put("red", 1), _deleted(outcome="refused")) != []


def test_a_deletion_from_before_the_last_write_does_not_explain_that_a_key_is_gone() -> None:
    assert "version 3" in _ended(_put("red", 1), _deleted(2), _put("blue", 3))[0]


def test_a_write_without_an_answer_may_have_happened_or_not() -> None:
    written = (_put("red", 1), _put("blue", outcome="unknown"))
    assert _ended(*written, mug=(1, "red")) == []
    assert _ended(*written, mug=(2, "blue")) == []


def test_a_refused_write_that_shows_is_found() -> None:
    assert "nobody wrote that" in _ended(_put("red", 1), _put("blue", outcome="refused"), mug=(2, "blue"))[0]


def test_a_value_that_nobody_wrote_is_found() -> None:
    assert "nobody wrote that" in _ended(_put("red", 1), mug=(2, "mauve"))[0]
    assert "nobody wrote that" in _ended(mug=(1, "mauve"))[0]


def test_a_value_under_a_version_that_it_was_not_answered_with_is_found() -> None:
    assert "as version 1" in _ended(_put("red", 1), _put("blue", 2), mug=(2, "red"))[0]


def test_of_two_that_wrote_the_same_version_either_may_stay() -> None:
    both = (_put("red", 1), _put("blue", 1, node=2))
    assert _ended(*both, mug=(1, "red")) == []
    assert _ended(*both, mug=(1, "blue")) == []


def test_what_only_a_disk_held_that_was_set_back_is_excused() -> None:
    def lost(**held: list[int]) -> Found:
        written = _put("red", 1, invoked=2.0, returned=3.0)
        return check([written, Restored(1, 1.0, 5.0, 6.0, held)], {1: {}, 2: {}})

    assert lost() == Found([], 1)
    assert "nobody deleted it" in lost(mug=[1]).violations[0]


def test_what_a_disk_held_before_its_backup_is_not_excused() -> None:
    written = _put("red", 1, invoked=2.0, returned=3.0)
    found = check([written, Restored(1, 4.0, 5.0, 6.0, {})], {1: {}, 2: {}})
    assert found.excused == 0
    assert len(found.violations) == 2


def test_what_another_node_answered_is_not_excused() -> None:
    written = _put("red", 1, node=2, invoked=2.0, returned=3.0)
    assert len(check([written, Restored(1, 1.0, 5.0, 6.0, {})], {1: {}, 2: {}}).violations) == 2


def test_a_row_may_be_written_anew_after_a_disk_was_set_back() -> None:
    """Above a deletion that is forgotten, by rule R6."""
    written = _put("red", 1, invoked=2.0, returned=3.0)
    assert _ended(written, mug=(4, "red")) != []
    assert _ended(written, Restored(2, 1.0, 5.0, 6.0, {"mug": [1]}), mug=(4, "red")) == []


# ------------------------------------------------------------------------------------- C2
def test_nodes_that_differ_are_found() -> None:
    written = [_put("red", 1), _put("blue", 1, node=2)]
    assert check(written, {1: {"mug": (1, "red")}, 2: {"mug": (1, "red")}}).violations == []
    for other in ({"mug": (1, "blue")}, {"mug": (2, "red")}, {}):
        found = check(written, {1: {"mug": (1, "red")}, 2: other})
        assert any(said.startswith("C2") for said in found.violations)


# ------------------------------------------------------------------------------------- C4
def test_a_version_that_goes_back_at_one_node_is_found() -> None:
    assert "C4" in _ended(_put("red", 1), _put("blue", 2), _read(1), mug=(2, "blue"))[0]
    assert _ended(_put("red", 1), _put("blue", 2), _read(1, node=2), mug=(2, "blue")) == []


def test_a_write_that_was_answered_with_a_version_there_was_is_found() -> None:
    assert any("C4" in said for said in _ended(_put("red", 1), _put("blue", 1), mug=(1, "blue")))


def test_requests_that_overlap_may_see_either_version() -> None:
    slow = _read(1, invoked=1.0, returned=4.0)
    quick = _put("blue", 2, invoked=2.0, returned=3.0)
    assert _ended(_put("red", 1, invoked=0.0, returned=0.5), quick, slow, mug=(2, "blue")) == []


def test_an_answer_without_a_version_says_nothing_about_it() -> None:
    assert _ended(_put("red", 1), _deleted(2), _read(0, outcome="refused")) == []


def test_versions_may_go_back_where_the_disk_did() -> None:
    """Once: from there they count on."""
    written = _put("red", 5, invoked=2.0, returned=3.0)
    back = Restored(1, 1.0, 4.0, 6.0, {})
    again = _put("blue", 1, invoked=7.0, returned=8.0)
    assert _ended(written, back, again, mug=(1, "blue")) == []
    twice = _put("grey", 1, invoked=9.0, returned=9.5)
    assert any("C4" in said for said in _ended(written, back, again, twice, mug=(1, "grey")))


# ----------------------------------------------------------------------------- conditions
def test_two_writes_that_demanded_the_same_version_of_one_node_are_found() -> None:
    told = [_put("red", 1), _put("blue", 2, base=1), _put("grey", 3, base=1)]
    assert any(said.startswith("Conditions: n1 answered both") for said in _ended(*told, mug=(3, "grey")))


def test_two_nodes_may_grant_the_same_demand() -> None:
    told = [_put("red", 1), _put("blue", 2, base=1), _put("grey", 2, base=1, node=2)]
    assert _ended(*told, mug=(2, "grey")) == []


def test_a_write_that_leaves_the_version_it_demanded_is_found() -> None:
    said = _ended(_put("red", 3), _put("blue", 3, base=3, node=2), mug=(3, "blue"))
    assert any(one.startswith("Conditions: mug went from version 3 to 3") for one in said)


# ------------------------------------------------------------------------------- the file
def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    back = Restored(2, 1.0, 2.0, 3.0, {"mug": [1, 2]})
    events: list[Event] = [_put("red", 1), back, Fault(4.0, "kill -9 n1")]
    history = History(tmp_path / "history.jsonl")
    for event in events:
        history.add(event)
    history.close()
    assert read(history.file) == events
