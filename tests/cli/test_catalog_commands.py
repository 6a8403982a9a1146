"""`feria catalog`, beside a running node and without one."""

import csv
import json
from pathlib import Path

import pytest

from cli.running import Feria, OnTerminal
from goods import picture

SPANISH = """Código;Título;Categoría;Precio;Existencias;Color;Fotos
{sku}-1;Taza de café;Hogar > Vajilla de diseño;"1.234,50 €";4;azul;taza.png
{sku}-2;Piña;Alimentación;0,99;;amarillo;
"""


@pytest.fixture
def sku(request: pytest.FixtureRequest) -> str:
    """SKUs of this test's own: the node is shared."""
    return f"P{abs(hash(request.node.name)) % 10**8}"


def shown(feria: Feria, sku: str) -> dict[str, object]:
    product = json.loads(feria("catalog", "show", sku, "--json").out)
    assert isinstance(product, dict)
    return product


def test_a_spanish_shops_file_comes_in_with_its_pictures_and_again_changes_nothing(
    beside: Feria, sku: str
) -> None:
    (beside.folder / "es.csv").write_text(SPANISH.format(sku=sku), encoding="cp1252")
    (beside.folder / "fotos").mkdir()
    (beside.folder / "fotos" / "taza.png").write_bytes(picture(size=(40, 30)))
    (beside.folder / "fotos" / f"{sku}-2.jpg").write_bytes(picture((9, 9, 9), format="JPEG"))
    first = beside("catalog", "import", "es.csv", "--images", "fotos")
    assert first.out == "2 products: 2 new.\n2 of them with new pictures.\n"
    assert "read as cp1252" in first.err
    mug = shown(beside, f"{sku}-1")
    assert mug["title"] == {"es": "Taza de café", "en": ""}
    assert (mug["category"], mug["price"], mug["currency"]) == ("hogar/vajilla-de-diseno", 1234.5, "EUR")
    assert (mug["stock"], mug["attributes"]) == (4, {"Color": "azul"})
    assert len(mug["pictures"]) == len(shown(beside, f"{sku}-2")["pictures"]) == 1  # type: ignore[arg-type]
    tree = beside("catalog", "categories").out
    assert "Vajilla de diseño" in tree
    assert beside("catalog", "import", "es.csv", "--images", "fotos").out == "2 products: 2 unchanged.\n"
    assert shown(beside, f"{sku}-1") == mug
    (beside.folder / "fotos" / "taza.png").write_bytes(picture(size=(41, 30)))
    changed = beside("catalog", "import", "es.csv", "--images", "fotos").out
    assert changed == "2 products: 1 changed, 1 unchanged.\n1 of them with new pictures.\n"


def test_rows_that_are_wrong_are_reported_and_stop_no_other(beside: Feria, sku: str) -> None:
    rows = [
        ("sku", "titulo", "precio", "fotos"),
        (f"{sku}-1", "Taza", "5", "gone.png"),
        (f"{sku}-2", "Taza", "caro", ""),
        ("", "Taza", "5", ""),
        (f"{sku}-1", "Otra", "6", ""),
        (f"{sku}-3", "a\x00b", "5", ""),
        (f"{sku}-4", "x" * 10_000, "5", ""),
        (f"{sku}-5", "Taza", "5", "notes.png"),
        (f"{sku}-6", "Taza", "5", "../secret.png"),
        (f"{sku}-7", "Taza", "5", "", "more"),
        (f"{sku}-8", "Taza", "5", "logo.svg|good.png"),
        (f"{sku}-9", "Taza", "5", "good.png"),
    ]
    with (beside.folder / "bad.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    images = beside.folder / "images"
    images.mkdir()
    (images / "notes.png").write_bytes(b"these are notes")
    (images / "good.png").write_bytes(picture())
    (images / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (beside.folder / "secret.png").write_bytes(picture())
    said = beside("catalog", "import", "bad.csv", "--images", "images", "--errors", "refused.csv", code=1)
    assert said.out.startswith("5 products: 5 new.\n1 of them with new pictures.\n")
    with (beside.folder / "refused.csv").open(newline="", encoding="utf-8") as file:
        problems = list(csv.reader(file))
    assert problems[0] == ["row", "sku", "problem"]
    found = {(int(row), sku): why for row, sku, why in problems[1:]}
    assert [row for row, _ in found] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    for (row, name), why in {
        (1, f"{sku}-1"): "there is no picture gone.png",
        (2, f"{sku}-2"): "'caro' is no price",
        (3, ""): "it has no SKU",
        (4, f"{sku}-1"): "the SKU is in row 1 already",
        (5, f"{sku}-3"): "U+0000",
        (6, f"{sku}-4"): "300 characters",
        (7, f"{sku}-5"): "no JPEG, PNG, WebP",
        (8, f"{sku}-6"): "there is no picture ../secret.png",
        (9, ""): "it has 5 values, and the header names 4 columns",
        (10, f"{sku}-8"): "Picture 1: ",
    }.items():
        assert why in found[row, name]
        assert why in said.out
    assert shown(beside, f"{sku}-1")["title"] == {"es": "Taza", "en": ""}
    assert shown(beside, f"{sku}-1")["pictures"] == shown(beside, f"{sku}-8")["pictures"] == []
    assert len(shown(beside, f"{sku}-9")["pictures"]) == 1  # type: ignore[arg-type]


def test_of_many_problems_some_are_shown_and_the_rest_are_in_the_file(beside: Feria) -> None:
    (beside.folder / "many.csv").write_text("sku,titulo,precio\n" + "\n".join(f"A{n},x,?" for n in range(30)))
    said = beside("catalog", "import", "many.csv", code=1)
    assert said.out.startswith("0 products.\n")
    assert said.out.count("'?' is no price") == 20
    assert "10 more problems; all of them are in --errors FILE.csv" in said.err


def test_a_dry_run_reads_everything_and_changes_nothing(beside: Feria, sku: str) -> None:
    (beside.folder / "dry.csv").write_text(f"sku,titulo,precio\n{sku},Taza,1\n{sku}-2,,1\n")
    said = beside("catalog", "import", "dry.csv", "--dry-run", code=1)
    assert "1 product: 1 readable." in said.out
    assert "a title in one language" in said.out
    assert "not_found" in beside.refused("catalog", "show", sku)


def test_columns_are_said_by_hand(beside: Feria, sku: str) -> None:
    (beside.folder / "odd.csv").write_text(f"a|b|c|d\n{sku}|Mug|9.5|9\n")
    beside(
        "catalog", "import", "odd.csv", "--map", "a=sku", "--map", "b=title", "--map", "c=price",
        "--map", "d=attributes.size", "--language", "en", "--currency", "PEN",
    )  # fmt: skip
    product = shown(beside, sku)
    assert (product["title"], product["price"], product["currency"], product["attributes"]) == (
        {"es": "", "en": "Mug"}, 9.5, "PEN", {"size": 9},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("none.csv",), "There is no file none.csv"),
        (("semi.csv", "--separator", ","), "No column is known to be sku or title.es or price"),
        (("semi.csv", "--encoding", "ascii"), "is not ascii"),
        (("semi.csv", "--map", "x=sku"), "no column 'x'"),
        (("semi.csv", "--images", "nowhere"), "There is no folder nowhere"),
    ],
)
def test_a_file_that_cannot_be_read_as_it_was_said_is_refused(
    beside: Feria, words: tuple[str, ...], why: str
) -> None:
    (beside.folder / "semi.csv").write_text("sku;título;price\nA;b;1\n")
    assert why in beside("catalog", "import", *words, code=1).err


def test_real_products_come_in_go_out_and_come_in_again(feria: Feria, shared_data: Path) -> None:
    """Where no node runs. Half of dummyjson's SKUs are there, half of its file's other columns too."""
    source = shared_data / "catalog" / "dummyjson_products.json"
    assert feria("catalog", "import", source).out == "194 products: 194 new.\n"
    assert feria("catalog", "import", source).out == "194 products: 194 unchanged.\n"
    listed = json.loads(feria("catalog", "list", "--category", "beauty", "--sort", "price", "--json").out)
    assert [one["price"] for one in listed["products"]] == sorted(one["price"] for one in listed["products"])
    assert listed["total"] == 5
    assert "reviewerEmail" not in json.dumps(listed)
    for name in ("out.csv", "out.json", "out.parquet"):
        assert feria("catalog", "export", name).out == f"{name} has 194 products.\n"
        assert feria("catalog", "import", name).out == "194 products: 194 unchanged.\n"
        assert "conflict" in feria.refused("catalog", "export", name)
        feria("catalog", "export", name, "--force")
    other = Feria(feria.home.parent / "other", feria.folder)
    assert other("catalog", "import", "out.csv").out == "194 products: 194 new.\n"
    other("catalog", "export", "again.csv")
    assert (feria.folder / "again.csv").read_bytes() == (feria.folder / "out.csv").read_bytes()


def test_pictures_go_out_and_come_in_again_as_they_were(feria: Feria) -> None:
    (feria.folder / "p.json").write_text(
        json.dumps([{"sku": "A", "titulo": "Taza", "precio": 1, "fotos": ["a.png", "b.png"]}])
    )
    (feria.folder / "in").mkdir()
    for name, colour in (("a", (200, 0, 0)), ("b", (0, 0, 200))):
        (feria.folder / "in" / f"{name}.png").write_bytes(picture(colour, size=(64, 64)))
    feria("catalog", "import", "p.json", "--images", "in")
    before = shown(feria, "A")
    feria("catalog", "export", "out.csv", "--images", "out")
    assert sorted(path.name for path in (feria.folder / "out").iterdir()) == ["A-1.webp", "A-2.webp"]
    assert feria("catalog", "import", "out.csv", "--images", "out").out == "1 product: 1 unchanged.\n"
    assert shown(feria, "A") == before


def test_products_are_listed_shown_and_removed(beside: Feria, sku: str) -> None:
    (beside.folder / "two.csv").write_text(
        f"sku,titulo,precio,marca\n{sku}-1,Taza,10,{sku}\n{sku}-2,Jarra,20,{sku}\n"
    )
    beside("catalog", "import", "two.csv")
    listed = beside("catalog", "list", "--brand", sku, "--sort", "-price").out
    assert [line.split()[:2] for line in listed.splitlines()[2:]] == [
        [f"{sku}-2", "Jarra"],
        [f"{sku}-1", "Taza"],
    ]
    assert "1 of 2 products" in beside("catalog", "list", "--brand", sku, "--limit", "1").err
    assert "10.00 EUR" in beside("catalog", "show", f"{sku}-1").out
    assert beside("catalog", "remove", f"{sku}-1", stdin="n\n", code=1).out == ""
    assert beside("catalog", "remove", f"{sku}-1", f"{sku}-2", "--yes").out.startswith("Removed ")
    assert "No products" in beside("catalog", "list", "--brand", sku).err
    assert "not_found" in beside.refused("catalog", "remove", sku, "--yes")


def test_an_export_that_cannot_be_written_leaves_nothing(beside: Feria) -> None:
    assert "say the format" in beside.refused("catalog", "export", "products.xlsx")
    assert "cannot be written" in beside.refused("catalog", "export", "none/products.csv")
    assert not list(beside.folder.glob(".*"))


def test_an_import_on_a_terminal_shows_how_far_it_is(feria: Feria) -> None:
    (feria.folder / "t.csv").write_text("sku,titulo,precio\n" + "\n".join(f"A{n},x,1" for n in range(1500)))
    with OnTerminal(feria, "catalog", "import", "t.csv") as terminal:
        assert terminal.end() == 0
        assert "Importing" in terminal.said
        assert "1,500 products: 1,500 new." in terminal.said
