"""The models that come with feria: put on the shelf like anybody's own, once for each file.

A model is `NAME.onnx`, beside it `NAME.json` (a `Description`, all of it optional) and `NAME.md`, its
card. Who deletes or deprecates one has done so for good, and who publishes a version of their own under
its name has the name: then no newer file of ours comes before theirs.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

import feria
from feria.access.wire import HOUSE
from feria.errors import Conflict, FeriaError, Invalid
from feria.registry.shelf import Registry
from feria.registry.wire import Description, Model

log = logging.getLogger(__name__)

FOLDER = Path(feria.__file__).parent / "assets" / "models"


async def put_shipped(
    registry: Registry, folder: Path, closing: Callable[[], bool] = lambda: False
) -> list[Model]:
    """Publish what this shelf has never held, and return it. What is wrong with one file is logged and
    keeps none of the others. Begins no further one once `closing` says so."""
    put = []
    for file in await asyncio.to_thread(lambda: sorted(folder.glob("*.onnx"))):
        if closing():
            break
        try:
            model = await _put(registry, file)
        except Conflict:
            log.info("%s was published by somebody else just now.", file.stem)
        except FeriaError as error:
            log.error("%s, which comes with feria, is not on the shelf: %s", file.stem, error.message)
        else:
            if model is not None:
                put.append(model)
                log.info("%s came with feria.", model.reference)
    return put


async def _put(registry: Registry, file: Path) -> Model | None:
    if await registry.owner(file.stem) not in {None, HOUSE}:
        return None
    content, description = await asyncio.to_thread(_read, file)
    if await registry.knew(file.stem, hashlib.sha256(content).hexdigest()):
        return None
    return await registry.publish(file.stem, content, description, owner=HOUSE)


def _read(file: Path) -> tuple[bytes, Description]:
    """Raises `Invalid` for a description that is none."""
    said, card = file.with_suffix(".json"), file.with_suffix(".md")
    try:
        content = file.read_bytes()
        told = json.loads(said.read_text(encoding="utf-8")) if said.exists() else {}
        if card.exists():
            told |= {"card": card.read_text(encoding="utf-8")}
        return content, Description.model_validate(told)
    except OSError as error:
        raise Invalid(f"{error.filename} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        fault = error.errors()[0]
        raise Invalid(f"{said.name} or {card.name}, {fault['loc']}: {fault['msg']}.") from None
    except (ValueError, TypeError) as error:
        raise Invalid(f"{said.name} or {card.name} cannot be read: {error}.") from None
