"""A catalogue whose right answers are known, and how well a search finds them.

42 kinds of things, 2,000 products. Seven in ten are titled in both languages, the others in one; each
description names another kind as well ("combina con …"), which is what leads a search astray. A product is
relevant to a query when it is of the kind that the query names.
"""

import random
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from feria.catalog.wire import Category, ProductDraft, Words
from feria.search.words import words

PRODUCTS = 2000
SHOWN = 10


@dataclass(frozen=True)
class Kind:
    es: str
    es_plural: str
    en: str
    en_plural: str
    category: str
    others: tuple[str, ...] = ()
    """Words that shoppers elsewhere use for it."""


KINDS = tuple(
    Kind(*row.split("|")[:5], others=tuple(row.split("|")[5].split(",")) if row.count("|") > 4 else ())
    for row in """\
camiseta|camisetas|t-shirt|t-shirts|clothing|playera,remera,tee
camisa|camisas|shirt|shirts|clothing
sudadera|sudaderas|sweatshirt|sweatshirts|clothing|buzo,hoodie
jersey|jerséis|sweater|sweaters|clothing|suéter,pullover
chaqueta|chaquetas|jacket|jackets|clothing|chamarra,campera
abrigo|abrigos|coat|coats|clothing|sobretodo
falda|faldas|skirt|skirts|clothing|pollera
vestido|vestidos|dress|dresses|clothing
calcetín|calcetines|sock|socks|clothing
bufanda|bufandas|scarf|scarves|clothing
guante|guantes|glove|gloves|clothing
cinturón|cinturones|belt|belts|clothing
gorra|gorras|cap|caps|clothing|cachucha
gorro|gorros|beanie|beanies|clothing
zapatilla|zapatillas|sneaker|sneakers|shoes|deportivas,tenis,trainers
bota|botas|boot|boots|shoes
sandalia|sandalias|sandal|sandals|shoes|chanclas
mochila|mochilas|backpack|backpacks|bags|rucksack
maleta|maletas|suitcase|suitcases|bags|valija
sartén|sartenes|frying pan|frying pans|kitchen|skillet
olla|ollas|saucepan|saucepans|kitchen|cacerola
cuchillo|cuchillos|knife|knives|kitchen
taza|tazas|mug|mugs|kitchen
tetera|teteras|teapot|teapots|kitchen
plato|platos|plate|plates|kitchen
tostadora|tostadoras|toaster|toasters|kitchen
lámpara|lámparas|lamp|lamps|home
cojín|cojines|cushion|cushions|home
toalla|toallas|towel|towels|home
espejo|espejos|mirror|mirrors|home
alfombra|alfombras|rug|rugs|home|tapete
altavoz|altavoces|speaker|speakers|electronics|parlante,bocina
auricular|auriculares|headphone|headphones|electronics|audífonos
ratón|ratones|mouse|mice|electronics
teclado|teclados|keyboard|keyboards|electronics
cámara|cámaras|camera|cameras|electronics
té|tés|tea|teas|food
champú|champús|shampoo|shampoos|care
jabón|jabones|soap|soaps|care
lápiz|lápices|pencil|pencils|paper
cuaderno|cuadernos|notebook|notebooks|paper|libreta
balón|balones|ball|balls|sport|pelota""".splitlines()
)

CATEGORIES = {
    "clothing": Words(es="Ropa", en="Clothing"),
    "shoes": Words(es="Calzado", en="Footwear"),
    "bags": Words(es="Equipaje", en="Bags"),
    "kitchen": Words(es="Cocina", en="Kitchen"),
    "home": Words(es="Hogar", en="Home"),
    "electronics": Words(es="Electrónica", en="Electronics"),
    "food": Words(es="Alimentación", en="Food"),
    "care": Words(es="Cuidado personal", en="Personal care"),
    "paper": Words(es="Papelería", en="Stationery"),
    "sport": Words(es="Deporte", en="Sport"),
}
COLOURS = (("rojo", "red"), ("azul", "blue"), ("verde", "green"), ("negro", "black"), ("blanco", "white"))
QUALITIES = (("clásico", "classic"), ("ligero", "light"), ("artesanal", "handmade"), ("urbano", "urban"))
BRANDS = ("Alba", "Brisa", "Cumbre", "Duna", "Esparto", "Faro", "Giralda", "Huerta")
SPANISH = (
    "{quality} y pensado para durar muchos años, este artículo se hace en un taller pequeño con materiales "
    "escogidos. Combina con {other} y con casi todo lo demás. Se entrega en una caja de cartón reciclado, "
    "con instrucciones de cuidado y dos años de garantía."
)
ENGLISH = (
    "{quality} and made to last for many years, this piece comes from a small workshop and from chosen "
    "materials. It goes well with a {other} and with nearly everything else. Delivered in a box of recycled "
    "cardboard, with instructions for its care and a warranty of two years."
)


def categories() -> list[Category]:
    return [Category(path=path, title=title) for path, title in CATEGORIES.items()]


def products(count: int = PRODUCTS, seed: int = 7) -> Iterator[tuple[ProductDraft, Kind]]:
    """The same ones for the same seed, kind by kind in turn."""
    dice = random.Random(seed)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        other = dice.choice([one for one in KINDS if one is not kind])
        (rojo, red), (bueno, good) = dice.choice(COLOURS), dice.choice(QUALITIES)
        model = "".join(dice.choices(string.ascii_uppercase, k=3)) + str(dice.randrange(100, 1000))
        es, en = (
            f"{kind.es.capitalize()} {bueno} {rojo} {model}",
            f"{good} {red} {kind.en} {model}".capitalize(),
        )
        told = (
            SPANISH.format(quality=bueno.capitalize(), other=other.es_plural),
            ENGLISH.format(quality=good.capitalize(), other=other.en),
        )
        which = dice.random()  # seven in ten in both languages
        spanish, english = which < 0.85, which < 0.7 or which >= 0.85
        yield (
            ProductDraft(
                sku=f"{kind.en.upper().replace(' ', '-')}-{number}",
                title=Words(es=es if spanish else "", en=en if english else ""),
                description=Words(es=told[0] if spanish else "", en=told[1] if english else ""),
                category=kind.category,
                brand=dice.choice(BRANDS),
                price=Decimal(dice.randrange(100, 20_000)) / 100,
                stock=dice.choice((None, 0, 1, 20)),
            ),
            kind,
        )


# ------------------------------------------------------------------- queries
def folded(text: str) -> str:
    return " ".join(words(text))


def misspelt(word: str, seed: int, faults: int = 1) -> str:
    """With letters put in, left out, changed or swapped behind the first, as fingers do."""
    dice = random.Random(f"{word} {seed} {faults}")
    letters = list(word)
    for _ in range(faults):
        at = dice.randrange(1, len(letters))
        match dice.randrange(4):
            case 0:
                letters.insert(at, dice.choice(string.ascii_lowercase))
            case 1:
                del letters[at]
            case 2:
                letters[at] = dice.choice(string.ascii_lowercase)
            case 3 if at + 1 < len(letters):
                letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


_NAMES = {
    word
    for kind in KINDS
    for text in (kind.es, kind.es_plural, kind.en, kind.en_plural)
    for word in words(text)
}


def typos(faults: int, shortest: int) -> Iterator[tuple[str, Kind]]:
    for kind in KINDS:
        for text in (kind.es, kind.en_plural):
            if len(folded(text)) < shortest or " " in text or "-" in text:
                continue
            for seed in range(3):
                wrong = misspelt(folded(text), seed, faults)
                if wrong not in _NAMES and not any(word.startswith(wrong) for word in _NAMES):
                    yield wrong, kind


def beginnings() -> Iterator[tuple[str, Kind]]:
    """Of five letters or more, and of no other kind."""
    for kind in KINDS:
        begun = folded(kind.es)[:5]
        if len(begun) == 5 and sum(word.startswith(begun) for word in {folded(one.es) for one in KINDS}) == 1:
            yield begun, kind


def _each(of: Callable[[Kind], str]) -> list[tuple[str, Kind]]:
    return [(of(kind), kind) for kind in KINDS]


QUERIES: dict[str, Sequence[tuple[str, Kind]]] = {
    "singular": _each(lambda kind: kind.es),
    "plural": _each(lambda kind: kind.es_plural),
    "no accent": _each(lambda kind: folded(kind.es)),
    "no accent, plural": _each(lambda kind: folded(kind.es_plural)),
    "capitals": _each(lambda kind: kind.es.upper()),
    "English": _each(lambda kind: kind.en),
    "English, plural": _each(lambda kind: kind.en_plural),
    "beginning": list(beginnings()),
    "synonyms": [(word, kind) for kind in KINDS for word in kind.others],
    "one typo": list(typos(1, 4)),
    "two typos": list(typos(2, 8)),
}


@dataclass(frozen=True)
class Figures:
    precision: float
    """Of the products on the first page the share that is of the kind, over all queries."""
    coverage: float
    """Of the products of the kind the share that was found at all."""
    misses: tuple[str, ...]
    """Queries with less than half of either."""


def judged(
    found: Sequence[Sequence[Kind]], asked: Sequence[tuple[str, Kind]], relevant: dict[str, int]
) -> Figures:
    """`found` are the kinds of what each query found, best first; `relevant` counts products by kind."""
    precisions, coverages, misses = [], [], []
    for kinds, (query, kind) in zip(found, asked, strict=True):
        first = kinds[:SHOWN]
        precision = sum(one is kind for one in first) / min(SHOWN, relevant[kind.en])
        coverage = sum(one is kind for one in kinds) / relevant[kind.en]
        precisions.append(precision)
        coverages.append(coverage)
        if min(precision, coverage) < 0.5:
            misses.append(query)
    return Figures(sum(precisions) / len(asked), sum(coverages) / len(asked), tuple(misses))
