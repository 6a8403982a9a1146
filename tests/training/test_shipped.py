"""The two files in the package, held to what their cards promise, on pictures they never learned from.

The floors stand a little below what was measured when they were shipped, and above anything worse.
"""

import io
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from training.labelled import majority

from feria.drawings.pictures import draw
from feria.inference.engine import Engine
from feria.node import open_node
from feria.registry.shelf import Registry
from feria.registry.shipped import FOLDER, put_shipped
from feria.registry.wire import METADATA_KEY, FileMetadata
from feria.settings import Settings
from training import drawn, ferplus, measures, photos

MEGABYTE = 1_000_000
FACES = 1_000

Arrays = dict[str, np.ndarray]


def session(name: str) -> ort.InferenceSession:
    return ort.InferenceSession(FOLDER / f"{name}.onnx")


def metadata(of: ort.InferenceSession) -> FileMetadata:
    return FileMetadata.model_validate_json(of.get_modelmeta().custom_metadata_map[METADATA_KEY])


def answers(of: ort.InferenceSession, pictures: np.ndarray) -> Arrays:
    """Of uint8 pictures `[n, channels, side, side]`, made ready as the file itself says."""
    input = metadata(of).input
    ready = ((pictures - np.float32(input.mean[0])) * np.float32(input.scale[0])).astype(np.float32)
    names = [output.name for output in of.get_outputs()]
    parts = [of.run(names, {input.input: ready[start : start + 64]}) for start in range(0, len(ready), 64)]
    return {name: np.concatenate([part[n] for part in parts]) for n, name in enumerate(names)}


@pytest.fixture(scope="module")
def products() -> ort.InferenceSession:
    return session("products")


@pytest.fixture(scope="module")
def emotions() -> ort.InferenceSession:
    return session("emotions")


def test_each_is_as_small_as_promised() -> None:
    assert (FOLDER / "products.onnx").stat().st_size <= 4 * MEGABYTE
    assert (FOLDER / "emotions.onnx").stat().st_size <= 3 * MEGABYTE


def test_the_emotions_come_in_the_order_of_the_contract(emotions: ort.InferenceSession) -> None:
    assert metadata(emotions).output.labels == ferplus.EMOTIONS


def test_faces_are_read(emotions: ort.InferenceSession, shared_data: Path) -> None:
    faces = ferplus.read(shared_data / "emotion" / "ferplus_train_jpeg.npz")
    truth = majority(faces.votes, faces.columns)
    held = np.flatnonzero(faces.validation() & (truth >= 0))[:FACES]
    probabilities = answers(emotions, faces.pixels[held, None])["probabilities"]
    said = probabilities.argmax(1)
    counts = measures.confusion(said, truth[held], len(ferplus.EMOTIONS))
    assert measures.accuracy(said, truth[held]) >= 0.84
    assert measures.macro_recall(counts) >= 0.68
    assert measures.calibration_error(probabilities, truth[held]) <= 0.05


def test_clothes_are_named_and_found(products: ort.InferenceSession, shared_data: Path) -> None:
    names = metadata(products).output.labels
    clothes = list(photos.clothing(shared_data / "photos" / "clothing"))
    side = metadata(products).input.width
    held, gallery = (
        photos.read([photo for photo in clothes if photo.part == part], names, side)
        for part in ("validation", "train")
    )
    asked, known = (answers(products, part.pixels.transpose(0, 3, 1, 2)) for part in (held, gallery))
    assert np.allclose(np.linalg.norm(asked["embedding"], axis=1), 1, atol=1e-3)
    near = measures.nearest(asked["embedding"], known["embedding"], 10)
    assert measures.accuracy(asked["probabilities"].argmax(1), held.labels) >= 0.88
    assert measures.precision_at(1, near, gallery.labels, held.labels) >= 0.88
    assert measures.precision_at(10, near, gallery.labels, held.labels) >= 0.88
    assert measures.calibration_error(asked["probabilities"], held.labels) <= 0.06


def test_drawings_are_named_and_what_is_no_product_is_not(products: ort.InferenceSession) -> None:
    labels, side = metadata(products).output.labels, metadata(products).input.width
    below = metadata(products).output.unsure_below
    known = drawn.fresh(labels, side, each=2)
    said = answers(products, known.pixels.transpose(0, 3, 1, 2))["probabilities"]
    assert measures.accuracy(said.argmax(1), known.labels) >= 0.95
    for strange in (drawn.unknown(side, each=5), drawn.nothings(side, 40)):
        probabilities = answers(products, strange.transpose(0, 3, 1, 2))["probabilities"]
        assert (probabilities.max(1) < below).mean() >= 0.7


async def test_they_load_through_the_registry_like_anybodys_own(settings: Settings) -> None:
    async with open_node(settings) as node:
        registry, engine = node.parts[Registry], node.parts[Engine]
        put = await put_shipped(registry, FOLDER)
        assert {one.name for one in put} == {"emotions", "products"}
        picture = io.BytesIO()
        draw("shirt", 0, 128, 0).save(picture, "JPEG")
        for one in put:
            assert one.card
            assert one.trained_from["script"] == f"python -m training.{one.name}"
            told = json.loads((FOLDER / f"{one.name}.json").read_text(encoding="utf-8"))
            assert one.metrics == pytest.approx(told["metrics"])
            answer = await engine.predict(one.name, [picture.getvalue()])
            assert answer["predictions"][0]["label"] in one.output.labels
