"""What a picture shows, in words: the facts from which titles are written."""

from dataclasses import dataclass

from feria.drawings.palette import Hue, Rgb


@dataclass(frozen=True, slots=True)
class Words:
    spanish: str
    english: str


@dataclass(frozen=True, slots=True)
class Noun(Words):
    feminine: bool = False
    plural: bool = False


@dataclass(frozen=True, slots=True)
class Cut(Words):
    """A form of the thing: `name` for the painter, an adjective for the title (it may be empty).

    `noun`, `hues` and `patterns` stand in for the kind's own where they are given.
    """

    name: str
    noun: Noun | None = None
    hues: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


NO_CUT = Cut("", "", "")


@dataclass(frozen=True, slots=True)
class Pattern(Words):
    name: str


@dataclass(frozen=True, slots=True)
class Look:
    """One product's facts. `hue` covers most of it; `second` colours its pattern, trim or print."""

    kind: str
    seed: int
    noun: Noun
    hue: Hue
    second: Hue | None
    pattern: Pattern
    cut: Cut
    says_hue: bool = True
    """A red apple is worth the word, a yellow banana is not."""

    @property
    def colour(self) -> Rgb:
        return self.hue.rgb

    @property
    def accent(self) -> Rgb:
        return (self.second or self.hue).rgb

    @property
    def spanish(self) -> str:
        """`Vestido largo azul de lunares`."""
        hue = self.hue.of(feminine=self.noun.feminine, plural=self.noun.plural) if self.says_hue else ""
        return _title(self.noun.spanish, self.cut.spanish, hue, self.pattern.spanish)

    @property
    def english(self) -> str:
        """`Long blue polka-dot dress`."""
        hue = self.hue.english if self.says_hue else ""
        return _title(self.cut.english, hue, self.pattern.english, self.noun.english)


def _title(*words: str) -> str:
    title = " ".join(filter(None, words))
    return title[:1].upper() + title[1:]
