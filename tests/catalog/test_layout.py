"""Which column is what."""

import json
from pathlib import Path

import pytest

from feria.catalog.layout import find_layout, folded
from feria.catalog.sheets import open_sheet
from feria.errors import Invalid


def test_names_are_compared_without_accents_capitals_and_punctuation() -> None:
    assert folded("  Descripción (ES) ") == "descripcion_es"
    assert folded("discountPercentage") == "discount_percentage"
    assert folded("PVP (€)") == "pvp"
    assert folded("日本") == ""


def test_columns_of_a_spanish_shop_are_known() -> None:
    layout = find_layout(
        ["Código", "Título", "Descripción", "Categoría", "Marca", "Precio", "Moneda", "Existencias", "Color",
         "Imagen 1", "Imagen 2", "Título (inglés)", "ID"]
    )  # fmt: skip
    assert layout.fields == {
        "sku": ("Código",),
        "title.es": ("Título",),
        "description.es": ("Descripción",),
        "category": ("Categoría",),
        "brand": ("Marca",),
        "price": ("Precio",),
        "currency": ("Moneda",),
        "stock": ("Existencias",),
        "pictures": ("Imagen 1", "Imagen 2"),
        "title.en": ("Título (inglés)",),
    }
    assert layout.attributes == {"Color": "Color"}
    assert layout.left_out == ("ID",)


def test_columns_of_dummyjson_are_known(shared_data: Path) -> None:
    sheet = open_sheet(shared_data / "catalog" / "dummyjson_products.json")
    layout = find_layout(sheet.columns)
    assert layout.fields == {
        "sku": ("sku",),
        "title.en": ("title",),
        "description.en": ("description",),
        "category": ("category",),
        "brand": ("brand",),
        "price": ("price",),
        "stock": ("stock",),
        "pictures": ("images",),
    }
    assert {"dimensions.width", "rating", "tags", "warrantyInformation"} <= set(layout.attributes)
    assert {"reviews", "thumbnail", "id", "meta.barcode"} <= set(layout.left_out)  # reviews name people


def test_the_column_that_counts_most_is_taken_and_the_other_becomes_an_attribute() -> None:
    layout = find_layout(["id", "name", "title", "ref", "price", "precio"])
    assert layout.fields["sku"] == ("ref",)
    assert layout.fields["title.en"] == ("title",)
    assert layout.fields["price"] == ("price",)
    assert layout.attributes == {"name": "name", "precio": "precio"}
    assert find_layout(["id", "name", "price"]).fields["sku"] == ("id",)


def test_the_language_of_titles_is_that_of_the_name_unless_it_is_said() -> None:
    assert set(find_layout(["sku", "title", "titulo", "price"]).fields) >= {"title.en", "title.es"}
    said = find_layout(["sku", "title", "description", "price"], language="es")
    assert set(said.fields) == {"sku", "title.es", "description.es", "price"}
    own = find_layout(["sku", "title_en", "nombre.en", "descripcion_english", "price"], language="es")
    assert set(own.fields) == {"sku", "title.en", "description.en", "price"}
    with pytest.raises(Invalid, match="es or en"):
        find_layout(["sku"], language="fr")


def test_what_is_said_by_hand_goes_first() -> None:
    layout = find_layout(
        ["sku", "Ref=interna", "PVP", "price", "texto", "Color", "image", "foto"],
        ["Ref=interna=sku", "PVP=price", "texto=title", "Color=attributes.colour", "foto=pictures", "sku="],
        language="en",
    )
    assert layout.fields == {
        "sku": ("Ref=interna",),
        "price": ("PVP",),
        "title.en": ("texto",),
        "pictures": ("foto",),
    }
    assert layout.attributes == {"Color": "colour", "price": "price", "image": "image"}
    assert layout.left_out == ("sku",)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["nothing"], "takes COLUMN=FIELD"),
        (["=sku"], "takes COLUMN=FIELD"),
        (["x=sku"], "no column 'x'"),
        (["a=colour"], "No field is called 'colour'"),
        (["a=attributes."], "No field is called"),
        (["a=sku", "b=sku"], "Both 'a' and 'b'"),
    ],
)
def test_what_cannot_be_meant_by_hand_is_refused(said: list[str], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        find_layout(["a", "b", "title", "price"], said)


def test_a_file_without_the_least_says_which_columns_it_has() -> None:
    with pytest.raises(Invalid, match=r"sku or title\.es or price; there are 'sku;title;price'.*--map"):
        find_layout(["sku;title;price"])


def test_an_export_is_known_by_its_own_names(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    record = {
        "sku": "A",
        "title": {"es": "x", "en": "y"},
        "price": 1.0,
        "attributes": {"a.b": 1},
        "pictures": ["p"],
    }
    path.write_text(json.dumps([record]))
    layout = find_layout(open_sheet(path).columns)
    assert set(layout.fields) == {"sku", "title.es", "title.en", "price", "pictures"}
    assert layout.attributes == {"attributes.a.b": "a.b"}
