"""Text is text: what may stand in it, and what is looked for in it."""

import re
import unicodedata

NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb\ufeff]")
"""Control characters but tab and new line, separators that other programs take for one, and characters
that are notes to a program."""
TURNS = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
"""They turn the direction of what follows: a name or an address can be made to look like another. Letters of
Arabic and Hebrew turn by themselves."""
INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2064\u206a-\u206f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""In a name, they tell two apart that look the same."""
MOST_MARKS = 4
"""Marks on one letter; those who pile up more write over their neighbours' lines."""
NAME = 40
TAKEN = frozenset(
    (
        "admin",
        "administrador",
        "administrator",
        "feria",
        "local",
        "moderador",
        "moderator",
        "operador",
        "operator",
        "root",
        "shop",
        "sistema",
        "soporte",
        "support",
        "system",
        "tienda",
    )
)
"""Names of guests that would be taken for the shop's."""


def clean(text: str) -> str:
    """Without control characters and turns, which nobody types; in composed form (NFC).

    Raises `ValueError` for halves of characters.
    """
    text = NO_TEXT.sub("", TURNS.sub("", text.replace("\r\n", "\n")))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text cannot hold half a character") from None
    return _without_towers(unicodedata.normalize("NFC", text)).strip()


def clean_name(name: str) -> str:
    """A name as it is shown. Raises `ValueError` for one that hides something, or is none."""
    if NO_TEXT.search(name) or TURNS.search(name) or INVISIBLE.search(name):
        raise ValueError("a nickname has characters that nobody sees")
    name = " ".join(clean(name).split())
    if not 1 <= len(name) <= NAME:
        raise ValueError(f"a nickname has 1 to {NAME} characters")
    if not any(character.isalnum() for character in name):
        raise ValueError("a nickname has at least one letter or digit")
    return name


def is_taken(name: str) -> bool:
    """Whether a guest by that name would be taken for somebody of the shop."""
    return re.sub(r"[\W_]", "", fold(name)) in TAKEN


def fold(text: str) -> str:
    """Without accents and capitals, for searching."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))


def _without_towers(text: str) -> str:
    if text.isascii():
        return text
    kept, marks = [], 0
    for one in text:
        marks = marks + 1 if unicodedata.combining(one) else 0
        if marks <= MOST_MARKS:
            kept.append(one)
    return "".join(kept)


class Words:
    """A list of words that nobody is to use, of which case and accents do not matter."""

    def __init__(self, words: "list[str] | tuple[str, ...]" = ()) -> None:
        alternatives = "|".join(re.escape(fold(word)) for word in words if fold(word).strip())
        self._found = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)") if alternatives else None

    def finds(self, text: str) -> str | None:
        """The first of them that stands in the text."""
        found = self._found.search(fold(text)) if self._found else None
        return found[0] if found else None
