"""Fruit, vegetables and cartons."""

from collections.abc import Callable

from feria.drawings import (
    citrus,
    fruit,
    halves,
    packages,
    vegetables,
)
from feria.drawings.kind import Kind
from feria.drawings.look import Cut, Look, Noun
from feria.drawings.sketch import Sketch


def _produce(
    label: str,
    noun: Noun,
    piece: Callable[..., Sketch],
    hues: tuple[str, ...],
    *,
    accents: tuple[str, ...] = (),
    says_hue: bool = False,
    unit: Callable[[Look], Sketch] | None = None,
) -> Kind:
    return Kind(
        label, noun, piece, "heaped", hues, accents=accents or hues, says_hue=says_hue, unit=unit, foot=0.72
    )


PRODUCE = {
    "apple": _produce(
        "Apple",
        Noun("manzana", "apple", feminine=True),
        fruit.apple,
        ("red", "green apple", "golden"),
        accents=("red", "golden"),
        says_hue=True,
    ),
    "pear": _produce("Pear", Noun("pera", "pear", feminine=True), fruit.pear, ("pear green", "golden")),
    "banana": _produce("Banana", Noun("plátanos", "bananas", plural=True), fruit.banana, ("banana yellow",)),
    "orange": _produce("Orange", Noun("naranja", "orange", feminine=True), citrus.orange, ("orange peel",)),
    "lemon": _produce("Lemon", Noun("limón", "lemon"), citrus.lemon, ("lemon yellow",)),
    "lime": _produce("Lime", Noun("lima", "lime", feminine=True), citrus.lime, ("lime green",)),
    "tomato": _produce("Tomato", Noun("tomate", "tomato"), vegetables.tomato, ("tomato red",)),
    "avocado": _produce(
        "Avocado", Noun("aguacate", "avocado"), halves.avocado_pair, ("avocado green",), unit=fruit.avocado
    ),
    "pepper": _produce(
        "Pepper",
        Noun("pimiento", "pepper"),
        vegetables.pepper,
        ("red", "green", "yellow", "orange"),
        says_hue=True,
    ),
    "carrot": _produce(
        "Carrots",
        Noun("zanahorias", "carrots", feminine=True, plural=True),
        vegetables.carrot,
        ("carrot orange",),
        unit=vegetables.loose_carrot,
    ),
    "aubergine": _produce(
        "Aubergine",
        Noun("berenjena", "aubergine", feminine=True),
        vegetables.aubergine,
        ("aubergine purple",),
    ),
    "kiwi": _produce("Kiwi", Noun("kiwi", "kiwi"), halves.kiwi_pair, ("kiwi brown",), unit=fruit.kiwi),
    "watermelon": _produce(
        "Melon",
        Noun("sandía", "watermelon", feminine=True),
        halves.watermelon_pair,
        ("melon green",),
        accents=("dark green",),
        unit=fruit.watermelon,
    ),
    "melon": _produce("Melon", Noun("melón", "melon"), fruit.melon, ("golden", "pear green")),
    "peach": _produce("Peach", Noun("melocotón", "peach"), fruit.peach, ("peach",), accents=("red",)),
    "plum": _produce(
        "Plum", Noun("ciruela", "plum", feminine=True), fruit.plum, ("aubergine purple", "burgundy")
    ),
    "onion": _produce("Onion", Noun("cebolla", "onion", feminine=True), vegetables.onion, ("onion brown",)),
    "cucumber": _produce("Cucumber", Noun("pepino", "cucumber"), vegetables.cucumber, ("dark green",)),
}


PACKAGES = {
    "milk": Kind(
        "Milk",
        Noun("leche", "milk", feminine=True),
        packages.milk,
        "stood",
        ("white",),
        accents=("red", "blue", "green", "light blue", "turquoise"),
        cuts=(
            Cut("entera", "whole", "whole"),
            Cut("semidesnatada", "semi-skimmed", "semi"),
            Cut("desnatada", "skimmed", "skimmed"),
        ),
        says_hue=False,
        foot=0.95,
    ),
    "juice": Kind(
        "Juice",
        Noun("zumo", "juice"),
        packages.juice,
        "stood",
        accents=("green", "navy", "white", "blue"),
        cuts=(
            Cut("de naranja", "orange", "orange", hues=("orange",)),
            Cut("de manzana", "apple", "apple", hues=("green",)),
            Cut("de melocotón", "peach", "peach", hues=("mustard",)),
            Cut("de tomate", "tomato", "tomato", hues=("red",)),
        ),
        says_hue=False,
        foot=0.95,
    ),
    "yoghurt": Kind(
        "Yoghurt",
        Noun("yogur", "yoghurt"),
        packages.yoghurt,
        "stood",
        ("white", "cream"),
        accents=("blue",),
        cuts=(
            Cut("natural", "plain", "plain"),
            Cut("de fresa", "strawberry", "strawberry"),
            Cut("de vainilla", "vanilla", "vanilla"),
            Cut("de arándanos", "blueberry", "blueberry"),
        ),
        says_hue=False,
        foot=0.95,
    ),
}
