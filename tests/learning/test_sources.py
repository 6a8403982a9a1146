"""What a file or a body must be to be learned from, and what is said when it is not."""

import gzip
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.errors import FeriaError, Invalid, TooLarge
from feria.learning import sources
from feria.learning.sources import Limits, Table, read_file, read_rows

LIMITS = Limits(rows=1000, columns=20)


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(content: bytes | str, limits: Limits = LIMITS) -> Table:
        path = tmp_path / "upload"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_file(path, limits)

    return read


def columns(table: Table) -> dict[str, list[Any]]:
    return table.frame.to_dict(as_series=False)


# ------------------------------------------------------------------- files that are read
def test_cells_are_numbers_texts_true_or_false_or_missing(read: Any) -> None:
    table = read("age,city,member,note\n63,Vigo,TRUE,\n41.5,NA,false,?\n , Lugo,,\n")
    assert columns(table) == {
        "age": [63, 41.5, None],
        "city": ["Vigo", None, " Lugo"],
        "member": [True, False, None],
        "note": [None, None, None],
    }
    assert table.first == 1
    assert table.origin["format"] == "csv"
    assert len(table.origin["sha256"]) == 64


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_header_shows_what_separates_columns(read: Any, separator: str) -> None:
    assert columns(read(f"a{separator}b\n1{separator}x\n")) == {"a": [1], "b": ["x"]}


def test_quotes_line_ends_marks_and_blank_lines_do_not_matter(read: Any) -> None:
    table = read(b'\xef\xbb\xbf"a, or so",b \r\n1,"two\nlines"\r\n\r\n3,"say ""so"""\r\n')
    assert table.frame.drop_nulls().to_dict(as_series=False) == {
        "a, or so": [1, 3],
        "b": ["two\nlines", 'say "so"'],
    }


def test_packed_files_and_parquet_are_known_by_their_content(read: Any, tmp_path: Path) -> None:
    assert columns(read(gzip.compress(b"a,b\n1,x\n") + gzip.compress(b"2,y\n"))) == {
        "a": [1, 2],
        "b": ["x", "y"],
    }
    frame = pl.DataFrame({"x": [1.5, float("nan")], "c": pl.Series(["a", ""], dtype=pl.Categorical)})
    frame.write_parquet(tmp_path / "table")
    table = read((tmp_path / "table").read_bytes())
    assert columns(table) == {"x": [1.5, None], "c": ["a", None]}
    assert table.origin["format"] == "parquet"


def test_row_numbers_without_a_name_are_left_out(read: Any) -> None:
    """They are often in the order of the classes, and would give them away."""
    table = read(",a,y\n0,5,no\n1,6,yes\n")
    assert table.frame.columns == ["a", "y"]
    assert table.notes == ["1 column without a name, such as row numbers, was left out."]


def test_a_column_of_few_numbers_among_words_stays_a_column_of_words(read: Any) -> None:
    assert columns(read("size\nS\nM\n40\n42\n")) == {"size": ["S", "M", "40", "42"]}


# ------------------------------------------------------------------- files that are refused
TYPO = "age\n" + "".join(f"{i}\n" for i in range(40)) + "4l\n"
PARQUET = b"PAR1 and then nothing that Parquet would hold PAR1"


@pytest.mark.parametrize(
    ("content", "said", "details"),
    [
        (b"", "The file is empty.", {}),
        (b"a,b\n", "The file has a header and no rows.", {}),
        (b"\n\n1,2\n", "The first line must name the columns; it is empty.", {}),
        (b"1,2\n3,4\n", "The first line must name the columns; it holds only numbers.", {}),
        (b"a,b,a\n1,2,3\n", "Two columns are called 'a'.", {"column": "a"}),
        (b"a,b\n1,2\n3\n", "Line 3 has 1 values; the header names 2 columns.", {"line": 3}),
        (b"a,b\n1,2\n3,4,5\n", "Line 3 has 3 values; the header names 2 columns.", {"line": 3}),
        (b'a,b\n1,"x\n2,y\n', "Line 3 is not CSV: unexpected end of data.", {"line": 3}),
        (
            "a,b\n1,x\n2,ñ\n".encode("latin-1"),
            "Line 3 is not UTF-8 text; save the file as UTF-8.",
            {"line": 3},
        ),
        ("a,b\n1,2\n".encode("utf-16"), "Line 1 is not UTF-8 text; save the file as UTF-8.", {"line": 1}),
        (b"\x7fELF\x00\x01\x02", "The file is neither CSV nor Parquet.", {"line": 1}),
        (b"PK\x03\x04...", "The file is a ZIP archive or a spreadsheet; save it as CSV or Parquet.", {}),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-4], "The file cannot be unpacked:", {}),
        (b"\x1f\x8b and no more gzip than that", "The file cannot be unpacked:", {}),
        (PARQUET, "The file cannot be read as Parquet:", {}),
        (
            TYPO.encode(),
            "Row 41, column 'age': '4l' is not a number, and nearly",
            {"row": 41, "column": "age"},
        ),
    ],
)
def test_a_file_that_will_not_do_is_refused_with_the_place(
    read: Any, content: bytes, said: str, details: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as raised:
        read(content)
    assert raised.value.message.startswith(said)
    assert raised.value.details == details


def test_too_many_rows_or_columns_are_refused(read: Any, tmp_path: Path) -> None:
    long, wide = "a\n" + "1\n" * 5000, ",".join(f"c{i}" for i in range(50)) + "\n" + ",".join("1" * 50) + "\n"
    for content in (long, wide, gzip.compress(long.encode())):
        with pytest.raises(TooLarge):
            read(content)
    pl.DataFrame({"a": range(5000)}).write_parquet(tmp_path / "long")
    with pytest.raises(TooLarge):
        read((tmp_path / "long").read_bytes())


def test_a_bomb_is_refused_before_it_is_large(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_UNPACKED", 2**20)
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 2**20)
    assert len(bomb) < 2**15
    with pytest.raises(TooLarge, match="Unpacked"):
        read(bomb, Limits(10**9, 10))


def test_a_line_without_end_is_no_csv(read: Any) -> None:
    with pytest.raises(Invalid, match="neither CSV nor Parquet"):
        read(gzip.compress(b"a" * (sources.MAX_LINE + 1)))


@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_whatever_the_bytes_there_is_a_table_or_a_sentence(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    for packed in (content, gzip.compress(content, mtime=0), b"PAR1" + content):
        path.write_bytes(packed)
        with suppress(FeriaError):
            assert 0 < read_file(path, LIMITS).frame.height <= LIMITS.rows


# ------------------------------------------------------------------- rows in JSON
def test_rows_by_name_and_rows_by_place_are_the_same_table() -> None:
    by_name = read_rows([{"a": 1, "b": None, "c": True}, {"c": False, "a": 2.5, "b": "x"}], None, LIMITS)
    by_place = read_rows([[1, None, True], [2.5, "x", False]], ["a", "b", "c"], LIMITS)
    assert columns(by_name) == columns(by_place) == {"a": [1, 2.5], "b": [None, "x"], "c": [True, False]}
    assert by_name.first == 0


@pytest.mark.parametrize(
    ("rows", "names", "said", "details"),
    [
        ([], None, "There are no rows.", {}),
        ([[1, 2]], None, "Rows that are lists need `columns`, the names of their places.", {}),
        ([{"a": 1}], ["a"], "`columns` names the places of rows that are lists;", {}),
        ([[1, 2], [3]], ["a", "b"], "Row 1 has 1 values; there are 2 columns.", {"row": 1}),
        ([[1, 2], [3, 4, 5]], ["a", "b"], "Row 1 has 3 values; there are 2 columns.", {"row": 1}),
        ([[1], {"a": 1}], ["a"], "Row 1 is not like the others:", {"row": 1}),
        ([{"a": 1}, [1]], None, "Row 1 is not like the others:", {"row": 1}),
        ([[1], 2], ["a"], "Row 1 is not like the others:", {"row": 1}),
        ([7], ["a"], "Row 0 is not like the others:", {"row": 0}),
        (
            [{"a": 1, "b": 2}, {"a": 1}],
            None,
            "Row 1 lacks the column 'b'; a missing value is null.",
            {"row": 1},
        ),
        ([{"a": 1}, {"a": 1, "z": 2}], None, "Row 1 has a column 'z' that row 0 does not have.", {"row": 1}),
        ([[1, 2]], ["a", "a"], "Two columns are called 'a'.", {"column": "a"}),
        ([[1], ["x"]], ["a"], "Row 1, column 'a': 'x' is text among numbers.", {"row": 1, "column": "a"}),
        ([["x"], [None], [1]], ["a"], "Row 2, column 'a': 1 is a number among texts.", None),
        ([["x"], [True]], ["a"], "Row 1, column 'a': True is a number among texts.", None),
        ([[[1]]], ["a"], "Row 0, column 'a': [1] is neither number nor text.", None),
        ([[1], [{}]], ["a"], "Row 1, column 'a': {} is neither number nor text.", None),
        ([[float("nan")]], ["a"], "Row 0, column 'a': nan is no number a model can take; a missing", None),
        ([[1], [float("-inf")]], ["a"], "Row 1, column 'a': -inf is no number", {"row": 1, "column": "a"}),
        ([[1e39]], ["a"], "Row 0, column 'a': 1e+39 is no number a model can take", None),
        ([[10**400]], ["a"], "Row 0, column 'a': that many digits is no number", None),
        ([["\ud800"]], ["a"], "Column 'a' holds a text that is not Unicode.", {"column": "a"}),
    ],
)
def test_rows_that_will_not_do_are_refused_with_the_place(
    rows: list[Any], names: list[str] | None, said: str, details: dict[str, Any] | None
) -> None:
    with pytest.raises(Invalid) as raised:
        read_rows(rows, names, LIMITS)
    assert raised.value.message.startswith(said)
    if details is not None:
        assert raised.value.details == details


def test_too_many_inline_rows_or_columns_are_refused() -> None:
    with pytest.raises(TooLarge, match="more than the 1,000 rows"):
        read_rows([[1]] * 1001, ["a"], LIMITS)
    with pytest.raises(TooLarge, match="21 columns"):
        read_rows([[1] * 21], [f"c{i}" for i in range(21)], LIMITS)


def test_dates_are_kept_for_the_next_step_to_refuse(tmp_path: Path) -> None:
    pl.DataFrame({"day": [date(2026, 1, 1)]}).write_parquet(tmp_path / "days")
    assert read_file(tmp_path / "days", LIMITS).frame.schema["day"] == pl.Date
