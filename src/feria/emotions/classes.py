"""The seven expressions that networks for faces are trained to tell apart."""

from collections.abc import Sequence

from feria.registry.wire import Label

SEVEN = {
    "angry": "Enojo o ira",
    "disgust": "Asco o desagrado",
    "fear": "Miedo o temor",
    "happy": "Felicidad o alegría",
    "neutral": "Expresión neutra",
    "sad": "Tristeza",
    "surprise": "Sorpresa o asombro",
}
"""Name and description, in the order of their ids: 1 to 7."""

IDS = {name: number for number, name in enumerate(SEVEN, 1)}


def names(labels: Sequence[Label]) -> tuple[str, ...]:
    """What a network's classes are called: as it says, or the seven where it numbers as many from 0."""
    said = tuple(str(label) for label in labels)
    return tuple(SEVEN) if said == tuple(str(i) for i in range(len(SEVEN))) else said
