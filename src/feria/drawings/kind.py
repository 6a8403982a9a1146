"""How one kind of thing is drawn, and what may vary."""

from collections.abc import Callable
from dataclasses import dataclass

from feria.drawings.look import Cut, Look, Noun
from feria.drawings.sketch import Sketch

CLOTH = (
    "white",
    "cream",
    "black",
    "navy",
    "blue",
    "light blue",
    "turquoise",
    "green",
    "mint",
    "olive",
    "yellow",
    "mustard",
    "orange",
    "terracotta",
    "red",
    "burgundy",
    "pink",
    "fuchsia",
    "purple",
    "lilac",
    "grey",
)


@dataclass(frozen=True, slots=True)
class Kind:
    label: str | None
    """Its class in the products network; None where it must be unsure."""
    noun: Noun
    paint: Callable[[Look], Sketch]
    setting: str = "flat"
    """`flat` on the floor; `worn` too, plain ones upright; `stood` on a table; `heaped` also in crates."""
    hues: tuple[str, ...] = CLOTH
    patterns: tuple[str, ...] = ("plain",)
    cuts: tuple[Cut, ...] = ()
    accents: tuple[str, ...] = ()
    says_hue: bool = True
    unit: Callable[[Look], Sketch] | None = None
    """One piece, where `paint` draws several."""
    foot: float = 0.8
    """How much of its width stands on the ground."""
    middle: float = 50
    """Where that foot's middle is, in hundredths of its width."""
