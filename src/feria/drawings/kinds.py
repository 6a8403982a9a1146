"""Every kind of thing that can be drawn."""

from collections.abc import Callable, Mapping

from feria.drawings import (
    crockery,
)
from feria.drawings.kind import Kind
from feria.drawings.look import Look, Noun
from feria.drawings.pantry import PACKAGES, PRODUCE
from feria.drawings.sketch import Sketch
from feria.drawings.wardrobe import GARMENTS

GLAZES = (
    "white",
    "cream",
    "terracotta",
    "blue",
    "navy",
    "green",
    "mint",
    "mustard",
    "turquoise",
    "beige",
    "olive",
    "burgundy",
    "light blue",
    "brown",
)
PAINTED = ("plain", "stripes", "dots", "floral", "blocks")


def _pot(
    noun: Noun,
    piece: Callable[[Look], Sketch],
    *,
    hues: tuple[str, ...] = GLAZES,
    painted: tuple[str, ...] = PAINTED,
    foot: float = 0.62,
    middle: float = 50,
) -> Kind:
    return Kind(None, noun, piece, "stood", hues, painted, foot=foot, middle=middle)


CROCKERY = {
    "jug": _pot(Noun("jarra", "jug", feminine=True), crockery.jug, middle=42),
    "mug": _pot(Noun("taza", "mug", feminine=True), crockery.mug, middle=40),
    "plate": _pot(
        Noun("plato", "plate"),
        crockery.plate,
        painted=PAINTED[1:],
        hues=("white", "cream", "beige", "light blue", "mint", "terracotta"),
        foot=0.5,
    ),
    "bowl": _pot(Noun("cuenco", "bowl"), crockery.bowl, foot=0.5),
    "vase": _pot(Noun("jarrón", "vase"), crockery.vase, foot=0.8),
    "teapot": _pot(Noun("tetera", "teapot", feminine=True), crockery.teapot, middle=49),
    "botijo": _pot(
        Noun("botijo", "botijo"),
        crockery.botijo,
        hues=("cream", "beige", "terracotta", "white", "brown"),
        foot=0.66,
        middle=48,
    ),
    "casserole": _pot(
        Noun("cazuela", "casserole", feminine=True),
        crockery.casserole,
        painted=("plain", "plain", "stripes"),
        hues=("terracotta", "brown", "red", "navy", "green", "mustard", "burgundy"),
        foot=0.7,
    ),
    "flowerpot": _pot(
        Noun("maceta", "flowerpot", feminine=True),
        crockery.flowerpot,
        hues=("terracotta", "white", "blue", "mustard", "turquoise", "cream", "pink"),
        foot=0.5,
    ),
    "oil-jug": _pot(
        Noun("aceitera", "oil jug", feminine=True),
        crockery.oil_jug,
        painted=("plain", "blocks", "stripes"),
        hues=("olive", "green", "cream", "mustard", "terracotta"),
        foot=0.6,
        middle=52,
    ),
}

KINDS: Mapping[str, Kind] = {**GARMENTS, **PRODUCE, **PACKAGES, **CROCKERY}
