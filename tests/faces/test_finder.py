"""From the bytes of a picture to faces for a network, with the best detector there is."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nets
from faces.conftest import LIMIT, png
from feria.errors import NoFace, NotAnImage, TooLarge
from feria.faces.boxes import Box, whole
from feria.faces.finder import Faces, find_faces
from feria.faces.haar import HaarDetector
from feria.faces.yunet import YuNetDetector
from feria.node import Node, open_node
from feria.pixels import Pixels
from feria.registry.shelf import Registry
from feria.registry.wire import State
from feria.settings import FaceSettings, Settings


class Everywhere:
    """Sees a face in the middle of whatever it is shown, and a smaller one beside it."""

    def find(self, frame: Pixels) -> list[Box]:
        side = max(2, min(frame.shape[:2]) // 2)
        return [Box(side // 2, side // 2, side), Box(0, 0, side // 2)]


def found(data: bytes, **how: Any) -> Any:
    return find_faces(data, Everywhere(), side=48, max_pixels=LIMIT, **how)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "1"])
def test_every_mode_of_picture_is_looked_at(mode: str) -> None:
    picture = (
        Image.fromarray(np.full((90, 120), 30_000, np.uint16))
        if mode == "I;16"
        else Image.new("RGB", (120, 90), "orange").convert(mode)
    )
    data = png(picture, "JPEG" if mode == "CMYK" else "PNG")
    for colours, shape in (("GRAY", (48, 48)), ("RGB", (48, 48, 3))):
        faces = found(data, colours=colours)
        assert [face.pixels.shape for face in faces] == [shape, shape]
        assert all(face.pixels.dtype == np.uint8 for face in faces)
        assert faces[0].box.side > faces[1].box.side


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 200), (47, 48), (48, 48), (100, 48)])
def test_a_picture_that_is_a_face_is_taken_whole(size: tuple[int, int]) -> None:
    picture = np.linspace(0, 255, size[0] * size[1]).astype(np.uint8).reshape(size[::-1])
    [face] = found(png(picture), is_face=True)
    assert face.box == whole(picture)
    assert face.pixels.shape == (48, 48)
    if size == (48, 48):
        np.testing.assert_array_equal(face.pixels, picture)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff", png(np.zeros((9, 9), np.uint8))[:40]])
@pytest.mark.parametrize("is_face", [False, True])
def test_what_is_no_picture_is_said_to_be_none(data: bytes, is_face: bool) -> None:
    with pytest.raises(NotAnImage):
        found(data, is_face=is_face)


def test_too_large_a_picture_is_refused() -> None:
    with pytest.raises(TooLarge):
        find_faces(png(np.zeros((50, 50), np.uint8)), Everywhere(), side=48, max_pixels=2499)


@pytest.mark.parametrize("size", [(640, 480), (3, 3), (700, 2)])
def test_a_picture_without_a_face_is_said_to_have_none(size: tuple[int, int]) -> None:
    with pytest.raises(NoFace, match="no face"):
        find_faces(png(Image.new("RGB", size, "teal")), HaarDetector(), side=48, max_pixels=LIMIT)


def test_a_large_photograph_is_looked_at_smaller(photographs: dict[str, bytes]) -> None:
    import io

    large = Image.open(io.BytesIO(photographs["sad"])).resize((4000, 3000))
    [face] = find_faces(png(large, "JPEG"), HaarDetector(), side=64, max_pixels=LIMIT)
    assert face.box.side < 640
    assert face.pixels.std() > 20


@pytest.fixture
def faces(node: Node) -> Faces:
    faces: Faces = node.parts[Faces]
    return faces


@pytest.fixture
def registry(node: Node) -> Registry:
    registry: Registry = node.parts[Registry]
    return registry


async def test_a_node_has_a_detector_without_any_file(faces: Faces) -> None:
    first, second = await asyncio.gather(faces.detector(), faces.detector())
    assert isinstance(first, HaarDetector)
    assert first is second


async def test_a_yunet_is_used_as_soon_as_it_is_on_the_shelf(
    faces: Faces, registry: Registry, yunet_file: Path
) -> None:
    assert isinstance(await faces.detector(), HaarDetector)
    await registry.publish("other", yunet_file)
    assert isinstance(await faces.detector(), HaarDetector)
    await registry.publish("faces", yunet_file)
    yunet = await faces.detector()
    assert isinstance(yunet, YuNetDetector)
    assert await faces.detector() is yunet
    await registry.change_state("faces", 1, State.deprecated)
    assert isinstance(await faces.detector(), HaarDetector)


async def test_one_that_is_there_from_the_start_is_used(settings: Settings, yunet_file: Path) -> None:
    settings = settings.model_copy(update={"faces": FaceSettings(model="eyes")})
    async with open_node(settings) as node:
        await node.parts[Registry].publish("eyes", yunet_file)
    async with open_node(settings) as node:
        assert isinstance(await node.parts[Faces].detector(), YuNetDetector)


async def test_another_network_by_that_name_is_told_and_the_built_in_one_goes_on(
    caplog: pytest.LogCaptureFixture, faces: Faces, registry: Registry, yunet_file: Path
) -> None:
    await faces.detector()
    with caplog.at_level(logging.ERROR):
        await registry.publish("faces", nets.mean_colour(8))
    assert "faces@1 is no YuNet face detector: its outputs have other names" in caplog.text
    assert isinstance(await faces.detector(), HaarDetector)
    await registry.publish("faces", yunet_file)
    assert isinstance(await faces.detector(), YuNetDetector)


async def test_a_yunet_that_was_damaged_is_told_and_the_built_in_one_goes_on(
    caplog: pytest.LogCaptureFixture, faces: Faces, registry: Registry, yunet_file: Path
) -> None:
    published = await registry.publish("faces", yunet_file)
    (await registry.file(published)).write_bytes(b"scratched")
    with caplog.at_level(logging.ERROR):
        assert isinstance(await faces.detector(), HaarDetector)
    assert "no longer matches its digest" in caplog.text


async def test_a_network_that_only_calls_its_outputs_so_is_found_out(
    caplog: pytest.LogCaptureFixture, faces: Faces, registry: Registry
) -> None:
    """It is run where it can do no harm: OpenCV would read beyond what such a network answers."""
    await registry.publish("faces", nets.false_yunet())
    with caplog.at_level(logging.ERROR):
        assert isinstance(await faces.detector(), HaarDetector)
    assert "faces finds no faces" in caplog.text
