import json
from pathlib import Path

import onnx
import pytest

from feria.catalog.fair.stalls import categories
from feria.drawings.kinds import KINDS
from feria.errors import Invalid
from feria.registry.shipped import FOLDER
from feria.registry.wire import METADATA_KEY, FileMetadata
from feria.search.labels import OURS, read_labels


def test_our_labels_lead_to_categories_that_the_fair_has() -> None:
    assert set(OURS.values()) <= {category.path for category in categories()}


def test_each_kind_that_is_drawn_and_that_our_network_knows_leads_somewhere() -> None:
    labels = read_labels(None)
    known = {kind.label.lower() for kind in KINDS.values() if kind.label is not None}
    assert {label for label in known if labels.category(label) is None} == set()


def test_a_label_that_nobody_mapped_leads_nowhere() -> None:
    assert read_labels(None).category("background") is None


def test_a_shops_own_map_takes_the_place_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "labels.json"
    file.write_text(json.dumps({"boot": "shoes/boots", "7": "hats"}))
    labels = read_labels(file)
    assert labels.category("boot") == "shoes/boots"
    assert labels.category(7) == "hats"
    assert labels.category("t-shirt") is None


@pytest.mark.parametrize(
    "content", ["", "[]", '{"boot": "Not A Path"}', '{"boot": 3}', "\x00", '{"boot": null}']
)
def test_a_map_that_is_none_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "labels.json"
    file.write_text(content)
    with pytest.raises(Invalid, match=r"labels\.json"):
        read_labels(file)


def test_a_map_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="FERIA_SEARCH__LABELS"):
        read_labels(tmp_path / "none.json")


def test_every_label_of_the_network_that_comes_with_feria_leads_somewhere() -> None:
    network = onnx.load(str(FOLDER / "products.onnx"))
    (described,) = [entry.value for entry in network.metadata_props if entry.key == METADATA_KEY]
    known = FileMetadata.model_validate_json(described).output.labels
    assert known
    labels = read_labels(None)
    assert [label for label in known if labels.category(label) is None] == []
