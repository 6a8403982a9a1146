"""One ranking of several, by their ranks alone: scores of words and of pictures mean different things."""

from collections.abc import Sequence

K = 60
"""As in the paper: the greater, the less the first places count for more than the others."""


def fused(*rankings: Sequence[int]) -> list[int]:
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): best first, each item once; of
    items with equal scores the one that an earlier ranking has higher."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(dict.fromkeys(ranking), 1):
            scores[item] = scores.get(item, 0.0) + 1 / (K + rank)
    return sorted(scores, key=lambda item: -scores[item])
