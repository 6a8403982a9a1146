"""A store that has joined, with rows whose cells can be told from all else."""

import random
import struct
from pathlib import Path
from typing import Any

from feria.store.consent import Consent
from feria.store.home import Home, Store, public
from feria.store.rows import FileSource

ROWS = 120
TARGET = "relapse"


def _row(n: int, chance: random.Random) -> tuple[str, float, float, int]:
    sick = n % 2
    return (
        f"Ximena-{n:04}-Quispe",
        round(chance.gauss(91.7 + 20 * sick, 12), 9),
        round(chance.gauss(3.3, 1), 9),
        sick,
    )


_chance = random.Random(1)
CELLS = tuple(_row(n, _chance) for n in range(ROWS))
"""Name, pressure and sugar are each patient's own."""


def write_rows(file: Path, cells: tuple[tuple[Any, ...], ...] = CELLS) -> Path:
    head = f"who,pressure,sugar,{TARGET}\n"
    file.write_text(head + "".join(",".join(map(str, row)) + "\n" for row in cells))
    return file


def traces_of_cells(heard: bytes) -> list[object]:
    """Cells of patients that occur in the bytes: as text, or as the numbers of an array."""
    found: list[object] = []
    for who, *numbers, _ in CELLS:
        forms = [who.encode(), *(str(number).encode() for number in numbers)]
        forms += [struct.pack(kind, number) for number in numbers for kind in ("<d", ">d")]
        forms += [struct.pack(kind, *numbers) for kind in ("<ff", ">ff")]  # one of 4 bytes is found anywhere
        found += [form for form in forms if form in heard]
    return found


def join_by_hand(
    home: Home,
    *,
    superlink: str,
    ca: str,
    rows: Path,
    target: str = TARGET,
    consent: Consent | None = None,
    name: str = "Lima",
) -> str:
    """As if it had redeemed an invitation; its public key."""
    with home.held():
        key = home.key_for("one-time-token-of-a-store")
        home.keep(
            Store(
                name=name,
                hub="http://localhost:8000",
                node_id="1",
                superlink=superlink,
                dataset="patients",
                target=target,
                data=FileSource(file=rows),
                consent=consent or Consent(),
            ),
            key,
            ca,
        )
    return public(key)


def consents(home: Home, **to: Any) -> None:
    """As if somebody had edited `store.json`."""
    store = home.store()
    told = store.model_copy(update={"consent": Consent(**to)})
    (home.folder / "store.json").write_text(told.model_dump_json())
