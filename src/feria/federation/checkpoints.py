"""Where a job stands after a round, in one file that is either whole or not there; never pickle.

The file is numpy's `.npz`: arrays as such, all else as one JSON text. It takes the old one's place by a
rename after both have reached the disk, so a crash at any moment leaves the last whole round.
"""

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from flwr.serverapp import RdpAccountant
from flwr.serverapp.strategy import Strategy

from feria.errors import Corrupt
from feria.storage import durable

Numbers = np.ndarray[Any, Any]
VERSION = 1
ARRAY, TUPLE = "$array", "$tuple"
"""Marks in the JSON text: what stands in the place of an array, and of a tuple."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    round: int
    arrays: Mapping[str, Numbers]
    """The global ones, in their order."""
    strategy: Mapping[str, Any]
    """See `state_of`."""
    memories: Mapping[str, bytes] = field(default_factory=dict)
    """What clients of the embedded grid remember, by name."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """JSON: what this round's end is told with."""


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Durable when it returns."""
    kept: list[Numbers] = []

    def put(value: Numbers) -> int:
        kept.append(value)
        return len(kept) - 1

    text = {
        "version": VERSION,
        "round": checkpoint.round,
        "arrays": [[name, put(array)] for name, array in checkpoint.arrays.items()],
        "strategy": _text(checkpoint.strategy, put),
        "memories": {
            name: put(np.frombuffer(packed, np.uint8)) for name, packed in checkpoint.memories.items()
        },
        "told": checkpoint.told,
    }
    entries = {str(n): array for n, array in enumerate(kept)}
    fresh = path.with_name(f"{path.name}.new")
    with open(fresh, "wb") as file:
        np.savez(file, text=np.frombuffer(msgspec.json.encode(text), np.uint8), **entries)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    durable.replace(fresh, path)


def load(path: Path) -> Checkpoint | None:
    """None where there is none yet. Raises `Corrupt` for a file that is none of ours."""
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            text = msgspec.json.decode(file["text"].tobytes())
            if text["version"] != VERSION:
                raise ValueError(f"version {text['version']}")
            return Checkpoint(
                text["round"],
                {name: file[str(place)] for name, place in text["arrays"]},
                _value(text["strategy"], lambda place: file[str(place)]),
                {name: file[str(place)].tobytes() for name, place in text["memories"].items()},
                text["told"],
            )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, msgspec.MsgspecError) as error:
        raise Corrupt(f"The job's checkpoint cannot be read ({error}); start the job anew.") from None


# ------------------------------------------------------------------- a strategy's memory
def state_of(strategy: Strategy) -> dict[str, Any]:
    """All that a strategy holds in its attributes and that is an array, JSON, or lists and dicts of these:
    momenta, counts, an adapted norm, the ledger of an accountant, and the same of a strategy inside.

    Of an attribute that is anything else, nothing is kept.
    """
    state: dict[str, Any] = {}
    for name, value in vars(strategy).items():
        if isinstance(value, Strategy):
            state[name] = state_of(value)
        elif isinstance(value, RdpAccountant):
            state[name] = value.state_dict()
        elif _kept(value):
            state[name] = value
    return state


def restore(strategy: Strategy, state: Mapping[str, Any]) -> None:
    for name, value in state.items():
        held = getattr(strategy, name, None)
        if isinstance(held, Strategy):
            restore(held, value)
        elif isinstance(held, RdpAccountant):
            held.load_state_dict(value)
        else:
            setattr(strategy, name, value)


def _kept(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _kept(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return all(_kept(each) for each in value)
    return value is None or isinstance(value, bool | int | float | str | np.ndarray)


def _text(value: Any, put: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {ARRAY: put(value)}
    if isinstance(value, tuple):
        return {TUPLE: [_text(each, put) for each in value]}
    if isinstance(value, list):
        return [_text(each, put) for each in value]
    if isinstance(value, dict):
        return {key: _text(each, put) for key, each in value.items()}
    return value


def _value(text: Any, get: Any) -> Any:
    if isinstance(text, list):
        return [_value(each, get) for each in text]
    if not isinstance(text, dict):
        return text
    if text.keys() == {ARRAY}:
        return get(text[ARRAY])
    if text.keys() == {TUPLE}:
        return tuple(_value(each, get) for each in text[TUPLE])
    return {key: _value(each, get) for key, each in text.items()}
