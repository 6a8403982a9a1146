"""Rows of files, as a model takes them; or a sentence that names row and column."""

import gzip
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.cli.predicting import writing
from feria.cli.rows import RowFile
from feria.errors import Invalid
from feria.registry.wire import Column, TabularInput

WANTED = TabularInput(
    columns=(
        Column(name="age", kind="number", nullable=False),
        Column(name="chol", kind="number"),
        Column(name="town", kind="text"),
    )
)


def rows_of(file: Path, height: int = 100) -> list[tuple[Any, ...]]:
    found = RowFile(file, WANTED, "heart@1")
    rows: list[tuple[Any, ...]] = []
    for table, _ in found.pieces(height):
        rows += found.read(table, len(rows))
    return rows


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "rows.csv"
    file.write_bytes(text.encode(encoding))
    return file


@pytest.mark.parametrize(
    "text",
    [
        "age,chol,town\n63,233.5,Lima\n41,,\n",
        "town;age;id;chol\nLima;63;x;233.5\n;41;y;NA\n",
        "\ufefftown\tage\tchol\r\nLima\t 63 \t2335e-1\r\n?\t4.1e1\tnan\r\n",
        'age,chol,town,note\n63,233.5,"Lima","two\nlines, one value"\n\n41,?,,x\n',
        ",age,chol,town\n0,63,233.5,Lima\n1,41,null,NULL\n",
        " age , chol,town\n63,233.5,Lima\n41, ,N/A\n",
    ],
)
def test_csv_in_all_its_dialects_is_the_same_rows(text: str, tmp_path: Path) -> None:
    assert rows_of(written(tmp_path, text)) == [(63.0, 233.5, "Lima"), (41.0, None, None)]


def test_a_gzipped_file_is_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv.gz"
    file.write_bytes(gzip.compress(b"age,chol,town\n63,TRUE,Lima\n41,false,Lima\n"))
    assert rows_of(file) == [(63.0, 1.0, "Lima"), (41.0, 0.0, "Lima")]


def test_parquet_is_read_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    frame = pl.DataFrame(
        {
            "town": pl.Series(["Lima", None, "Cusco"], dtype=pl.Categorical),
            "age": [63, 41, 50],
            "chol": [True, None, False],
            "id": [date(2026, 1, 1)] * 3,
        }
    )
    frame.write_parquet(file)
    assert rows_of(file, 2) == [(63.0, 1.0, "Lima"), (41.0, None, None), (50.0, 0.0, "Cusco")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("age,chol,town\n63,1,Lima\nold,1,Lima\n", "row 2, column 'age': 'old' is not a number."),
        ("age,chol,town\n63,1,Lima\n,1,Lima\n", "row 2, column 'age': may not be empty."),
        ("age,chol,town\n63,1,Lima\n?,1,Lima\n", "row 2, column 'age': '?' may not be empty."),
        ("age,chol,town\n63,inf,Lima\n", "row 1, column 'chol': 'inf' is larger than any number"),
        ("age,chol,town\n63,1e39,Lima\n", "row 1, column 'chol': '1e39' is larger than any number"),
        ("age,chol,town\n63,1\n", "line 2, has 2 values; the header names 3 columns."),
        ('age,chol,town\n63,1,"a\nb"\n63,1,2,3\n', "line 4, has 4 values; the header names 3 columns."),
        ('age,chol,town\n63,1,"Lima\n', "cannot be read as CSV or Parquet: unexpected end of data."),
        ("age,town\n63,Lima\n", "lacks 'chol', which heart@1 takes."),
        ("id\n63\n", "lacks 'age', 'chol', 'town', which heart@1 takes."),
        ("", "has no header: its first line must name the columns."),
        ("\n63\n", "has no header: its first line must name the columns."),
        ("age,age,chol,town\n1,2,3,4\n", "has two columns called 'age'."),
        ("PAR1 but not really", "cannot be read as CSV or Parquet"),
    ],
)
def test_what_a_model_cannot_take_is_said_by_row_and_column(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        rows_of(written(tmp_path, text))
    assert said in caught.value.message


def test_rows_are_counted_through_all_pieces(tmp_path: Path) -> None:
    text = "age,chol,town\n" + "63,1,Lima\n" * 250 + "x,1,Lima\n"
    with pytest.raises(Invalid, match="row 251, column 'age'") as caught:
        rows_of(written(tmp_path, text), height=100)
    assert caught.value.details == {"row": 251, "column": "age"}


def test_a_file_that_is_neither_table_nor_text_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="neither Parquet nor UTF-8"):
        rows_of(written(tmp_path, "age,chol,town\n63,1,Ñuñoa\n", "latin-1"))
    with pytest.raises(Invalid, match=r"There is no file|cannot be read"):
        rows_of(tmp_path / "nowhere.csv")


def test_nested_values_are_no_numbers_and_no_texts(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pl.DataFrame({"age": [[1]], "chol": [1], "town": ["Lima"]}).write_parquet(file)
    with pytest.raises(Invalid, match=r"column 'age'.*is not a number"):
        rows_of(file)
    pl.DataFrame({"age": [1], "chol": [1], "town": [["Lima"]]}).write_parquet(file)
    with pytest.raises(Invalid, match=r"column 'town'.*is not text"):
        rows_of(file)


def test_columns_that_are_not_used_are_known(tmp_path: Path) -> None:
    found = RowFile(written(tmp_path, "id,age,chol,town,x\n"), WANTED, "heart@1")
    assert found.unused == ["id", "x"]


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=20), st.integers(1, 7))
def test_whatever_is_in_a_file_comes_out_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], height: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    whole = pl.DataFrame(
        {"id": [id for id, _ in cells], "age": ["1"] * len(cells), "chol": ["2"] * len(cells)}
    ).with_columns(town=pl.Series([town for _, town in cells]))
    whole.write_csv(folder / "in.csv")
    with writing(folder / "out.csv") as write:
        for table, _ in RowFile(folder / "in.csv", WANTED, "heart@1").pieces(height):
            write(table)
    back = pl.read_csv(folder / "out.csv", infer_schema=False, empty_string_is_null=False)
    assert back.equals(whole)


# ------------------------------------------------------------------- written
@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_pieces_become_one_file(name: str, tmp_path: Path) -> None:
    out = tmp_path / name
    with writing(out) as write:
        write(pl.DataFrame({"a": [1], "b": ["x,y"]}))
        write(pl.DataFrame({"a": [2], "b": [None]}))
    read = pl.read_csv if name.endswith("csv") else pl.read_parquet
    assert read(out).rows() == [(1, "x,y"), (2, None)]
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_file_appears_whole_or_stays_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("mine")

    def fail() -> None:
        with writing(out) as write:
            write(pl.DataFrame({"a": [1]}))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert out.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [out]


def test_where_nothing_can_be_written_is_said(tmp_path: Path) -> None:
    def write_into(folder: Path) -> None:
        with writing(folder / "out.csv"):
            pass

    with pytest.raises(Invalid, match="Cannot write"):
        write_into(tmp_path / "nowhere")
