"""The demo fair: what it sells, the same on every machine."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from itertools import groupby, zip_longest
from operator import attrgetter
from typing import NamedTuple

from feria.catalog.fair.telling import description, title
from feria.catalog.fair.wares import Material, Sort, Wares, materials, sorts, wares
from feria.catalog.wire import Attribute, ProductDraft
from feria.drawings import Look, look
from feria.drawings.dice import Dice
from feria.drawings.palette import HUES, Hue

PLAIN, CRATE = 0, 3
"""Views: on a cloth and nothing else, and a crate full of them."""

SEEDS = 500
"""How many are looked through for what is wanted, at the most."""
CHOICE = 4
"""How many that fit are found before the one is chosen whose cut was seen least."""

NAMES = (
    "Alba", "Albero", "Alisio", "Almena", "Brisa", "Cierzo", "Duna", "Ebro", "Faro", "Gaviota", "Jara",
    "Levante", "Luarca", "Marea", "Nerja", "Orilla", "Poniente", "Ronda", "Sendero", "Siroco", "Tarifa",
    "Vega", "Verbena", "Zahara",
)  # fmt: skip
"""What models are called: winds and places, never a colour or a thing that is sold."""


class Good(NamedTuple):
    """A product, and which drawings show it: `draw(kind, seed, size, view)` for each of its views."""

    draft: ProductDraft
    kind: str
    seed: int
    views: tuple[int, ...]


def fair() -> Iterator[Good]:
    """All 300 products, from all stalls in turn, so that the first few are already varied."""
    stuff = materials()
    shelves = [_made(kind, of, stuff) for kind, of in wares().items()]
    shelves += [_grown(kind, list(some)) for kind, some in groupby(sorts(), attrgetter("kind"))]
    for row in zip_longest(*shelves):
        yield from filter(None, row)


def _made(kind: str, wares: Wares, stuff: Mapping[str, Material]) -> Iterator[Good]:
    looks, titles = _Looks(kind), set[str]()
    names = Dice(f"fair names {kind}").shuffle(NAMES)
    for n, hue in enumerate(wares.hues):
        seen = looks.take(partial(_is_new, hue=HUES[hue], titles=titles))
        titles.add(seen.spanish)
        dice = Dice(f"fair {kind}", n)
        material = stuff["denim" if seen.pattern.name == "denim" else dice.choose(wares.materials)]
        attributes: dict[str, Attribute] = {"colour": seen.hue.english, "material": material.code}
        if seen.pattern.english:
            attributes["pattern"] = seen.pattern.english
        draft = ProductDraft(
            sku=_sku(kind, n),
            title=title(seen, wares, material, names[n]),
            description=description(seen, wares, material, n, dice),
            category=wares.category,
            brand=dice.choose(wares.brands),
            price=_price(dice.between(*wares.prices), dice),
            attributes={**attributes, **wares.attributes},
            stock=_stock(dice),
        )
        yield Good(draft, kind, seen.seed, _views(dice))


def _grown(kind: str, sorts: list[Sort]) -> Iterator[Good]:
    looks = _Looks(kind)
    for n, sort in enumerate(sorts):
        seen = looks.take(partial(_has_form, form=sort.form))
        dice = Dice(f"fair {kind}", n)
        attributes: dict[str, Attribute] = {"unit": sort.unit, "organic": sort.organic}
        if seen.says_hue:
            attributes["colour"] = seen.hue.english
        draft = ProductDraft(
            sku=_sku(kind, n),
            title=sort.title,
            description=sort.description,
            category=sort.category,
            brand=sort.brand,
            price=sort.price,
            attributes=attributes,
            stock=_stock(dice),
        )
        yield Good(draft, kind, seen.seed, (CRATE, PLAIN) if sort.crate else _views(dice))


class _Looks:
    """Looks of one kind, each given out once, and all cuts in turn."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._fresh = (look(kind, seed) for seed in range(SEEDS))
        self._passed: list[Look] = []
        self._cuts: Counter[str] = Counter()

    def take(self, wanted: Callable[[Look], bool]) -> Look:
        fitting = [one for one in self._passed if wanted(one)]
        while len(fitting) < CHOICE and (one := next(self._fresh, None)):
            self._passed.append(one)
            if wanted(one):
                fitting.append(one)
        if not fitting:
            raise LookupError(f"no {self._kind} is drawn as the fair sells it")
        chosen = min(fitting, key=lambda one: (self._cuts[one.cut.name], one.seed))
        self._cuts[chosen.cut.name] += 1
        self._passed.remove(chosen)
        return chosen


def _is_new(look: Look, hue: Hue, titles: set[str]) -> bool:
    return look.hue == hue and look.spanish not in titles


def _has_form(look: Look, form: str) -> bool:
    return not form or look.cut.name == form or look.hue == HUES.get(form)


def _sku(kind: str, n: int) -> str:
    return f"DEMO-{kind.upper()}-{n + 1:02}"


def _price(about: float, dice: Dice) -> Decimal:
    return Decimal(int(about)) + Decimal(dice.choose(("0.50", "0.90", "0.95", "0.00")))


def _stock(dice: Dice) -> int:
    """Some sold out, some nearly."""
    return 0 if dice.chance(0.04) else dice.whole(1, 60)


def _views(dice: Dice) -> tuple[int, ...]:
    return (PLAIN, dice.whole(1, 3)) if dice.chance(0.2) else (PLAIN,)
