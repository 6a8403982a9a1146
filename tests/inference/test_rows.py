"""Rows in JSON become arrays, or a sentence that names the row and the column."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.errors import Invalid
from feria.inference.rows import RowReader
from feria.registry.wire import Column, TabularInput

NUMBERS = RowReader(
    TabularInput(
        columns=(Column(name="age", kind="number"), Column(name="sex", kind="number", nullable=False))
    )
)
MIXED = RowReader(
    TabularInput(
        columns=(
            Column(name="month", kind="text"),
            Column(name="pages", kind="number"),
            Column(name="visitor", kind="text", nullable=False),
        )
    )
)


def test_rows_by_position_and_by_name_are_the_same() -> None:
    by_position = MIXED.read(b'{"rows": [["May", 3, "new"], [null, null, "old"]]}')
    by_name = MIXED.read(b'{"rows": [{"pages": 3, "visitor": "new", "month": "May"}, {"visitor": "old"}]}')
    for table in (by_position, by_name):
        assert table.texts.tolist() == [["May", "new"], ["", "old"]]
        assert table.numbers[0] == 3
        assert np.isnan(table.numbers[1, 0])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b'{"rows": [[1', "not JSON"),
        (b"[]", "The body must be"),
        (b'{"X": [[1]]}', "unknown field"),
        (b'{"rows": [], "more": 1}', "unknown field"),
        (b'{"rows": []}', "no rows"),
        (b'{"rows": [[]]}', "Row 0 has 0 values"),
        (b'{"rows": [[1, 2], [1]]}', "Row 1 has 1 values"),
        (b'{"rows": [[1, 2, 3]]}', "the model takes 2"),
        (b'{"rows": [[1, "2"]]}', "Row 0, column 'sex': '2' is not a number"),
        (b'{"rows": [[1, [2]]]}', "got `array`"),
        (b'{"rows": [[1, null]]}', "column 'sex' may not be empty"),
        (b'{"rows": [{"age": 1}]}', "lacks the column 'sex'"),
        (b'{"rows": [{"age": 1, "sex": 1, "x": 0}]}', "'x' that the model does not know"),
        (b'{"rows": [[1, 1e39]]}', "too large"),
        (b'{"rows": [[1, -1e39]]}', "too large"),
        (b'{"rows": [[1, 1e999]]}', "out of range"),
        (b'{"rows": [[1, NaN]]}', "not JSON"),
        (b'{"rows": [[1, Infinity]]}', "not JSON"),
        (b'\xff{"rows"', "not JSON"),
    ],
)
def test_a_bad_body_is_told_what_is_wrong(body: bytes, said: str) -> None:
    with pytest.raises(Invalid) as raised:
        NUMBERS.read(body)
    assert said in raised.value.message


def test_a_number_where_text_belongs_is_refused() -> None:
    with pytest.raises(Invalid, match=r"Row 0, column 'month': 5.* is not text"):
        MIXED.read(b'{"rows": [[5, 1, "new"]]}')


number = st.none() | st.floats(-(2.0**100), 2.0**100, width=32)


@given(st.lists(st.tuples(number, st.floats(-(2.0**100), 2.0**100, width=32)), min_size=1, max_size=20))
def test_the_fast_way_and_the_slow_way_read_the_same(rows: list[tuple[float | None, float]]) -> None:
    fast = NUMBERS.read(msgspec.json.encode({"rows": rows}))
    slow = NUMBERS.read([dict(zip(("age", "sex"), row, strict=True)) for row in rows])
    np.testing.assert_array_equal(fast.numbers, slow.numbers)


json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)


@given(body=st.binary(max_size=50) | json.map(lambda rows: msgspec.json.encode({"rows": rows})))
def test_whatever_comes_is_a_table_or_invalid(body: bytes) -> None:
    for reader in (NUMBERS, MIXED):
        try:
            table = reader.read(body)
        except Invalid:
            continue
        assert len(table.numbers) == table.n
