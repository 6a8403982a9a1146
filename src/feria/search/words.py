"""From text to what is compared: words without case and accents, and their stems in two languages.

The index and the query go through the same functions, in Python: tantivy is handed finished stems and cuts
them at blanks, so nothing has to be registered with it and highlights agree with what was found.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec
from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

ANALYSIS = 1
"""Counts up when these functions answer otherwise: an index made before is then made anew."""
LONGEST = 40
"""Letters of a word that count."""
KEPT = 200_000
"""Words whose stems are remembered; a catalogue says the same ones again and again."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_spanish_stemmer = TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.stemmer("spanish")).build()
_english_stemmer = TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.stemmer("english")).build()

STOP_WORDS = frozenset(
    _WORD.findall(
        "a al con de del e el en la las lo los o para por que sin su un una unas unos y "
        "an and at by for from in is it of on or that the this to with"
    )
)
"""Left out of a query that has other words. No `te`, which folded is tea, and no `pan`."""

_IRREGULAR_SPANISH = {"tes": "te", "jerseis": "jersey", "jerseys": "jersey"}
_IRREGULAR_ENGLISH = {
    "calves": "calf", "children": "child", "feet": "foot", "geese": "goose", "halves": "half",
    "knives": "knife", "leaves": "leaf", "loaves": "loaf", "men": "man", "mice": "mouse",
    "scarves": "scarf", "shelves": "shelf", "teeth": "tooth", "wolves": "wolf", "women": "woman",
}  # fmt: skip


class Token(NamedTuple):
    """A word, folded, and where in the text it stands."""

    word: str
    start: int
    end: int


class Stems(msgspec.Struct, frozen=True, gc=False):  # a collector would visit 200,000 of them, for 0.1 s
    noun: str
    """Spanish, without number: `gorras` is `gorra`, and not yet `gorro`."""
    es: str
    """Snowball's of the noun: `gorra`, `gorro` and `gorros` are one."""
    en: str


def tokens(text: str) -> Iterator[Token]:
    """The words of a text; hand it in as `composed` says, or places are those of another spelling."""
    for found in _WORD.finditer(text):
        if word := fold(found.group()):
            yield Token(word, found.start(), found.end())


def words(text: str) -> list[str]:
    return [folded for word in _WORD.findall(composed(text)) if (folded := fold(word))]


def composed(text: str) -> str:
    """An accent and its letter as one character: they may come as two."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@lru_cache(KEPT)
def fold(word: str) -> str:
    """`ZAPATILLÁS`, `zapatillas`: one. So are `men's` and `men`, `l'oréal` and `loreal`."""
    word = word.casefold()
    if not word.isascii():
        apart = unicodedata.normalize(
            "NFKD", word
        ).casefold()  # again: of a bold letter comes a plain capital
        word = "".join(c for c in apart if not unicodedata.combining(c))
    return re.sub(r"['’]s$|\W", "", word)[:LONGEST]


@lru_cache(KEPT)
def stems(word: str) -> Stems:
    """Of a folded word, as a word of either language."""
    noun = without_number(word)
    (es,) = _spanish_stemmer.analyze(noun)
    (en,) = _english_stemmer.analyze(_IRREGULAR_ENGLISH.get(word, word))
    return Stems(noun, es, en)


def without_number(word: str) -> str:
    """The same for a Spanish noun and its plural, and often neither of them.

    Snowball is given this: alone it leaves `sartén | sartenes`, `altavoz | altavoces`, `té | tés` and
    `champú | champús` apart.

    A plural ends in -s after a vowel and in -es after a consonant, z turning to c. Which it was cannot be
    told (corte-s, color-es), so a last -e goes too, and what then ends as a plural (gris-es, inglés-es) is
    taken once more. Words of three letters stay: mes-es and bus-es come down to them.
    """
    word = _IRREGULAR_SPANISH.get(word, word)
    while len(word) > 3:
        if word.endswith("ces"):
            return word[:-2]
        if word.endswith("ce"):
            return word[:-1]
        if word.endswith("es") and len(word) > 4:
            word = word[:-2]
        elif word.endswith(("e", "s")) and not word.endswith("ss"):
            word = word[:-1]
        else:
            break
    return f"{word[:-1]}c" if word.endswith("z") else word
