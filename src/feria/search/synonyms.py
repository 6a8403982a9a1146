"""Words that shoppers use for one thing."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from feria.errors import Invalid
from feria.search.words import STOP_WORDS, stems, words

SHIPPED = Path(__file__).with_name("synonyms.txt")
LONGEST = 3
"""Words of one entry."""

Entry = tuple[str, ...]
"""Folded, without stop words: `("traje", "bano")`."""


class Synonyms:
    """Groups of entries. An entry is found whatever the number of its words; not in another gender, since
    `gorro` is no `gorra`."""

    def __init__(self, groups: Iterable[Iterable[str]]) -> None:
        self._groups: list[tuple[Entry, ...]] = []
        self._of: dict[Entry, list[int]] = {}
        for group in groups:
            entries = tuple(dict.fromkeys(entry for text in group if (entry := entry_of(text))))
            for entry in entries:
                for key in _keys(entry):
                    self._of.setdefault(key, []).append(len(self._groups))
            self._groups.append(entries)

    def starting(self, asked: Sequence[str]) -> tuple[int, tuple[Entry, ...]]:
        """How many of the words asked for, from the first, are an entry, and the others of its groups.

        The longest entry counts. One word without a group has no others.
        """
        for length in range(min(LONGEST, len(asked)), 0, -1):
            entry = tuple(asked[:length])
            keys = _keys(entry)
            numbers = dict.fromkeys(number for key in keys for number in self._of.get(key, ()))
            if numbers:
                others = dict.fromkeys(other for number in numbers for other in self._groups[number])
                return length, tuple(other for other in others if not keys & _keys(other))
        return 1, ()


def entry_of(text: str) -> Entry:
    found = words(text)
    return tuple(word for word in found if word not in STOP_WORDS) or tuple(found)


def read_synonyms(*files: Path) -> Synonyms:
    """What comes with feria, and more groups from such files: a line each, entries between commas, comments
    behind `#`. Raises `Invalid` for a file that cannot be read."""
    return Synonyms(group for file in (SHIPPED, *files) for group in _read(file))


def _read(file: Path) -> list[list[str]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise Invalid(f"The synonyms in {file} cannot be read: {error}.") from None
    groups = [line.partition("#")[0].split(",") for line in text.splitlines()]
    for number, group in enumerate(groups, 1):
        for entry in group:
            if len(entry_of(entry)) > LONGEST:
                raise Invalid(f"{file}, line {number}: {entry.strip()!r} has more than {LONGEST} words.")
    return [group for group in groups if any(map(str.strip, group))]


@lru_cache(10_000)
def _keys(entry: Entry) -> frozenset[Entry]:
    """By its nouns without number, and by its English stems."""
    found = [stems(word) for word in entry]
    return frozenset((tuple(one.noun for one in found), tuple(one.en for one in found)))
