"""Made pictures: what they are to teach, and that what is kept back is kept back."""

import numpy as np
import pytest
from training.photos import CLOTHING

from feria.drawings.kinds import KINDS
from training import drawn

NAMES = (*CLOTHING, "apple", "kiwi")


def test_a_drawing_teaches_its_class_and_what_has_none_teaches_doubt() -> None:
    assert drawn.target("Apple", NAMES).argmax() == NAMES.index("apple")
    for label in (None, "Mango"):
        assert drawn.target(label, NAMES).tolist() == pytest.approx([1 / len(NAMES)] * len(NAMES))


def test_what_is_learned_has_a_target_each_and_leaves_some_kinds_out() -> None:
    learned = drawn.some(NAMES, 16, each=2, patterns=5)
    kinds = len(KINDS) - len(drawn.UNSEEN)
    assert learned.pixels.shape == (kinds * 2 + 5, 16, 16, 3)
    np.testing.assert_allclose(learned.targets.sum(1), 1, atol=1e-5)
    assert set(drawn.UNSEEN) <= {kind for kind, how in KINDS.items() if how.label is None}


def test_fresh_drawings_are_none_of_the_learned() -> None:
    learned = {picture.tobytes() for picture in drawn.some(NAMES, 16, each=2, patterns=10).pixels}
    every = tuple(sorted({str(how.label).lower() for how in KINDS.values() if how.label}))
    fresh = drawn.fresh(every, 16, each=1)
    assert len(fresh.labels) == len(fresh.pixels)
    others = [*fresh.pixels, *drawn.unknown(16, 1), *drawn.nothings(16, 10)]
    assert not learned & {picture.tobytes() for picture in others}


def test_nothings_are_the_same_each_time_and_differ() -> None:
    pictures = [drawn.nothing(seed, 24) for seed in range(20)]
    assert len({picture.tobytes() for picture in pictures}) == 20
    np.testing.assert_array_equal(pictures[3], drawn.nothing(3, 24))
