"""Both forms, by the same promises; and what is no face."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import nets
from faces.conftest import LIMIT
from feria.errors import NotAModel
from feria.faces.boxes import crop
from feria.faces.detector import FaceDetector
from feria.faces.frames import read_frame, resized
from feria.faces.haar import HaarDetector
from feria.faces.yunet import YuNetDetector, prove
from feria.pixels import Pixels


@pytest.fixture(scope="module", params=["haar", "yunet"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    if request.param == "haar":
        return HaarDetector()
    return YuNetDetector(request.getfixturevalue("yunet_file"))


LEAST_FOUND = {HaarDetector: 6, YuNetDetector: 7}


def test_the_faces_of_seven_photographs_are_found(
    detector: FaceDetector, photographs: dict[str, bytes]
) -> None:
    found = [detector.find(read_frame(data, LIMIT)) for data in photographs.values()]
    assert sum(len(boxes) == 1 for boxes in found) >= LEAST_FOUND[type(detector)]


def test_and_in_what_a_camera_gives(detector: FaceDetector, frames: dict[str, Pixels]) -> None:
    found = [detector.find(frame) for frame in frames.values()]
    assert sum(len(boxes) == 1 for boxes in found) >= LEAST_FOUND[type(detector)]


def test_both_forms_frame_a_face_alike(frames: dict[str, Pixels], yunet_file: Path) -> None:
    haar, yunet = HaarDetector(), YuNetDetector(yunet_file)
    for frame in frames.values():
        for one, other in zip(haar.find(frame), yunet.find(frame), strict=False):
            assert 0.75 < one.side / other.side < 1.33
            assert one.grown(-0.4).holds(other)


def test_colour_tells_it_no_more_than_grey(detector: FaceDetector, photographs: dict[str, bytes]) -> None:
    for data in photographs.values():
        [grey], [colour] = (
            detector.find(read_frame(data, LIMIT)),
            detector.find(read_frame(data, LIMIT, "RGB")),
        )
        assert grey.grown(-0.45).holds(colour)


def test_several_faces_come_largest_first(detector: FaceDetector, frames: dict[str, Pixels]) -> None:
    two = np.full((480, 1000), 127, np.uint8)
    two[:, :640] = frames["sad"]
    [box] = detector.find(frames["happy"])
    two[60:400, 650:990] = resized(crop(frames["happy"], box, margin=0.5), (340, 340))
    boxes = detector.find(two)
    assert len(boxes) == 2
    assert boxes[0].left + boxes[0].side < 640 < boxes[1].left
    assert boxes[0].side > boxes[1].side


def test_a_face_cut_out_already_is_still_found(detector: FaceDetector, frames: dict[str, Pixels]) -> None:
    frame = frames["neutral"]
    [box] = detector.find(frame)
    [again] = detector.find(resized(crop(frame, box, margin=0.3), (48, 48)))
    assert 20 < again.side < 48


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (5, 9), (20, 20), (48, 48), (480, 640, 3)])
@pytest.mark.parametrize("level", [0, 127, 255])
def test_where_there_is_nothing_there_is_no_face(
    detector: FaceDetector, shape: tuple[int, ...], level: int
) -> None:
    assert detector.find(np.full(shape, level, np.uint8)) == []


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frame=arrays.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60))),
    turned=st.sampled_from([lambda f: f, lambda f: f[::-1], lambda f: f.T, lambda f: f[:, ::-1]]),
)
def test_any_frame_has_faces_or_none(
    detector: FaceDetector, frame: Pixels, turned: Callable[[Pixels], Pixels]
) -> None:
    for box in detector.find(turned(frame)):
        assert 1 <= box.side <= 2 * max(frame.shape)


def broken(kind: str, yunet: bytes) -> bytes:
    return {
        "empty": b"",
        "half": yunet[: len(yunet) // 2],
        "zeros": bytes(1000),
        "text": b"no network",
        "another network": nets.mean_colour(160),
    }[kind]


@pytest.mark.parametrize("kind", ["empty", "half", "zeros", "text", "another network"])
def test_a_file_that_is_no_yunet_is_said_to_be_none(
    kind: str, tmp_path: Path, yunet_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(broken(kind, yunet_file.read_bytes()))
    with pytest.raises(NotAModel, match="no YuNet face detector"):
        prove(str(file), lambda *_: None)
    assert capfd.readouterr() == ("", "")  # OpenCV itself keeps quiet


def test_threads_may_ask_at_once(detector: FaceDetector, frames: dict[str, Pixels]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    alone = [detector.find(frame) for frame in frames.values()]
    with ThreadPoolExecutor(4) as pool:
        for found in [pool.map(detector.find, frames.values()) for _ in range(4)]:
            assert list(found) == alone
