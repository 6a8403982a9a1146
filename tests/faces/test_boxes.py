"""Cutting a square out of a frame, also where there is no frame."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from feria.faces.boxes import Box, around, crop, whole
from feria.faces.detector import largest_first
from feria.pixels import Pixels

SIDES = st.integers(1, 40)
BOXES = st.builds(Box, st.integers(-60, 60), st.integers(-60, 60), SIDES)
FRAMES = st.one_of(
    arrays.arrays(np.uint8, st.tuples(SIDES, SIDES)),
    arrays.arrays(np.uint8, st.tuples(SIDES, SIDES, st.just(3))),
)


def padded(frame: Pixels, box: Box) -> Pixels:
    """The same, the plain way: repeat the edge for as far as any box here reaches, and cut."""
    far = 120
    around = np.pad(frame, ((far, far), (far, far), *[(0, 0)] * (frame.ndim - 2)), mode="edge")
    return around[box.top + far : box.top + far + box.side, box.left + far : box.left + far + box.side]


@given(frame=FRAMES, box=BOXES)
def test_a_crop_is_the_square_and_the_frames_edge_goes_on_beyond_it(frame: Pixels, box: Box) -> None:
    cut = crop(frame, box, margin=0)
    assert cut.dtype == np.uint8
    assert cut.shape == (box.side, box.side, *frame.shape[2:])
    np.testing.assert_array_equal(cut, padded(frame, box))


@given(frame=FRAMES, box=BOXES, margin=st.floats(-0.4, 0.8))
def test_a_margin_keeps_the_middle(frame: Pixels, box: Box, margin: float) -> None:
    grown = box.grown(margin)
    assert abs(grown.side - box.side * (1 + 2 * margin)) <= 0.5 or grown.side == 1
    assert abs((grown.left + grown.side / 2) - (box.left + box.side / 2)) <= 0.5
    assert abs((grown.top + grown.side / 2) - (box.top + box.side / 2)) <= 0.5
    np.testing.assert_array_equal(crop(frame, box, margin=margin), padded(frame, grown))


@given(frame=FRAMES)
def test_the_whole_of_a_frame_is_all_of_it_in_a_square(frame: Pixels) -> None:
    height, width = frame.shape[:2]
    box = whole(frame)
    assert box.side == max(height, width)
    cut = crop(frame, box, margin=0)
    np.testing.assert_array_equal(cut[-box.top : height - box.top, -box.left : width - box.left], frame)


@given(x=st.floats(-1e4, 1e4), y=st.floats(-1e4, 1e4), side=st.floats(0, 1e4))
def test_a_box_lies_around_its_middle(x: float, y: float, side: float) -> None:
    box = around((x, y), side)
    assert box.side >= 1
    assert abs(box.left + box.side / 2 - x) <= 0.5 + 1e-6
    assert abs(box.top + box.side / 2 - y) <= 0.5 + 1e-6


@given(st.lists(BOXES, max_size=8))
def test_faces_come_largest_first_and_none_within_another(boxes: list[Box]) -> None:
    kept = largest_first(boxes)
    assert [box.side for box in kept] == sorted((box.side for box in kept), reverse=True)
    assert not any(one.holds(other) for i, one in enumerate(kept) for other in kept[i + 1 :])
    for box in boxes:
        assert box in kept or any(larger.holds(box) for larger in kept if larger.side >= box.side)
    assert largest_first(reversed(boxes)) == kept
