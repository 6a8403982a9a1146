"""Which column of a shop's file is what.

Names that shops and their programs use, in Spanish and English, are known; all else becomes an attribute.
What is said by hand goes first.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feria.errors import Invalid

FIELDS = (
    "sku", "title.es", "title.en", "description.es", "description.en", "category", "brand", "price",
    "currency", "stock", "pictures",
)  # fmt: skip
ATTRIBUTE = "attributes."

NAMES: dict[str, tuple[str, ...]] = {
    "sku": ("sku", "variant_sku", "referencia", "ref", "codigo", "code", "codigo_producto", "product_code",
            "cod", "product_id", "id_producto", "item_id", "ean", "id"),
    "title": ("title", "name", "product_name", "product_title", "display_name", "product", "item"),
    "titulo": ("titulo", "nombre", "nombre_producto", "nombre_del_producto", "producto", "articulo",
               "denominacion"),
    "description": ("description", "product_description", "long_description", "details", "short_description"),
    "descripcion": ("descripcion", "descripcion_producto", "descripcion_larga", "detalle", "detalles",
                    "descripcion_corta"),
    "category": ("category", "categoria", "category_path", "categories", "categorias", "product_category",
                 "product_type", "tipo", "familia", "rubro", "departamento", "seccion"),
    "brand": ("brand", "marca", "vendor", "fabricante", "manufacturer"),
    "price": ("price", "precio", "pvp", "precio_venta", "precio_de_venta", "sale_price", "unit_price",
              "variant_price", "precio_unitario", "importe", "regular_price"),
    "currency": ("currency", "moneda", "divisa", "currency_code"),
    "stock": ("stock", "existencias", "inventario", "inventory", "quantity", "qty", "cantidad", "unidades",
              "disponibles", "variant_inventory_qty"),
    "pictures": ("pictures", "images", "imagenes", "fotos", "photos", "image", "imagen", "foto", "picture",
                 "photo", "image_src", "image_url", "imagen_url"),
}  # fmt: skip
"""Of each thing, the name that counts most first. Compared without accents, capitals and punctuation."""
SPANISH_NAMES = {"titulo": "title", "descripcion": "description"}
LANGUAGES = {"es": "es", "spa": "es", "espanol": "es", "spanish": "es", "castellano": "es",
             "en": "en", "eng": "en", "ingles": "en", "english": "en"}  # fmt: skip
UNWANTED = frozenset({"id", "thumbnail", "reviews", "created_at", "updated_at", "creado", "actualizado"})
"""No attributes of a product; `meta.…` neither."""


def plain(text: str) -> str:
    """`Café con leche (ES)` is `cafe_con_leche_es`."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_")


def folded(column: str) -> str:
    """As `plain`, with `discountPercentage` taken for two words."""
    return plain(re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", column))


@dataclass(frozen=True, slots=True)
class Layout:
    """What each column of a file is."""

    fields: dict[str, tuple[str, ...]]
    """Columns by field; only pictures have several."""
    attributes: dict[str, str]
    """Names of attributes by column."""
    left_out: tuple[str, ...]


def find_layout(columns: Sequence[str], said: Iterable[str] = (), language: str | None = None) -> Layout:
    """`said` are `COLUMN=FIELD`, as typed; `language` is that of titles whose column does not say.

    Raises `Invalid` for what cannot be meant, and where SKU, title or price are not to be found.
    """
    if language not in {None, "es", "en"}:
        raise Invalid(f"The language of titles is es or en, not {language!r}.")
    chosen = dict(_by_hand(one, columns, language) for one in said)
    fields: dict[str, tuple[str, ...]] = {}
    for column, target in chosen.items():
        if target in FIELDS:
            if target in fields and target != "pictures":
                raise Invalid(f"Both '{fields[target][0]}' and '{column}' were said to be {target}.")
            fields[target] = (*fields.get(target, ()), column)
    by_hand = frozenset(fields)
    for target, column in _recognised([one for one in columns if one not in chosen], language):
        if target not in fields or (target == "pictures" and target not in by_hand):
            fields[target] = (*fields.get(target, ()), column)
    _refuse_incomplete(fields, columns)
    taken = {column for some in fields.values() for column in some}
    rest = {column: chosen.get(column, _attribute_of(column)) for column in columns if column not in taken}
    return Layout(
        fields,
        {column: target.removeprefix(ATTRIBUTE) for column, target in rest.items() if target},
        tuple(column for column, target in rest.items() if not target),
    )


def _by_hand(said: str, columns: Sequence[str], language: str | None) -> tuple[str, str]:
    column, equals, target = (part.strip() for part in said.rpartition("="))
    if not equals or not column:
        raise Invalid(f"--map takes COLUMN=FIELD, like PVP=price: '{said}' is none.")
    if column not in columns:
        raise Invalid(f"There is no column '{column}'; there are {_listed(columns)}.", column=column)
    if target in {"title", "description"}:
        target = f"{target}.{language or 'es'}"
    if target and target not in FIELDS and not re.fullmatch(r"attributes\..{1,64}", target):
        raise Invalid(f"No field is called '{target}'; there are {', '.join(FIELDS)} and attributes.NAME.")
    return column, target


def _recognised(columns: Sequence[str], language: str | None) -> list[tuple[str, str]]:
    """Fields with the columns whose names stand for them, the names that count most first."""
    found = []
    for column in columns:
        if (known := _field_of(folded(column), language)) is not None:
            target, rank = known
            found.append((rank, target, column))
    return [(target, column) for _, target, column in sorted(found, key=lambda one: one[0])]


def _field_of(name: str, language: str | None) -> tuple[str, int] | None:
    """The field that a name stands for, and its place among the names of that, 0 counting most."""
    for thing, names in NAMES.items():
        said = SPANISH_NAMES.get(thing, thing)
        if said in {"title", "description"}:
            base, own = _language_of(name)
            if base in names:
                spoken = own or language or ("es" if thing in SPANISH_NAMES else "en")
                return f"{said}.{spoken}", names.index(base)
        elif name in names:
            return said, names.index(name)
        elif thing == "pictures" and re.sub(r"_?[0-9]+$", "", name) in names:
            return said, len(names)
    return None


def _attribute_of(column: str) -> str:
    """The name of the attribute that a column is, or nothing."""
    if folded(column) in UNWANTED or column.startswith("meta."):
        return ""
    return column.removeprefix(ATTRIBUTE).strip()[:64]


def _language_of(name: str) -> tuple[str, str | None]:
    first, _, rest = name.partition("_")
    before, _, last = name.rpartition("_")
    if last in LANGUAGES and before:
        return before, LANGUAGES[last]
    if first in LANGUAGES and rest:
        return rest, LANGUAGES[first]
    return name, None


def _refuse_incomplete(fields: Mapping[str, Any], columns: Sequence[str]) -> None:
    missing = [name for name in ("sku", "price") if name not in fields]
    if "title.es" not in fields and "title.en" not in fields:
        missing.insert(1, "title.es")
    if missing:
        raise Invalid(
            f"No column is known to be {' or '.join(missing)}; there are {_listed(columns)}. "
            f'Say which it is, like --map "COLUMN={missing[0]}".'
        )


def _listed(columns: Sequence[str]) -> str:
    some = ", ".join(f"'{column}'" for column in columns[:20])
    return f"{some} and {len(columns) - 20} more" if len(columns) > 20 else some
