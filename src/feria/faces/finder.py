"""Faces in a picture, found with the best detector this node has."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from feria.errors import FeriaError, NoFace, NotAModel, NotFound
from feria.faces.boxes import Box, crop, whole
from feria.faces.detector import FaceDetector
from feria.faces.frames import read_frame, resized
from feria.faces.haar import HaarDetector
from feria.faces.yunet import OUTPUTS, YuNetDetector, prove
from feria.pixels import Colours, Pixels
from feria.registry.shelf import Registry
from feria.settings import FaceSettings
from feria.tasks.processes import Processes

log = logging.getLogger(__name__)

PROVING_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Face:
    box: Box
    pixels: Pixels
    """uint8 `[side, side]` grey or `[side, side, 3]` RGB, as a network takes it."""


def find_faces(
    data: bytes,
    detector: FaceDetector,
    *,
    side: int,
    max_pixels: int,
    colours: Colours = "GRAY",
    is_face: bool = False,
) -> list[Face]:
    """The faces in a picture, cut out `side` pixels wide and high, the largest first; one at least.

    `is_face` says that the picture is a face cut out already: then it is taken whole, and nothing is looked
    for. Blocks for some milliseconds. Raises `NotAnImage`, `TooLarge`, and `NoFace` where none is found.
    """
    frame = read_frame(data, max_pixels, colours)
    if is_face:
        return [Face(whole(frame), resized(crop(frame, whole(frame), margin=0), (side, side)))]
    boxes = detector.find(frame)
    if not boxes:
        raise NoFace("There is no face in the picture, or none that looks into the camera.")
    return [Face(box, resized(crop(frame, box), (side, side))) for box in boxes]


class Faces:
    """Which detector this node finds faces with: YuNet as soon as the shelf holds one, and Haar before.

    The YuNet is the latest version of the model named in the settings. A file that is none, or is damaged, is
    logged, and the node goes on with what it had built in.
    """

    def __init__(self, registry: Registry, processes: Processes, settings: FaceSettings) -> None:
        self._registry = registry
        self._processes = processes
        self._settings = settings
        self._detector: FaceDetector | None = None
        self._choosing = asyncio.Lock()

    async def detector(self) -> FaceDetector:
        """The one in use. The first to ask waits for OpenCV to load, and for a YuNet to be proved."""
        if self._detector is None:
            async with self._choosing:
                if self._detector is None:
                    self._detector = await self._chosen()
        return self._detector

    async def follow(self, name: str) -> None:
        """Told by the registry that a version of `name` came, went or changed."""
        if name == self._settings.model and self._detector is not None:
            async with self._choosing:  # until it is done, the one before answers
                self._detector = await self._chosen()

    async def _chosen(self) -> FaceDetector:
        try:
            return await self._yunet()
        except NotFound:
            pass
        except FeriaError as error:
            log.error("%s finds no faces, the built-in one does: %s", self._settings.model, error.message)
        return await asyncio.to_thread(HaarDetector)

    async def _yunet(self) -> FaceDetector:
        model = await self._registry.find(self._settings.model)
        if not set(model.output.tensors) >= OUTPUTS:
            raise NotAModel(f"{model.reference} is no YuNet face detector: its outputs have other names.")
        file = await self._registry.file(model)
        await self._processes.run(prove, str(file), seconds=PROVING_SECONDS)
        detector = await asyncio.to_thread(YuNetDetector, file)
        log.info("Faces are found with %s.", model.reference)
        return detector


@contextlib.asynccontextmanager
async def open_faces(
    registry: Registry, processes: Processes, settings: FaceSettings
) -> AsyncGenerator[Faces]:
    faces = Faces(registry, processes, settings)
    registry.subscribe(faces.follow)
    yield faces
