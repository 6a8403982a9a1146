"""What every disk of rows promises: SQLite in a file, SQLite in memory, and the simulator's."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feria.cluster.disk import LOSERS, Disk
from feria.cluster.rows import Row
from feria.cluster.sqlite_disk import open_disk
from simulations.memory_disk import MemoryDisk


@pytest.fixture(params=["file", "sqlite in memory", "simulated"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Disk]:
    if request.param == "simulated":
        yield MemoryDisk()
        return
    made = open_disk(tmp_path / "kv.db" if request.param == "file" else None)
    yield made
    made.close()


def row(key: str, seq: int, *, value: bytes | None = b"v", origin: int = 1, version: int = 1) -> Row:
    return Row(key, value, version, 0, origin, seq)


def test_a_key_has_one_row_the_last_that_was_kept(disk: Disk) -> None:
    disk.keep(row("a", 1), 1)
    disk.keep(row("a", 2, value=None), 2)
    disk.commit()
    assert disk.row("a") == row("a", 2, value=None)
    assert disk.row("b") is None
    assert disk.changed(0, 10) == [(2, row("a", 2, value=None))]


def test_rows_of_an_origin_come_in_the_order_they_were_written(disk: Disk) -> None:
    for place, (key, seq) in enumerate((("c", 3), ("a", 1), ("b", 2), ("d", 4)), start=1):
        disk.keep(row(key, seq), place)
    disk.keep(row("other", 9, origin=2), 5)
    assert [found.seq for found in disk.beyond(1, 1, 2)] == [2, 3]
    assert [found.seq for found in disk.beyond(1, 4, 2)] == []


def test_keys_are_ordered_by_their_code_points_reserved_ones_first(disk: Disk) -> None:
    keys = ["\x00members/a", "", "a", "aa", "b", "á", "\ue000", "\U0001f600"]
    for place, key in enumerate(reversed(keys), start=1):
        disk.keep(row(key, place), place)
    assert [found.key for found in disk.between("", None, 20)] == [key for key in sorted(keys) if key]
    assert [found.key for found in disk.between("a", "b", 20)] == ["aa", "b"]
    assert [found.key for found in disk.between("a", None, 1)] == ["aa"]


def test_tombstones_are_found_up_to_a_write_with_their_places(disk: Disk) -> None:
    for seq in (1, 2, 3, 4):
        disk.keep(row(f"k{seq}", seq, value=None if seq % 2 else b""), seq + 10)
    assert [(place, found.seq) for place, found in disk.tombstones(1, 3, 10)] == [(11, 1), (13, 3)]
    assert [found.seq for _, found in disk.tombstones(1, 4, 1)] == [1]
    assert disk.tombstones(2, 9, 10) == []


def test_places_are_not_given_again_when_rows_go(disk: Disk) -> None:
    disk.keep(row("a", 1), 7)
    disk.drop("a")
    disk.commit()
    assert disk.last_place() == 7
    assert disk.row("a") is None


def test_the_last_losers_of_a_key_are_kept_and_each_once(disk: Disk) -> None:
    for seq in range(1, LOSERS + 3):
        disk.lose(row("a", seq))
        disk.lose(row("a", seq))
    disk.lose(row("b", 99))
    assert [lost.seq for lost in disk.losers("a")] == list(range(LOSERS + 2, 2, -1))
    disk.keep(row("a", 50), 1)
    disk.drop("a")
    assert disk.losers("a") == []
    assert [lost.seq for lost in disk.losers("b")] == [99]


def test_what_is_known_of_the_rows_is_kept(disk: Disk) -> None:
    disk.advance({1: 5, 2: 1})
    disk.advance({1: 6, 2: 0})
    disk.collect({1: 4})
    disk.raise_floors({0: 3, 1023: 9})
    disk.raise_floors({0: 4})
    disk.take_note("name", b"\x00x")
    disk.take_note("gone", b"x")
    disk.take_note("gone", None)
    disk.commit()
    assert disk.vector() == {1: 6}
    assert disk.collected() == {1: 4}
    assert disk.floors() == {0: 4, 1023: 9}
    assert (disk.note("name"), disk.note("gone")) == (b"\x00x", None)


def test_what_was_not_committed_is_forgotten_as_a_whole(disk: Disk) -> None:
    disk.keep(row("a", 1), 1)
    disk.advance({1: 1})
    disk.commit()
    disk.keep(row("a", 2), 2)
    disk.keep(row("b", 3), 3)
    disk.advance({1: 3})
    disk.take_note("x", b"")
    disk.lose(row("a", 1))
    disk.rollback()
    assert disk.row("a") == row("a", 1)
    assert disk.row("b") is None
    assert (disk.vector(), disk.note("x"), disk.losers("a"), disk.last_place()) == ({1: 1}, None, [], 1)


def test_what_is_committed_is_owed_to_the_disk_until_it_is_synced(disk: Disk) -> None:
    assert disk.is_synced
    disk.keep(row("a", 1), 1)
    disk.commit()
    disk.sync()
    assert disk.is_synced
    disk.sync()
    assert disk.row("a") == row("a", 1)


# ------------------------------------------------------------------------------------ both do the same
KEYS = st.sampled_from(["", "a", "b", "ñ", "\x00m"])
NUMBERS = st.integers(min_value=1, max_value=6)
ROWS = st.builds(
    Row,
    st.sampled_from(["a", "b", "ñ", "\x00m"]),
    st.sampled_from([None, b"", b"x"]),
    NUMBERS,
    NUMBERS,
    st.sampled_from([1, 2, 2**63 - 1]),
    NUMBERS,
)
VECTORS = st.dictionaries(st.sampled_from([1, 2, 3]), NUMBERS, min_size=1)
Deed = Callable[[Disk], None]
DEEDS: st.SearchStrategy[Deed] = st.one_of(
    st.tuples(ROWS).map(lambda said: lambda disk: disk.keep(said[0], disk.last_place() + 1)),
    KEYS.map(lambda key: lambda disk: disk.drop(key)),
    ROWS.map(lambda lost: lambda disk: disk.lose(lost)),
    VECTORS.map(lambda entries: lambda disk: disk.advance(entries)),
    VECTORS.map(lambda entries: lambda disk: disk.collect(entries)),
    VECTORS.map(lambda floors: lambda disk: disk.raise_floors(floors)),
    st.tuples(KEYS, st.sampled_from([None, b"", b"n"])).map(
        lambda said: lambda disk: disk.take_note(f"n{said[0]}", said[1])
    ),
    st.just(lambda disk: disk.commit()),
    st.just(lambda disk: disk.sync()),
    st.just(lambda disk: disk.rollback()),
)


def everything(disk: Disk) -> list[object]:
    keys = ["", "a", "b", "ñ", "\x00m"]
    return [
        disk.changed(0, 100),
        disk.changed(2, 2),
        disk.between("", None, 100),
        disk.between("a", "b", 100),
        [disk.beyond(origin, seq, 2) for origin in (1, 2) for seq in (0, 3)],
        [[found.key for _, found in disk.tombstones(origin, 4, 5)] for origin in (1, 2)],
        [disk.losers(key) for key in keys],
        [disk.note(f"n{key}") for key in keys],
        disk.vector(),
        disk.collected(),
        disk.floors(),
        disk.last_place(),
        disk.counts(),
    ]


@settings(max_examples=200, deadline=None)
@given(deeds=st.lists(DEEDS, max_size=25))
def test_the_simulated_disk_does_what_sqlite_does(deeds: list[Deed]) -> None:
    sqlite, simulated = open_disk(None), MemoryDisk()
    dots: set[tuple[int, int]] = set()
    try:
        for deed in deeds:
            deed(sqlite)
            deed(simulated)
            found = [row.dot for _, row in simulated.changed(0, 100)]
            dots.update(found)
            if len(found) != len(set(found)):
                return  # two keys of one dot: no member writes that, and their order is nobody's promise
            assert everything(sqlite) == everything(simulated)
    finally:
        sqlite.close()
