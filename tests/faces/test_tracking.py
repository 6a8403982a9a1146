"""Looking again only when something moved, and never too late."""

from typing import Any

import numpy as np
import pytest

from clocks import ManualClock
from feria.faces.boxes import Box
from feria.faces.haar import HaarDetector
from feria.faces.tracking import Tracker
from feria.pixels import Pixels

RANDOM = np.random.default_rng(7)
FACE = RANDOM.integers(0, 255, (12, 12)).repeat(8, 0).repeat(8, 1).astype(np.uint8)


class Seeker:
    """Finds what the test put there."""

    def __init__(self) -> None:
        self.boxes = [Box(40, 30, 96)]
        self.asked = 0

    def find(self, frame: Pixels) -> list[Box]:
        self.asked += 1
        return self.boxes


def scene(left: int = 40, top: int = 30, face: Pixels = FACE) -> Pixels:
    frame = np.full((240, 320), 100, np.uint8)
    frame[top : top + 96, left : left + 96] = face
    return frame


@pytest.fixture
def seeker() -> Seeker:
    return Seeker()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tracker(seeker: Seeker, clock: ManualClock) -> Tracker:
    return Tracker(seeker, clock, frames=10, seconds=1.0)


def test_a_face_that_stays_is_looked_for_once(tracker: Tracker, seeker: Seeker) -> None:
    for _ in range(10):
        assert tracker.find(scene()) == [Box(40, 30, 96)]
    assert seeker.asked == tracker.looks == 1


@pytest.mark.parametrize(
    ("what", "frame"),
    [
        ("noise", np.clip(scene() + RANDOM.normal(0, 8, (240, 320)), 0, 255).astype(np.uint8)),
        ("less light", (scene() * 0.6).astype(np.uint8)),
        ("a wink", scene(face=np.where(np.arange(96)[:, None] < 12, 0, FACE).astype(np.uint8))),
    ],
)
def test_what_is_no_move_is_not_looked_at_again(
    what: str, frame: Pixels, tracker: Tracker, seeker: Seeker
) -> None:
    tracker.find(scene())
    assert tracker.find(frame) == seeker.boxes
    assert seeker.asked == 1


@pytest.mark.parametrize(
    ("what", "frame"),
    [
        ("it moved", scene(left=52)),
        ("it went", np.full((240, 320), 100, np.uint8)),
        ("it is another", scene(face=np.rot90(FACE).copy())),
        ("another camera", np.pad(scene(), 1)),
        ("in colour", scene()[..., None].repeat(3, 2)),
    ],
)
def test_what_changed_is_looked_at_at_once(
    what: str, frame: Pixels, tracker: Tracker, seeker: Seeker
) -> None:
    tracker.find(scene())
    seeker.boxes = [Box(1, 2, 30)]
    assert tracker.find(frame) == [Box(1, 2, 30)]
    assert seeker.asked == 2


def test_a_slow_drift_is_noticed(tracker: Tracker, seeker: Seeker) -> None:
    for left in range(40, 49):
        tracker.find(scene(left=left))
    assert seeker.asked > 1


def test_every_so_many_frames_it_looks_anyway(tracker: Tracker, seeker: Seeker) -> None:
    for _ in range(31):
        tracker.find(scene())
    assert seeker.asked == 4


def test_every_so_many_seconds_it_looks_anyway(tracker: Tracker, seeker: Seeker, clock: ManualClock) -> None:
    for _ in range(8):
        tracker.find(scene())
        clock.advance(0.4)
    assert seeker.asked == 3


def test_one_of_several_that_moved_is_enough(tracker: Tracker, seeker: Seeker) -> None:
    seeker.boxes = [Box(40, 30, 96), Box(200, 30, 96)]
    frame = scene()
    frame[30:126, 200:296] = FACE[::-1]
    tracker.find(frame)
    frame = frame.copy()
    frame[30:126, 200:296] = FACE.T
    tracker.find(frame)
    assert seeker.asked == 2


def test_nobody_is_looked_for_in_every_frame(tracker: Tracker, seeker: Seeker) -> None:
    seeker.boxes = []
    for _ in range(3):
        assert tracker.find(scene()) == []
    assert seeker.asked == 3


def test_a_face_against_the_edge_or_in_a_plain_box_harms_nothing(tracker: Tracker, seeker: Seeker) -> None:
    seeker.boxes = [Box(-50, -50, 96), Box(250, 10, 8)]  # the second holds plain ground: nothing to compare
    for _ in range(3):
        assert tracker.find(scene()) == seeker.boxes
    assert seeker.asked == 3


def test_a_real_face_that_walks_is_followed(frames: dict[str, Any], clock: ManualClock) -> None:
    detector = HaarDetector()
    tracker = Tracker(detector, clock)
    for step in range(40):
        frame = np.roll(frames["sad"], 3 * (step // 4), axis=1)
        [box], [fresh] = tracker.find(frame), detector.find(frame)
        assert abs(box.left - fresh.left) <= 0.1 * fresh.side
        assert abs(box.top - fresh.top) <= 0.1 * fresh.side
    assert tracker.looks < 20
