"""Pictures and what they show, to judge a model by: a folder a class, or faces with FER+ votes."""

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from feria.errors import Invalid, NotFound
from training.ferplus import COLUMNS, EMOTIONS

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"}
FORMS = "a folder with one folder of pictures per class, or a FER+ .npz"

Array = np.ndarray[Any, np.dtype[Any]]
Labels = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Labelled:
    source: Path
    classes: tuple[str, ...]
    truth: Labels
    """Of each picture, the place of its class in `classes`."""
    left_out: int
    """Faces whose votes name none of the classes."""
    numbers: Labels
    """Of each picture in the source, so that a sample of a gallery can leave itself out."""
    _name: Callable[[int], str]
    _load: Callable[[int], bytes]

    def __len__(self) -> int:
        return len(self.truth)

    def name(self, at: int) -> str:
        return self._name(int(self.numbers[at]))

    def load(self, at: int) -> bytes:
        """The picture as a file of a format that nodes take. Raises `OSError`."""
        return self._load(int(self.numbers[at]))

    def some(self, limit: int, seed: int) -> "Labelled":
        """At most so many, drawn without putting back."""
        if len(self) <= limit:
            return self
        drawn = np.sort(np.random.default_rng(seed).choice(len(self), limit, replace=False))
        return self.only(drawn)

    def only(self, drawn: Labels) -> "Labelled":
        return replace(self, truth=self.truth[drawn], numbers=self.numbers[drawn])


def read(source: Path) -> Labelled:
    """Raises `NotFound` where nothing is and `Invalid` where there are no pictures with classes."""
    if source.is_dir():
        return _folders(source)
    if not source.is_file():
        raise NotFound(f"There is no {source}; it should be {FORMS}.")
    return _faces(source)


def _folders(source: Path) -> Labelled:
    """A folder's name is its class. Folders deeper down and files without a picture's ending do not count."""
    folders = sorted(one for one in source.iterdir() if one.is_dir() and not one.name.startswith("."))
    paths = {folder.name: sorted(filter(_is_picture, folder.iterdir())) for folder in folders}
    paths = {name: found for name, found in paths.items() if found}
    if not paths:
        raise Invalid(f"{source} has no folders with pictures in them; it should be {FORMS}.")
    files = [path for found in paths.values() for path in found]
    truth = np.repeat(np.arange(len(paths)), [len(found) for found in paths.values()])
    return Labelled(
        source=source,
        classes=tuple(paths),
        truth=truth.astype(np.int64),
        left_out=0,
        numbers=np.arange(len(files)),
        _name=lambda at: str(files[at].relative_to(source)),
        _load=lambda at: files[at].read_bytes(),
    )


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file()


def _faces(source: Path) -> Labelled:
    """Faces as an `.npz` with `votes` `[n, k]` and their `columns` `[k]`, FER+'s own names.

    The pictures are `x`, uint8 `[n, height, width]` with or without a last axis of 1 (grey) or 3 (RGB); or
    `jpeg`, the bytes of all one after the other, and `offset` `[n + 1]`, where each begins and the last ends.
    See `majority` for what a face shows.
    """
    held = _arrays(source)
    missing = [key for key in ("votes", "columns") if key not in held]
    if not {"jpeg", "offset"} <= held.keys() and "x" not in held:
        missing.append("x (or jpeg and offset)")
    if missing:
        raise Invalid(f"{source} lacks {', '.join(missing)}; it has {', '.join(sorted(held)) or 'nothing'}.")
    load = _pixels(held["x"]) if "x" in held else _jpegs(held["jpeg"], held["offset"])
    count = len(held["x"]) if "x" in held else len(held["offset"]) - 1
    votes, columns = held["votes"], tuple(str(name) for name in held["columns"])
    if votes.shape != (count, len(columns)) or votes.dtype.kind not in "uif":
        raise Invalid(
            f"{source} has {count} pictures and {len(columns)} columns, "
            f"but its votes are {votes.dtype} of shape {votes.shape}."
        )
    truth = majority(votes, columns)
    used = np.flatnonzero(truth >= 0)
    if not len(used):
        raise Invalid(f"{source} has no face that most saw one of the seven emotions in.")
    return Labelled(
        source=source,
        classes=EMOTIONS,
        truth=truth[used],
        left_out=count - len(used),
        numbers=used.astype(np.int64),
        _name=lambda at: f"face {at}",
        _load=load,
    )


def majority(votes: Array, columns: tuple[str, ...]) -> Labels:
    """What each face shows, as places in `EMOTIONS`; −1 for a face that does not count.

    A face counts when a single one of all the columns (contempt, unknown and NF, no face, among them) has
    the most votes, and that is one of the seven emotions. Ties are left out, and so is all else. Raises
    `Invalid` when one of the seven has no column.
    """
    names = [COLUMNS.get(name) for name in columns]
    if set(EMOTIONS) - set(names):
        raise Invalid(f"The columns of the votes are {', '.join(columns)}; {', '.join(COLUMNS)} are needed.")
    of = np.array([EMOTIONS.index(name) if name else -1 for name in names], np.int64)
    most = votes.max(axis=1, keepdims=True, initial=0)
    single = (votes == most).sum(axis=1) == 1
    return np.where(single, of[votes.argmax(axis=1)], -1)


def _arrays(source: Path) -> Mapping[str, Array]:
    if not zipfile.is_zipfile(source):
        raise Invalid(f"{source} is no .npz; it should be {FORMS}.")
    try:
        with np.load(source, allow_pickle=False) as held:
            return {key: held[key] for key in held.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:  # whatever it trips over
        raise Invalid(f"{source} is a damaged .npz: {error}") from None


def _pixels(x: Array) -> Callable[[int], bytes]:
    depth = x.shape[3] if x.ndim == 4 else 1
    if x.dtype != np.uint8 or x.ndim not in {3, 4} or depth not in {1, 3} or 0 in x.shape[1:]:
        raise Invalid(f"x is {x.dtype} of shape {x.shape}; it should be uint8 [n, height, width].")
    flat = x[..., 0] if x.ndim == 4 and depth == 1 else x

    def load(at: int) -> bytes:
        file = io.BytesIO()
        Image.fromarray(flat[at]).save(file, "BMP")  # keeps each pixel, and costs next to nothing to decode
        return file.getvalue()

    return load


def _jpegs(jpeg: Array, offset: Array) -> Callable[[int], bytes]:
    if jpeg.dtype != np.uint8 or jpeg.ndim != 1 or offset.ndim != 1 or offset.dtype.kind not in "ui":
        raise Invalid("jpeg should be uint8 [bytes], and offset whole numbers [n + 1].")
    ends = offset.astype(np.int64)
    if not len(ends) or ends[0] < 0 or ends[-1] > len(jpeg) or (np.diff(ends) < 0).any():
        raise Invalid(f"offset does not part the {len(jpeg)} bytes of jpeg into pictures.")
    return lambda at: jpeg[ends[at] : ends[at + 1]].tobytes()
