"""Where in a product's texts the words stand that it was found by."""

from collections.abc import Sequence

from feria.search.query import Marks
from feria.search.wire import Segment
from feria.search.words import Token, composed, tokens

EXCERPT = 180
"""Characters of a description that are shown, or a word more."""


def highlighted(text: str, marks: Marks) -> tuple[Segment, ...]:
    """The text, cut where a match begins or ends."""
    text = composed(text)
    return _segments(text, 0, len(text), _matches(text, marks))


def excerpt(text: str, marks: Marks) -> tuple[Segment, ...]:
    """The piece with the most different words among those that begin at a match, or the beginning."""
    text = composed(text)
    matches = _matches(text, marks)
    if len(text) <= EXCERPT:
        return _segments(text, 0, len(text), matches)
    best = max(matches, key=lambda match: (_different(matches, match.start), -match.start), default=None)
    start = 0 if best is None or best.end <= EXCERPT else _after_blank(text, best.start - EXCERPT // 4)
    end = start + EXCERPT
    if end < len(text):
        end = text.rfind(" ", start + EXCERPT // 2, end) if " " in text[start + EXCERPT // 2 : end] else end
    end = max([end, *(match.end for match in matches if match.start < end)])
    segments = list(_segments(text, start, min(end, len(text)), matches))
    if start > 0:
        segments.insert(0, Segment(text="… "))
    if end < len(text):
        segments.append(Segment(text=" …"))
    return tuple(segments)


def _matches(text: str, marks: Marks) -> list[Token]:
    return [token for token in tokens(text) if marks.take(token.word)]


def _different(matches: Sequence[Token], start: int) -> int:
    return len({match.word for match in matches if start <= match.start < start + EXCERPT * 3 // 4})


def _after_blank(text: str, at: int) -> int:
    blank = text.find(" ", at)
    return at if blank < 0 or blank > at + EXCERPT // 4 else blank + 1


def _segments(text: str, start: int, end: int, matches: Sequence[Token]) -> tuple[Segment, ...]:
    found, at = [], start
    for match in matches:
        if not start <= match.start < end:
            continue
        if match.start > at:
            found.append(Segment(text=text[at : match.start]))
        found.append(Segment(text=text[match.start : match.end], match=True))
        at = match.end
    if at < end:
        found.append(Segment(text=text[at:end]))
    return tuple(found)
