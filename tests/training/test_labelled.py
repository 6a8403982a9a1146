"""What counts as a picture of a class, in folders and among FER+ votes."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from training.ferplus import EMOTIONS

from feria.errors import Invalid, NotFound
from painting import BLUE, FERPLUS, GREEN, RED, jpegs, paint, pixels, save, votes
from training import labelled


def shades(found: labelled.Labelled) -> list[Any]:
    return [np.asarray(Image.open(io.BytesIO(found.load(at))))[5, 5].tolist() for at in range(len(found))]


def test_a_folder_is_a_class_and_only_pictures_directly_in_it_count(tmp_path: Path) -> None:
    data = paint(tmp_path, {"shoes": [RED, GREEN], "hat": [BLUE], "hat/deeper": [RED], ".cache": [RED]})
    (data / "index.csv").write_text("a,b\n")
    (data / "hat" / "notes.txt").write_text("not a picture")
    (data / "hat" / ".hidden.png").write_bytes(b"")
    (data / "empty").mkdir()
    found = labelled.read(data)
    assert found.classes == ("hat", "shoes")
    assert found.truth.tolist() == [0, 1, 1]
    assert shades(found) == [[*BLUE], [*RED], [*GREEN]]
    assert [found.name(at) for at in range(3)] == ["hat/0.png", "shoes/0.png", "shoes/1.png"]


def test_a_limit_draws_the_same_pictures_for_the_same_seed(tmp_path: Path) -> None:
    data = labelled.read(
        paint(tmp_path, {"a": [(n, 0, 0) for n in range(20)], "b": [(0, n, 0) for n in range(20)]})
    )
    one, again, other = data.some(10, 1), data.some(10, 1), data.some(10, 2)
    assert one.numbers.tolist() == again.numbers.tolist() != other.numbers.tolist()
    assert len(set(one.numbers.tolist())) == 10
    assert shades(one) == [shades(data)[n] for n in one.numbers]
    assert one.truth.tolist() == (one.numbers >= 20).tolist()
    assert data.some(40, 1) is data


@pytest.mark.parametrize("shape", [(48, 48), (48, 48, 1), (30, 20), (48, 48, 3)])
def test_faces_as_pixels_are_kept_to_the_last_bit(tmp_path: Path, shape: tuple[int, ...]) -> None:
    file = save(
        tmp_path / "f.npz",
        x=pixels([3, 200, 77], shape),
        votes=votes({"anger": 9}, {"happiness": 6, "neutral": 4}, {"surprise": 10}),
    )
    found = labelled.read(file)
    assert found.classes == EMOTIONS
    assert [EMOTIONS[at] for at in found.truth] == ["angry", "happy", "surprise"]
    assert shades(found) == ([3, 200, 77] if shape[-1] != 3 else [[n] * 3 for n in (3, 200, 77)])


def test_faces_as_jpeg_are_found_by_their_offsets_whoever_is_left_out(tmp_path: Path) -> None:
    file = save(
        tmp_path / "f.npz",
        **jpegs([10, 60, 110, 160, 210]),
        votes=votes({"fear": 5}, {"contempt": 9}, {"sadness": 4, "neutral": 4}, {}, {"disgust": 7, "NF": 2}),
    )
    found = labelled.read(file)
    assert [EMOTIONS[at] for at in found.truth] == ["fear", "disgust"]
    assert found.left_out == 3
    np.testing.assert_allclose(shades(found), [10, 210], atol=2)
    assert found.name(1) == "face 4"
    assert shades(found.only(np.array([1]))) == shades(found)[1:]


@given(st.lists(st.integers(0, 10), min_size=10, max_size=10))
def test_a_face_counts_when_one_of_ten_has_the_most_votes_and_is_one_of_seven(given_votes: list[int]) -> None:
    (shown,) = labelled.majority(np.array([given_votes], np.uint8), FERPLUS)
    most = [FERPLUS[n] for n, count in enumerate(given_votes) if count == max(given_votes)]
    names = {
        "neutral": "neutral", "happiness": "happy", "surprise": "surprise", "sadness": "sad",
        "anger": "angry", "disgust": "disgust", "fear": "fear",
    }  # fmt: skip
    expected = names.get(most[0]) if len(most) == 1 else None
    assert (EMOTIONS[shown] if shown >= 0 else None) == expected


def test_what_is_no_data_says_what_is_wrong(tmp_path: Path) -> None:
    def fails(path: Path, match: str) -> None:
        with pytest.raises(Invalid, match=match):
            labelled.read(path)

    def faces(name: str, **arrays: Any) -> Path:
        return save(tmp_path / f"{name}.npz", **arrays)

    with pytest.raises(NotFound, match=r"There is no .*nowhere; it should be a folder with one folder"):
        labelled.read(tmp_path / "nowhere")
    (tmp_path / "nothing").mkdir()
    fails(tmp_path / "nothing", "has no folders with pictures in them")
    (tmp_path / "text.npz").write_text("hello")
    fails(tmp_path / "text.npz", r"is no \.npz")
    one, anger = pixels([1]), votes({"anger": 3})
    whole = faces("whole", x=np.random.default_rng(0).integers(0, 255, (9, 48, 48), np.uint8), votes=anger)
    damaged = bytearray(whole.read_bytes())
    damaged[9000:9100] = bytes(100)
    (tmp_path / "damaged.npz").write_bytes(damaged)
    fails(tmp_path / "damaged.npz", r"is a damaged \.npz")
    fails(faces("a", x=one), "lacks votes; it has columns, x")
    fails(faces("b", votes=anger, jpeg=one), r"lacks x \(or jpeg and offset\)")
    fails(faces("c", x=one, votes=votes({}, {})), r"has 1 pictures and 10 columns, but its votes are uint8")
    fails(faces("d", x=one, votes=votes({"NF": 3})), "has no face that most saw")
    fails(faces("e", x=one.astype(np.float32), votes=anger), "x is float32 of shape")
    fails(faces("f", x=one[0], votes=anger), "x is uint8 of shape")
    fails(faces("g", jpeg=one.ravel(), offset=np.array([0, 9999]), votes=anger), "offset does not part")
    fails(faces("h", jpeg=one.ravel(), offset=np.array([0.5]), votes=anger), "offset whole numbers")
    fails(faces("i", x=one, votes=anger, columns=np.array(["x", *FERPLUS[1:]])), "are needed")
    fails(faces("j", x=np.array([None]), votes=anger), r"is a damaged \.npz: Object arrays cannot")
