"""Rows of shops' files, whoever wrote them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from feria.catalog.sheets import Sheet, open_sheet
from feria.errors import Invalid

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "products.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def values(sheet: Sheet) -> list[dict[str, Any]]:
    return [row.values for row in sheet.rows()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encoding_and_separator_are_found_out(write: Write, encoding: str, separator: str) -> None:
    lines = [["sku", "título", "nota"], ["A", "Piñata", 'dice "a, b; c|d"'], ["B", "Café\ncon leche", ""]]
    text = "\r\n".join(separator.join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    sheet = open_sheet(write(text, encoding=encoding))
    assert sheet.columns == ("sku", "título", "nota")
    assert [list(row.values()) for row in values(sheet)] == lines[1:]
    assert bool(sheet.notes) == (encoding in {"cp1252", "latin-1"})
    assert values(sheet) == values(sheet)  # as often as one likes


def test_windows_own_letters_are_read_and_the_guess_is_said(write: Write) -> None:
    sheet = open_sheet(write("sku;precio\nA;5 €\nB;“x”\n", encoding="cp1252"))
    assert [row["precio"] for row in values(sheet)] == ["5 €", "“x”"]
    assert "cp1252" in sheet.notes[0]
    assert "--encoding" in sheet.notes[0]


def test_encoding_and_separator_can_be_said(write: Write) -> None:
    path = write("sku;a,b\nA;ñ\n", encoding="utf-8")
    assert open_sheet(path, separator=";").columns == ("sku", "a,b")
    assert values(open_sheet(path, "latin-1", ";")) == [{"sku": "A", "a,b": "Ã±"}]
    with pytest.raises(Invalid, match="No encoding is called"):
        open_sheet(path, "klingon")
    with pytest.raises(Invalid, match="is not ascii"):
        open_sheet(path, "ascii")


def test_a_wrong_separator_is_suspected(write: Write) -> None:
    sheet = open_sheet(write("sku;title;price\nA;B;1\n"), separator=",")
    assert sheet.columns == ("sku;title;price",)
    assert "--separator" in sheet.notes[0]


def test_excels_own_line_about_the_separator_is_obeyed(write: Write) -> None:
    assert values(open_sheet(write("sep=;\r\nsku;title\r\nA;B, C\r\n"))) == [{"sku": "A", "title": "B, C"}]


def test_a_row_of_another_width_is_a_fault_of_that_row_alone(write: Write) -> None:
    rows = list(open_sheet(write("sku,title\nA,x\n\nB,y,z\n,\nC\nD,w\n")).rows())
    assert [(row.number, row.values.get("sku"), row.fault) for row in rows] == [
        (1, "A", ""),
        (2, None, "it has 3 values, and the header names 2 columns"),
        (3, None, "it has 1 values, and the header names 2 columns"),
        (4, "D", ""),
    ]
    assert rows[-1].share == 1.0


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        ("", "a.csv", "is empty"),
        ("\ufeff\r\n", "a.csv", "is empty"),
        (",,\n1,2,3\n", "a.csv", "no header"),
        ("a,b,a\n1,2,3\n", "a.csv", "two columns called 'a'"),
        ("[1, 2", "a.json", "is not JSON"),
        ("[]", "a.json", "no list of products"),
        ("[" * 100_000, "a.json", "nested|not JSON"),
        (b"PAR1 and no more", "a.parquet", "cannot be read as Parquet"),
    ],
)
def test_a_file_that_holds_no_rows_is_refused_in_a_sentence(
    write: Write, content: str | bytes, name: str, why: str
) -> None:
    with pytest.raises(Invalid, match=why):
        open_sheet(write(content, name))


def test_a_quote_that_is_never_closed_is_said(write: Write) -> None:
    sheet = open_sheet(write('sku,title\nA,"x\n' + "B,y\n" * 1000))
    with pytest.raises(Invalid, match="is not CSV"):
        values(sheet)


def test_there_must_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="There is no file"):
        open_sheet(tmp_path / "none.csv")


PRODUCTS = [{"sku": "A", "title": {"es": "Taza"}, "price": 1.5, "tags": ["a"]}, {"sku": "B", "x": None}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(PRODUCTS),
        json.dumps({"products": PRODUCTS, "total": 2, "more": []}),
        "\n".join(map(json.dumps, PRODUCTS)),
        "\ufeff" + json.dumps(PRODUCTS),
    ],
)
def test_json_is_a_list_or_has_one_or_is_an_object_a_line(write: Write, text: str) -> None:
    sheet = open_sheet(write(text, "p.json"))
    assert sheet.columns == ("sku", "title.es", "price", "tags", "x")
    assert values(sheet) == [
        {"sku": "A", "title.es": "Taza", "price": 1.5, "tags": ["a"]},
        {"sku": "B", "x": None},
    ]
    assert sheet.typed


def test_what_is_no_object_among_objects_is_a_fault_of_that_row(write: Write) -> None:
    rows = list(open_sheet(write('[{"sku": "A"}, 3]', "p.json")).rows())
    assert [row.fault for row in rows] == ["", "it is not an object"]


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pl.DataFrame(
        {"sku": ["A", "B"], "title": [{"es": "x"}, {"es": None}], "price": [1.5, None]}
    ).write_parquet(path)
    sheet = open_sheet(path)
    assert sheet.columns == ("sku", "title.es", "price")
    assert values(sheet) == [
        {"sku": "A", "title.es": "x", "price": 1.5},
        {"sku": "B", "title.es": None, "price": None},
    ]
