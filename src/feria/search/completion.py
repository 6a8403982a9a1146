"""What somebody who is still typing may be about to ask for."""

from dataclasses import dataclass

from tantivy import Query

from feria.catalog.wire import Language, Words
from feria.search.index import TextIndex, every
from feria.search.query import Planner, read_query
from feria.search.schema import SCHEMA
from feria.search.synonyms import Synonyms
from feria.search.words import words

TITLES = 5
"""Products that are named beside."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    texts: tuple[str, ...] = ()
    products: tuple[int, ...] = ()
    category_words: tuple[str, ...] = ()
    """All of these are said, or begun, by a category's title that is suggested."""

    def names(self, title: Words) -> bool:
        said = words(f"{title.es} {title.en}")
        return all(any(word.startswith(begun) for word in said) for begun in self.category_words)


def suggest(
    index: TextIndex, synonyms: Synonyms, text: str, language: Language | None, limit: int
) -> Suggestions:
    """The last word is completed by those of titles that hold the words before it. Raises `Corrupt`."""
    text, asked = read_query(text)
    if not asked:
        return Suggestions()
    last = max(asked, key=lambda token: token.end)
    before = text[: last.start].strip()
    plan = Planner(index, synonyms, language).plan(before)
    if text[last.end :].strip(" ") != text[last.end :]:  # a blank says that the word is whole
        begun = []
    else:
        begun = index.completions(last.word, limit, language, plan.exact if plan is not None else None)
    found = []
    if begun:
        names = Query.term_set_query(SCHEMA, "words", [word for word, _ in begun])
        found = index.search(every([names, *([plan.exact] if plan else [])]), limit=min(limit, TITLES)).ids
    texts = (" ".join(f"{before} {written}".split()).lower() for _, written in begun)
    return Suggestions(tuple(dict.fromkeys(texts)), tuple(found), tuple(token.word for token in asked))
