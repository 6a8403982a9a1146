"""The graph that is written holds what was trained; no PyTorch is needed to see it."""

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from training.quantise import quantised

from feria.registry.wire import METADATA_KEY, FileMetadata, ImageInput, ModelOutput
from training import export

SHAPE: dict[str, Any] = {
    "side": 16,
    "colours": 3,
    "stem": 4,
    "stem_stride": 2,
    "stages": ((4, 1), (8, 2)),
    "embedding": 6,
    "classes": 5,
}
METADATA = FileMetadata(
    kind="residual_network",
    input=ImageInput(input="input", width=16, height=16),
    output=ModelOutput(
        task="classification", labels=tuple("abcde"), probabilities="probabilities", embedding="embedding"
    ),
)


def weights(seed: int = 0) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """As a network of that shape would have them, normalisation far from doing nothing."""
    random = np.random.default_rng(seed)
    held: dict[str, Any] = {}

    def convolution(name: str, before: int, after: int, side: int) -> None:
        held[f"{name}.0.weight"] = random.normal(0, 0.3, (after, before, side, side))
        held[f"{name}.1.weight"] = random.uniform(0.5, 1.5, after)
        held[f"{name}.1.bias"] = random.normal(0, 0.5, after)
        held[f"{name}.1.running_mean"] = random.normal(0, 0.5, after)
        held[f"{name}.1.running_var"] = random.uniform(0.5, 2, after)

    def linear(name: str, before: int, after: int) -> None:
        held[f"{name}.weight"] = random.normal(0, 0.5, (after, before))
        held[f"{name}.bias"] = random.normal(0, 0.5, after)

    convolution("stem", 3, 4, 3)
    for block, (before, after) in enumerate([(4, 4), (4, 8), (8, 8)]):
        convolution(f"blocks.{block}.first", before, after, 3)
        convolution(f"blocks.{block}.second", after, after, 3)
        if before != after:
            convolution(f"blocks.{block}.beside", before, after, 1)
    linear("embed", 8, 6)
    linear("classify", 6, 5)
    return {name: value.astype(np.float32) for name, value in held.items()}


def run(model: ModelProto, pictures: Any) -> dict[str, Any]:
    session = ort.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"input": pictures}), strict=True))


@pytest.fixture
def pictures() -> Any:
    return np.random.default_rng(1).normal(0, 1, (7, 3, 16, 16)).astype(np.float32)


def plainly(held: dict[str, Any], name: str, x: Any, stride: int) -> Any:
    """A convolution and its normalisation as they are defined, one output pixel after the other."""
    weight = held[f"{name}.0.weight"].astype(np.float64)
    side = weight.shape[-1]
    padded = np.pad(x, ((0, 0), (0, 0), (side // 2,) * 2, (side // 2,) * 2))
    rows = range(0, x.shape[2], stride)
    columns = range(0, x.shape[3], stride)
    made = np.empty((len(x), len(weight), len(rows), len(columns)))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            window = padded[:, :, row : row + side, column : column + side]
            made[:, :, i, j] = np.einsum("nchw,ochw->no", window, weight)
    of = {
        key: held[f"{name}.1.{key}"].reshape(1, -1, 1, 1)
        for key in ("weight", "bias", "running_mean", "running_var")
    }
    return (made - of["running_mean"]) / np.sqrt(of["running_var"] + 1e-5) * of["weight"] + of["bias"]


def by_hand(held: dict[str, Any], pictures: Any, temperature: float) -> tuple[Any, Any]:
    def block(x: Any, name: str, stride: int) -> Any:
        inside = np.maximum(plainly(held, f"{name}.first", x, stride), 0)
        inside = plainly(held, f"{name}.second", inside, 1)
        beside = plainly(held, f"{name}.beside", x, stride) if f"{name}.beside.0.weight" in held else x
        return np.maximum(inside + beside, 0)

    x = np.maximum(plainly(held, "stem", pictures.astype(np.float64), 2), 0)
    for name, stride in (("blocks.0", 1), ("blocks.1", 2), ("blocks.2", 1)):
        x = block(x, name, stride)
    vector = x.mean((2, 3)) @ held["embed.weight"].T + held["embed.bias"]
    logits = (vector @ held["classify.weight"].T + held["classify.bias"]) / temperature
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True), vector / np.linalg.norm(vector, axis=1, keepdims=True)


def test_the_graph_says_what_the_layers_mean(pictures: Any) -> None:
    held = weights()
    probabilities, vectors = by_hand(held, pictures, 1.7)
    said = run(export.graph(held, SHAPE, 1.7, METADATA), pictures)
    np.testing.assert_allclose(said["probabilities"], probabilities, atol=1e-5)
    np.testing.assert_allclose(said["embedding"], vectors, atol=1e-5)


def test_it_says_so_in_another_runtime_too(pictures: Any) -> None:
    model = export.graph(weights(), SHAPE, 1.0, METADATA)
    other = ReferenceEvaluator(model).run(["probabilities"], {"input": pictures[:1]})[0]
    np.testing.assert_allclose(run(model, pictures[:1])["probabilities"], other, atol=1e-5)


def test_light_and_contrast_are_no_matter_where_it_evens_them(pictures: Any) -> None:
    model = export.graph(weights(), SHAPE | {"even_light": True}, 1.0, METADATA)
    said, dimmed = run(model, pictures), run(model, pictures * np.float32(0.3) + np.float32(5))
    np.testing.assert_allclose(said["probabilities"], dimmed["probabilities"], atol=1e-3)
    evened = pictures - pictures.mean((1, 2, 3), keepdims=True)
    evened /= evened.std((1, 2, 3), keepdims=True)
    plain = run(export.graph(weights(), SHAPE, 1.0, METADATA), evened.astype(np.float32))
    np.testing.assert_allclose(said["embedding"], plain["embedding"], atol=1e-5)


def test_without_an_embedding_there_are_only_probabilities(pictures: Any) -> None:
    held = weights()
    held["classify.weight"] = held["classify.weight"][:, :1].repeat(8, 1)
    model = export.graph(held, SHAPE | {"embedding": 0}, 1.0, METADATA)
    assert list(run(model, pictures)) == ["probabilities"]


def test_a_file_carries_what_a_node_needs_to_serve_it() -> None:
    [said] = export.graph(weights(), SHAPE, 1.0, METADATA).metadata_props
    assert said.key == METADATA_KEY
    assert FileMetadata.model_validate_json(said.value) == METADATA


def test_eight_bits_say_nearly_the_same_and_carry_the_same(pictures: Any) -> None:
    model = export.graph(weights(), SHAPE, 1.0, METADATA)
    shown = np.random.default_rng(2).normal(0, 1, (70, 3, 16, 16)).astype(np.float32)
    small = quantised(model, shown)
    assert list(small.metadata_props) == list(model.metadata_props)
    kinds = {numpy_helper.to_array(one).dtype.name for one in small.graph.initializer}
    assert "int8" in kinds
    plain, rounded = (run(one, pictures)["probabilities"] for one in (model, small))
    assert np.abs(plain - rounded).max() < 0.15
    assert (plain.argmax(1) == rounded.argmax(1)).mean() > 0.8
