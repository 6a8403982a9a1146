"""Folders and labels are matched by name, however it is written."""

import pytest
from training.classes import canonical, places

from feria.errors import Invalid


def test_case_blanks_and_other_words_for_an_emotion_make_no_difference() -> None:
    assert canonical("T_Shirt ") == canonical("t-shirt") == canonical("T shirt")
    assert canonical("Happiness") == canonical("happy")
    assert canonical(7) == "7"


def test_a_folder_has_the_place_of_its_label() -> None:
    assert places(("hat", "T-Shirt"), ("shoes", "t_shirt", "hat")).tolist() == [2, 1]
    assert places(("angry", "sad"), ("sadness", "neutral", "anger")).tolist() == [2, 0]


def test_a_folder_that_no_label_matches_lists_both() -> None:
    with pytest.raises(Invalid, match=r"matches scarf\. .* classes: hat, scarf\. .* labels: hat, shoes\."):
        places(("hat", "scarf"), ("hat", "shoes"))


def test_a_folder_that_two_labels_match_is_not_guessed() -> None:
    with pytest.raises(Invalid, match="happy matches several labels of the model: happy, happiness"):
        places(("happy",), ("happy", "happiness"))
