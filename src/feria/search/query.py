"""The plan of a search: from what somebody typed to what the index is asked.

Each word of the query is found by its stems and its synonyms. A word that nobody wrote out in full may be
the beginning of one; a word that nothing holds may be misspelt. What is found that way stands below
everything that holds the words as they were typed. Only when no product has all words, those with most of
them are the answer.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tantivy import Occur, Query

from feria.catalog.wire import Language
from feria.search.index import EVERYTHING, TextIndex, either, every
from feria.search.schema import SCHEMA
from feria.search.synonyms import Entry, Synonyms
from feria.search.wire import LONGEST_TEXT
from feria.search.words import STOP_WORDS, Token, composed, stems, tokens

MOST_WORDS = 12
"""Of a query; more are hardly what somebody looks for."""

TITLE, CATEGORY, TEXT = 8.0, 3.0, 1.0
"""Weights of the fields."""
SYNONYM, BEGINNING, CORRECTION = 0.6, 0.5, 0.5
OTHER_LANGUAGE = 0.5
TIER = 1000.0
"""More than any product scores otherwise: puts those found as typed above the others."""

SKU = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
COMPLETIONS = 24
"""Words that a beginning stands for at most, the commonest."""
MEANT = 3
"""Of these, those that are looked for as if they had been typed, with what else is said for them."""
MANY = 5
"""Products with words that begin so, from which on nobody asks whether it was misspelt."""
CORRECTIONS = 3
LONG_WORD = 6
"""Letters from which on a word may have two faults and not only one."""


@dataclass
class Marks:
    """By what a found product's words are known as those that were looked for."""

    es: set[str] = field(default_factory=set)
    en: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)

    def add(self, entry: Iterable[str]) -> None:
        for word in entry:
            found = stems(word)
            self.es.add(found.es)
            self.en.add(found.en)

    def take(self, word: str) -> bool:
        found = stems(word)
        return found.es in self.es or found.en in self.en or word in self.words


@dataclass(frozen=True, slots=True)
class Plan:
    query: Query
    exact: Query
    """What holds all words as they were typed."""
    most: Query | None
    """For when nothing has all of them."""
    corrected: str | None
    """The text as it was taken to be meant, where a word was held to be misspelt."""
    marks: Marks


class Planner:
    """Plans queries for an index as it is now."""

    def __init__(self, index: TextIndex, synonyms: Synonyms, language: Language | None = None) -> None:
        self._index = index
        self._synonyms = synonyms
        self._language = language

    def plan(self, text: str) -> Plan | None:
        """None when there are no words in the text. Raises `Corrupt`."""
        text, asked = read_query(text)
        if not asked:
            return None
        marks = Marks()
        exact: list[Query] = []
        loose: list[Query] = []
        corrections: dict[Token, str] = {}
        for unit, others in self._units(asked):
            entry = tuple(token.word for token in unit)
            as_typed = self._entry(entry, others)
            exact.append(as_typed)
            loose.append(as_typed)
            for one in (entry, *others):
                marks.add(one)
            if len(entry) == 1 and not self._index.documents("words", entry[0]):
                guesses, meant = self._guess(entry[0], others, marks)
                if guesses:
                    loose[-1] = either([as_typed, *guesses])
                if meant is not None:
                    corrections[unit[0]] = meant
        as_typed, query = every(exact), every(loose)
        if loose != exact:
            above = (Occur.Should, Query.const_score_query(as_typed, TIER))
            query = Query.boolean_query([(Occur.Must, query), above])
        if SKU.fullmatch(sku := text.strip().lower()) and self._index.documents("sku", sku):
            named = Query.const_score_query(Query.term_query(SCHEMA, "sku", sku), 2 * TIER)
            as_typed, query = either([named, as_typed]), either([named, query])
        return Plan(query, as_typed, _most_of(loose), _rewritten(text, corrections), marks)

    def _units(self, asked: Sequence[Token]) -> Iterator[tuple[Sequence[Token], tuple[Entry, ...]]]:
        """Words that mean one thing together, mostly each by itself, and what else is said for it."""
        at = 0
        while at < len(asked):
            length, others = self._synonyms.starting([token.word for token in asked[at:]])
            yield asked[at : at + length], others
            at += length

    # ------------------------------------------------------------------- words as they were typed
    def _entry(self, entry: Entry, others: Sequence[Entry]) -> Query:
        """Products with all words of the entry, or in their titles all of one that means the same."""
        said = [[*self._titled(word), *_anywhere(word)] for word in entry]
        same = [every([either(self._titled(word, SYNONYM)) for word in other]) for other in others]
        return either([*(said[0] if len(said) == 1 else [every([either(one) for one in said])]), *same])

    def _titled(self, word: str, share: float = 1.0) -> list[Query]:
        found = stems(word)
        spanish, english = (TITLE * share * self._weight(language) for language in ("es", "en"))
        keys = [("title_es", found.es, spanish), ("title_en", found.en, english)]
        if found.noun != found.es:
            keys.append(("title_es", found.noun, spanish))
        keys += [("category_words", key, CATEGORY * share) for key in {found.es, found.en}]
        return [_term(*key) for key in keys]

    def _weight(self, language: str) -> float:
        return 1.0 if self._language in {None, language} else OTHER_LANGUAGE

    # ------------------------------------------------------------------- words as they may be meant
    def _known(self, word: str) -> bool:
        found = stems(word)
        return any(self._index.documents("stems", key) for key in {found.es, found.en})

    def _guess(self, word: str, others: Sequence[Entry], marks: Marks) -> tuple[list[Query], str | None]:
        """What a word may begin, or else be; and the word that it was held to be, if that is another."""
        noun = stems(word).noun
        begun = self._index.beginning(word, COMPLETIONS) if len(word) > 1 else {}
        begun = {one: count for one, count in begun.items() if stems(one).noun != noun}  # found by it anyway
        marks.words |= set(begun)
        guesses = [_term("words", one, TITLE * BEGINNING) for one in begun]
        guesses += [self._meant(one, BEGINNING, marks) for one in list(begun)[:MEANT]]
        known = any(all(map(self._known, entry)) for entry in ((word,), *others))
        if known or sum(begun.values()) >= MANY:
            return guesses, None
        meant = self.corrections(word)
        guesses += [
            self._meant(one, CORRECTION if one == meant[0] else CORRECTION / 5, marks) for one in meant
        ]
        return guesses, self._index.spelling(meant[0], self._language) if meant else None

    def _meant(self, word: str, share: float, marks: Marks) -> Query:
        """As if the word had been typed, with what else is said for it."""
        _, others = self._synonyms.starting([word])
        for one in ((word,), *others):
            marks.add(one)
        return Query.boost_query(self._entry((word,), others), share)

    def corrections(self, word: str) -> list[str]:
        """Words of titles that the word may be meant for, or that it may be the misspelt plural of: the
        nearest; of these the commonest first, those with its first letter before all others."""
        if len(word) < 3 or word.isdecimal():
            return []
        forms = [
            word,
            *(word.removesuffix(end) for end in ("s", "es") if word.endswith(end) and len(word) > 4),
        ]
        for allowed in (1,) if len(word) < LONG_WORD else (1, 2):
            near: dict[str, int] = {}
            for form in forms:
                query = Query.fuzzy_term_query(SCHEMA, "words", form, distance=allowed)
                near |= {
                    other: count
                    for other, count in self._index.words_of(query).items()
                    if abs(len(other) - len(form)) <= allowed and distance(form, other) <= allowed
                }
            if near:
                return sorted(near, key=lambda one: (one[0] != word[0], -near[one], one))[:CORRECTIONS]
        return []


def read_query(text: str) -> tuple[str, list[Token]]:
    """The text as far as it counts, and its words: each once, without those that say nothing if others do."""
    text = composed(text[:LONGEST_TEXT])
    found = list({token.word: token for token in tokens(text)}.values())
    telling = [token for token in found if token.word not in STOP_WORDS]
    return text, (telling or found)[:MOST_WORDS]


@lru_cache(10_000)
def distance(one: str, other: str) -> int:
    """Letters to put in, leave out, change or swap with their neighbours to come from one to the other
    (Damerau and Levenshtein's, each place touched once)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, there in enumerate(other, 1):
            cost = min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (letter != there))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == there:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def _term(name: str, value: str, weight: float) -> Query:
    return Query.boost_query(Query.term_query(SCHEMA, name, value), weight)


def _anywhere(word: str) -> list[Query]:
    found = stems(word)
    return [_term("stems", key, TEXT) for key in {found.es, found.en}]


def _most_of(units: Sequence[Query]) -> Query | None:
    """Products with half the units or more; first those that have more of them."""
    if len(units) < 2:
        return None
    counted = [
        Query.boolean_query(
            [(Occur.Must, unit), (Occur.Must, Query.const_score_query(EVERYTHING, TIER / 10))]
        )
        for unit in units
    ]
    return either(counted, math.ceil(len(units) / 2))


def _rewritten(text: str, corrections: dict[Token, str]) -> str | None:
    if not corrections:
        return None
    for token, word in sorted(corrections.items(), key=lambda one: -one[0].start):
        text = text[: token.start] + word + text[token.end :]
    return " ".join(text.split())
