"""Which of a model's labels a folder means: names are written in more than one way."""

import re
from collections.abc import Sequence

import numpy as np

from feria.errors import Invalid

SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "scared": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}
"""Emotions, as other data and other networks call them."""

Labels = np.ndarray[tuple[int], np.dtype[np.int64]]


def canonical(name: object) -> str:
    """The same for `T_Shirt` and `t-shirt`, and for `happiness` and `happy`."""
    plain = re.sub(r"[\s_-]+", "-", str(name).strip().casefold())
    return SYNONYMS.get(plain, plain)


def places(folders: Sequence[str], labels: Sequence[object]) -> Labels:
    """Of each folder, the place of its label.

    Raises `Invalid`, with both lists, for a folder that no label matches or that several do.
    """
    by_name: dict[str, list[int]] = {}
    for at, label in enumerate(labels):
        by_name.setdefault(canonical(label), []).append(at)
    unknown = [folder for folder in folders if canonical(folder) not in by_name]
    if unknown:
        raise Invalid(
            f"No label of the model matches {_listed(unknown)}. The data's classes: {_listed(folders)}. "
            f"The model's labels: {_listed(labels)}."
        )
    found = [by_name[canonical(folder)] for folder in folders]
    for folder, several in zip(folders, found, strict=True):
        if len(several) > 1:
            raise Invalid(
                f"The class {folder} matches several labels of the model: "
                f"{_listed([labels[at] for at in several])}."
            )
    return np.array([one for (one,) in found], np.int64)


def _listed(names: Sequence[object], most: int = 100) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + rest
