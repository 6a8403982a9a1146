"""What is learned from and what is kept back."""

from pathlib import Path

import numpy as np
import pytest
from training.ferplus import EMOTIONS, Faces

from training import ferplus, photos

COLUMNS = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip


def faces(*votes: dict[str, int]) -> Faces:
    rows = np.array([[vote.get(name, 0) for name in COLUMNS] for vote in votes], np.float32)
    return Faces(np.zeros((len(votes), 48, 48), np.uint8), rows, COLUMNS, np.arange(len(votes)))


def test_votes_become_targets_without_slips() -> None:
    targets, used = faces({"happiness": 6, "neutral": 3, "anger": 1}).soft()
    assert used.tolist() == [True]
    assert dict(zip(EMOTIONS, targets[0].tolist(), strict=True)) == pytest.approx(
        {name: {"happy": 2 / 3, "neutral": 1 / 3}.get(name, 0) for name in EMOTIONS}
    )


@pytest.mark.parametrize("vote", [{"NF": 10}, {"contempt": 6, "anger": 4}, {"unknown": 5, "fear": 5}, {}])
def test_a_face_that_most_saw_none_of_the_seven_in_teaches_nothing(vote: dict[str, int]) -> None:
    assert faces(vote).soft()[1].tolist() == [False]


def test_one_face_in_ten_is_kept_back_whatever_else_is_there(shared_data: Path) -> None:
    read = ferplus.read(shared_data / "emotion" / "ferplus_train_jpeg.npz")
    assert read.pixels.shape == (27_866, 48, 48)
    held = read.validation()
    assert held.mean() == pytest.approx(0.1, abs=0.005)
    some = Faces(read.pixels[::7], read.votes[::7], read.columns, read.numbers[::7])
    np.testing.assert_array_equal(some.validation(), held[::7])


def test_clothing_is_parted_by_name_and_groceries_by_their_authors(shared_data: Path) -> None:
    known = list(photos.clothing(shared_data / "photos" / "clothing"))
    again = list(photos.clothing(shared_data / "photos" / "clothing"))
    assert known == again
    parts = [photo.part for photo in known]
    assert parts.count("validation") / len(parts) == pytest.approx(0.1, abs=0.02)
    of_each = {photo.label for photo in known if photo.part == "validation"}
    assert of_each == set(photos.CLOTHING)
    groceries = list(photos.groceries(shared_data / "photos" / "grocery"))
    assert [sum(photo.part == part for photo in groceries) for part in ("train", "validation", "test")] == [
        2640, 296, 2485,
    ]  # fmt: skip
    assert len(photos.names(known + groceries)) == 53


def test_photos_are_read_as_a_node_reads_them(shared_data: Path) -> None:
    some = list(photos.clothing(shared_data / "photos" / "clothing"))[:3]
    read = photos.read(some, photos.CLOTHING, 32)
    assert read.pixels.shape == (3, 32, 32, 3)
    assert read.labels.tolist() == [0, 0, 0]
    assert read.pixels.std() > 10


def test_a_missing_class_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="dress"):
        list(photos.clothing(tmp_path))
