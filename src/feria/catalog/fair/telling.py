"""Titles and descriptions, in Spanish and in English, of what a picture shows."""

from dataclasses import replace

from feria.catalog.fair.wares import Material, Wares
from feria.catalog.wire import Words
from feria.drawings import Look
from feria.drawings.dice import Dice
from feria.drawings.look import Noun

TRIMS = {
    "trainers": Words(es="detalles", en="details"),
    "sun-hat": Words(es="cinta", en="ribbon"),
}
"""What shows the second colour where there is no pattern."""

PATTERNS = {
    "stripes": Words(es="rayas", en="stripes"),
    "pinstripes": Words(es="raya fina", en="pinstripes"),
    "dots": Words(es="lunares", en="polka dots"),
    "checks": Words(es="cuadros", en="checks"),
    "floral": Words(es="flores", en="flowers"),
}


TYPES = frozenset(
    ("A-line", "bomber", "Chelsea", "chino", "high-top", "jogging", "lace-up", "pencil", "shift", "sports",
     "turtleneck", "V-neck")
)  # fmt: skip
"""English cuts that say what sort of thing it is and so stand beside the noun: `red shift dress`, but `long
red dress`."""


def title(look: Look, wares: Wares, material: Material, name: str) -> Words:
    """`Vestido largo rojo de lunares Marea`, `Marea long red polka-dot dress`."""
    if wares.says_material:
        look = replace(look, noun=_made_of(look.noun, material))
    cut, hue, pattern = look.cut.english, look.hue.english, look.pattern.english
    kept = (hue, pattern, cut) if cut in TYPES else (cut, hue, pattern)
    english = " ".join(filter(None, (name, *kept, look.noun.english)))
    return Words(es=f"{look.spanish} {name}", en=english)


def description(look: Look, wares: Wares, material: Material, n: int, dice: Dice) -> Words:
    """Three sentences: an opening, and two of what there is to say of its cut, its use and its care."""
    opening, use = dice.choose(wares.openings), wares.uses[n % len(wares.uses)]
    cut = wares.cuts.get(look.cut.name)
    if cut is None:
        sentences = [opening, use, material.care]
    else:
        sentences = [opening, cut, use if dice.chance(0.6) else material.care]
    both, name = colours(look), material.name
    article = "An" if name.en[0] in "aeiou" else "A"
    return Words(
        es=" ".join(one.es for one in sentences).format(material=name.es, colours=both.es),
        en=" ".join(one.en for one in sentences).format(material=name.en, colours=both.en, A=article),
    )


def colours(look: Look) -> Words:
    """`azul marino con lunares en blanco`, to follow "en"; `navy blue with white polka dots`."""
    spanish, english = look.hue.of(feminine=False, plural=False), look.hue.english
    if look.second is None:
        return Words(es=spanish, en=english)
    es, en = look.second.of(feminine=False, plural=False), look.second.english
    if look.pattern.name == "blocks":
        return Words(es=f"{spanish} y {es}", en=f"{english} and {en}")
    what = PATTERNS.get(look.pattern.name) or TRIMS.get(look.kind)
    if what is None:
        return Words(es=spanish, en=english)
    return Words(es=f"{spanish} con {what.es} en {es}", en=f"{english} with {en} {what.en}")


def _made_of(noun: Noun, material: Material) -> Noun:
    return replace(
        noun,
        spanish=f"{noun.spanish} de {material.name.es}",
        english=f"{material.name.en} {noun.english}",
    )
