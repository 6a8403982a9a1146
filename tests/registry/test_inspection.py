"""What is refused, and the sentence that says why."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

import nets
from feria.errors import NotAModel
from feria.registry.inspection import inspect


def look(content: bytes, tmp_path: Path, **said: Any) -> dict[str, Any]:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    return inspect(str(path), said, lambda *_: None)


def test_a_tabular_net_is_described_by_its_shape(tmp_path: Path) -> None:
    found = look(nets.linear([1.0, 2.0, 3.0]), tmp_path)
    assert found["input"]["type"] == "tabular"
    assert [column["name"] for column in found["input"]["columns"]] == ["x1", "x2", "x3"]
    assert found["output"]["task"] == "regression"


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(("channels", "name"), [(3, "RGB"), (1, "GRAY")])
def test_an_image_net_is_described_by_its_shape(
    layout: str, channels: int, name: str, tmp_path: Path
) -> None:
    found = look(nets.mean_colour(16, layout=layout, channels=channels), tmp_path)
    assert found["input"] | {"scale": None, "mean": None, "fit": None} == {
        "type": "image",
        "input": "image",
        "width": 16,
        "height": 16,
        "channels": name,
        "layout": layout,
        "mean": None,
        "scale": None,
        "fit": None,
    }


def test_other_inputs_are_tensors(tmp_path: Path) -> None:
    found = look(nets.doubled(), tmp_path)
    assert found["input"] == {
        "type": "tensor",
        "tensors": {"a": ["tensor(float)", [None] * 3], "b": ["tensor(float)", [None] * 3]},
    }


def test_real_networks_are_understood(tmp_path: Path, shared_data: Path) -> None:
    squeezenet = (shared_data / "models/imagenet/squeezenet1_0_dc.onnx").read_bytes()
    found = look(squeezenet, tmp_path)
    assert (found["input"]["width"], found["input"]["layout"]) == (224, "NCHW")
    assert (found["output"]["probabilities"], found["output"]["embedding"]) == ("prob", "embedding")
    assert len(found["output"]["labels"]) == 1000


def refused(content: bytes, tmp_path: Path) -> str:
    with pytest.raises(NotAModel) as raised:
        look(content, tmp_path)
    return raised.value.message


def test_bytes_that_are_no_onnx_are_refused(tmp_path: Path) -> None:
    for content in (b"", b"\x00" * 100, b"GIF89a", b"PK\x03\x04 a zip file, perhaps", b"\xff" * 1000):
        assert refused(content, tmp_path).startswith("The file is not ONNX")


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    net = onnx.load_from_string(nets.linear([1.0]))
    tensor = net.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.ClearField("raw_data")
    assert "lives in another file" in refused(net.SerializeToString(), tmp_path)


def test_weights_in_another_file_are_found_in_subgraphs_too(tmp_path: Path) -> None:
    hidden = onnx.TensorProto(name="w", data_type=nets.FLOAT, dims=[1], data_location=1)
    hidden.external_data.add(key="location", value="weights.bin")
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["y"], value=hidden)],
        "branch",
        [],
        [helper.make_tensor_value_info("y", nets.FLOAT, [1])],
    )
    net = nets.model(
        [helper.make_node("If", ["c"], ["value"], then_branch=branch, else_branch=branch)],
        {"x": (nets.FLOAT, ["N", 1])},
        {"value": (nets.FLOAT, [1])},
        {"c": np.array(True)},
    )
    assert "lives in another file" in refused(net.SerializeToString(), tmp_path)


@pytest.mark.parametrize(
    ("domain", "operator", "opset", "said"),
    [
        ("", "Frobnicate", 17, "no operator Frobnicate"),
        ("com.example", "Relu", 17, "of a set this node does not know"),
        ("", "Relu", 999, "this node knows"),
        ("", "Relu", 2**40, "this node knows"),
        ("com.microsoft", "NoSuchThing", 17, "ONNX Runtime refuses"),
    ],
)
def test_unknown_operators_are_refused(
    domain: str, operator: str, opset: int, said: str, tmp_path: Path
) -> None:
    net = nets.model(
        [helper.make_node(operator, ["x"], ["value"], domain=domain)],
        {"x": (nets.FLOAT, ["N", 1])},
        {"value": (nets.FLOAT, ["N", 1])},
        opset=opset,
        domain=domain,
    )
    assert said in refused(net.SerializeToString(), tmp_path)


def test_a_graph_that_breaks_the_rules_is_refused(tmp_path: Path) -> None:
    net = nets.model(
        [helper.make_node("Relu", ["nowhere"], ["value"])],
        {"x": (nets.FLOAT, ["N", 1])},
        {"value": (nets.FLOAT, ["N", 1])},
    )
    assert "not valid ONNX" in refused(net.SerializeToString(), tmp_path)


def test_a_graph_that_cannot_run_is_refused(tmp_path: Path) -> None:
    net = nets.model(
        [helper.make_node("Reshape", ["x", "shape"], ["value"])],
        {"x": (nets.FLOAT, ["N", 2])},
        {"value": (nets.FLOAT, ["N", 5])},
        {"shape": np.array([7, 5])},
    )
    assert "does not run" in refused(net.SerializeToString(), tmp_path)


def test_a_description_that_does_not_fit_the_graph_is_refused(tmp_path: Path) -> None:
    described = (
        '{"kind": "x", "input": {"type": "tabular", "columns": [{"name": "a", "kind": "number"}], '
        '"numbers_input": "elsewhere"}, "output": {"task": "regression", "value": "value"}}'
    )
    for text, said in ((described, "names the inputs"), ("{}", "not one this node can read")):
        net = onnx.load_from_string(nets.linear([1.0]))
        helper.set_model_props(net, {"feria": text})
        assert said in refused(net.SerializeToString(), tmp_path)


def test_what_the_publisher_says_goes_first_but_must_fit(tmp_path: Path) -> None:
    net = nets.mean_colour(8)
    found = look(net, tmp_path, labels=["red", "green", "blue"], kind="colours")
    assert (found["kind"], found["output"]["labels"]) == ("colours", ["red", "green", "blue"])
    with pytest.raises(NotAModel, match="2 labels for 3 classes"):
        look(net, tmp_path, labels=["red", "green"])
    wrong = {"type": "image", "input": "image", "width": 8, "height": 8, "layout": "NHWC"}
    with pytest.raises(NotAModel, match="does not run"):
        look(net, tmp_path, input=wrong)


def test_a_classifier_of_pictures_may_be_unsure_and_no_other(tmp_path: Path) -> None:
    assert look(nets.mean_colour(8), tmp_path)["output"]["unsure_below"] is None
    assert look(nets.mean_colour(8), tmp_path, unsure_below=0.6)["output"]["unsure_below"] == 0.6
    for net in (nets.linear([1.0]), nets.doubled()):
        with pytest.raises(NotAModel, match="`unsure_below` is for classifiers of pictures"):
            look(net, tmp_path, unsure_below=0.6)


def test_a_file_says_itself_when_it_is_unsure(tmp_path: Path) -> None:
    described = look(nets.mean_colour(8), tmp_path, unsure_below=0.6)
    net = onnx.load_from_string(nets.mean_colour(8))
    helper.set_model_props(net, {"feria": json.dumps(described)})
    carried = net.SerializeToString()
    assert look(carried, tmp_path) == described
    assert look(carried, tmp_path, unsure_below=0.9)["output"]["unsure_below"] == 0.9


GOOD = nets.linear([1.0, 2.0])


@given(
    damage=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=4),
    length=st.integers(0, len(GOOD)),
)
@settings(max_examples=300, deadline=None)
def test_a_damaged_file_is_described_or_refused_never_anything_else(
    damage: list[tuple[int, int]], length: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(GOOD)
    for at, byte in damage:
        content[at] = byte
    with suppress(NotAModel):
        look(bytes(content[: length or None]), tmp_path_factory.getbasetemp())
