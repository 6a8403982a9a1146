"""The cards of the networks that ship inside the package, one below the other."""

from pathlib import Path

import feria

SOURCE = "the cards in `src/feria/assets/models`, which the trainings write"
FOLDER = Path(feria.__file__).parent / "assets" / "models"
INTRODUCTION = """# Models that ship

These networks are inside the package and on the shelf of every node that is not told otherwise. How they
are made, and why so, is explained in [models](../explanation/models.md).
"""
NONE = "None ships yet. The scripts that train them are in `training/`.\n"


def page() -> str:
    cards = [card.read_text(encoding="utf-8") for card in sorted(FOLDER.glob("*.md"))]
    return "\n".join([INTRODUCTION, *(_one_deeper(card) for card in cards or [NONE])])


def _one_deeper(card: str) -> str:
    return "\n".join(f"#{line}" if line.startswith("#") else line for line in card.splitlines()) + "\n"
