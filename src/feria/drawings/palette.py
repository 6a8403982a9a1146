"""The colours goods come in, by name, and how a colour becomes darker or lighter."""

from collections.abc import Mapping
from dataclasses import dataclass

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Hue:
    """A colour by its names: Spanish for one (he, she) and for several (he, she), English once."""

    english: str
    spanish: tuple[str, str, str, str]
    rgb: Rgb

    def of(self, *, feminine: bool, plural: bool) -> str:
        return self.spanish[2 * plural + feminine]


def rgb(web: str) -> Rgb:
    return int(web[1:3], 16), int(web[3:5], 16), int(web[5:7], 16)


def mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    """From `a` towards `b`."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def luma(colour: Rgb) -> float:
    return (0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]) / 255


def dark(colour: Rgb, share: float = 0.5) -> Rgb:
    """Its own shade: deeper and a little cooler, never plain black."""
    deep = mix(colour, (22, 20, 38), share)
    return deep if luma(colour) > 0.16 else mix(colour, (4, 4, 8), share)


def light(colour: Rgb, share: float = 0.5) -> Rgb:
    """Warm light on it."""
    return mix(colour, (255, 250, 238), share)


def apart(a: Rgb, b: Rgb) -> float:
    """How far two colours are from each other for the eye, 0 to about 1 (the low-cost "redmean" distance)."""
    red = (a[0] + b[0]) / 2
    dr, dg, db = (x - y for x, y in zip(a, b, strict=True))
    return float(((2 + red / 256) * dr * dr + 4 * dg * dg + (2 + (255 - red) / 256) * db * db) ** 0.5 / 765)


def _hue(english: str, spanish: str, web: str) -> Hue:
    """`blanc-o` agrees in four ways, `azul-es` only in number, `beige` never."""
    stem, _, ending = spanish.partition("-")
    if ending == "o":
        words = (f"{stem}o", f"{stem}a", f"{stem}os", f"{stem}as")
    else:
        words = (stem, stem, stem + ending, stem + ending)
    return Hue(english, words, rgb(web))


HUES: Mapping[str, Hue] = {
    hue.english: hue
    for hue in (
        _hue("white", "blanc-o", "#F3F0E8"),
        _hue("cream", "crema", "#EBDDBF"),
        _hue("beige", "beige", "#CFB68E"),
        _hue("camel", "camel", "#B98149"),
        _hue("brown", "marrón", "#6E4931"),
        _hue("grey", "gris-es", "#8D9197"),
        _hue("black", "negr-o", "#2A2B31"),
        _hue("navy", "azul marino", "#26396A"),
        _hue("blue", "azul-es", "#2E67B5"),
        _hue("light blue", "celeste-s", "#93BDE3"),
        _hue("turquoise", "turquesa", "#239A9C"),
        _hue("green", "verde-s", "#2F8A57"),
        _hue("mint", "verde menta", "#9CD3B6"),
        _hue("olive", "verde oliva", "#6C7434"),
        _hue("yellow", "amarill-o", "#EDBF35"),
        _hue("mustard", "mostaza", "#C8921F"),
        _hue("orange", "naranja", "#E4792F"),
        _hue("terracotta", "terracota", "#BE5E3C"),
        _hue("red", "roj-o", "#C8352F"),
        _hue("burgundy", "granate", "#7C2236"),
        _hue("pink", "rosa", "#E89BB0"),
        _hue("fuchsia", "fucsia", "#C8347F"),
        _hue("purple", "morad-o", "#6B4090"),
        _hue("lilac", "lila", "#B7A2DA"),
        # what grows has colours of its own
        _hue("golden", "dorad-o", "#E3BF4C"),
        _hue("green apple", "verde-s", "#9DBF45"),
        _hue("pear green", "verde-s", "#B5BC4B"),
        _hue("banana yellow", "amarill-o", "#F0CB3E"),
        _hue("orange peel", "naranja", "#F0922B"),
        _hue("lemon yellow", "amarill-o", "#F2D43C"),
        _hue("lime green", "verde-s", "#7FAE36"),
        _hue("tomato red", "roj-o", "#D8382B"),
        _hue("avocado green", "verde-s", "#4F5B33"),
        _hue("carrot orange", "naranja", "#EC8130"),
        _hue("aubergine purple", "morad-o", "#4A2A55"),
        _hue("kiwi brown", "marrón", "#94724A"),
        _hue("melon green", "verde-s", "#6EA04E"),
        _hue("dark green", "verde oscuro", "#3C6638"),
        _hue("peach", "melocotón", "#F1AE6A"),
        _hue("onion brown", "dorad-o", "#C98B45"),
    )
}
HUES = {
    **HUES,
    "brown": Hue("brown", ("marrón", "marrón", "marrones", "marrones"), HUES["brown"].rgb),
    "green apple": Hue("green", HUES["green"].spanish, HUES["green apple"].rgb),
    "navy": Hue("navy blue", HUES["navy"].spanish, HUES["navy"].rgb),
}

CLOTHS: Mapping[str, Rgb] = {
    "clay": rgb("#F3DFD2"),
    "sage": rgb("#DEE8DA"),
    "sky": rgb("#DAE5EE"),
    "straw": rgb("#F4EACB"),
    "rose": rgb("#F1DDE0"),
}
"""The web app's cloths behind product pictures (its `--cloth-…` tokens by day)."""

WHITE = HUES["white"].rgb
INK = rgb("#2B2420")
