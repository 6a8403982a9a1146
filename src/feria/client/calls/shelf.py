"""What one can ask of the shelf."""

from functools import partial
from pathlib import Path
from urllib.parse import quote

from feria.client.answers import Nothing, Parsed, SavedFile
from feria.client.calls.call import MINUTE, Call, file_at, model_path
from feria.errors import NotFound
from feria.registry.wire import Description, Model, ModelList, ShelvedModel, State, StateChange


def models() -> Call[tuple[ShelvedModel, ...]]:
    """The latest ready version of every model."""
    return Call(method="GET", path="/v1/models", reader=lambda: Parsed(_listed))


def versions(name: str) -> Call[tuple[ShelvedModel, ...]]:
    """Every version of a model, newest first. Raises `NotFound`."""
    return Call(method="GET", path=model_path(name), reader=lambda: Parsed(_listed))


def model(name: str, version: int | None = None) -> Call[ShelvedModel]:
    """One version of a model; by default the latest that is ready. Raises `NotFound`."""
    if version is None:
        return Call(method="GET", path=model_path(name), reader=lambda: Parsed(partial(_latest, name)))
    return Call(method="GET", path=model_path(name, version), reader=lambda: Parsed(_shelved))


def publish(
    name: str,
    file: str | Path | bytes,
    description: Description | None = None,
    *,
    sha256: str | None = None,
) -> Call[Model]:
    """Put an ONNX file on the shelf as the next version of `name`, and serve it.

    `description` says what the file itself does not. With `sha256` the node refuses a file that
    arrived otherwise. Raises `NotAModel` with the reason when the file cannot be served.
    """
    form = {} if sha256 is None else {"sha256": sha256}
    if description is not None:
        form["description"] = description.model_dump_json(exclude_none=True)
    return Call(
        method="POST",
        path=model_path(name),
        reader=lambda: Parsed(_one),
        form=form,
        files=[("file", file_at(file))],
        seconds=10 * MINUTE,
        repeatable=False,
    )


def deprecate(name: str, version: int, reason: str = "") -> Call[Model]:
    """Take a version off `latest`. It still answers those who ask for it by number."""
    return _change(name, version, StateChange(state=State.deprecated, reason=reason))


def restore(name: str, version: int) -> Call[Model]:
    """Put a deprecated version back."""
    return _change(name, version, StateChange(state=State.ready))


def delete(name: str, version: int | None = None) -> Call[None]:
    """Take a version off the shelf for good; without one, all of them."""
    return Call(method="DELETE", path=model_path(name, version), reader=Nothing)


def download(what: Model | str, to: str | Path) -> Call[Path]:
    """Save a model's ONNX file, given the model or its digest; returns where it is.

    `to` is a file or an existing folder. The file appears there whole and verified, or not at all.
    Raises `Corrupt` when what arrived is not what the digest names.
    """
    digest = what if isinstance(what, str) else what.digest
    target = Path(to)
    if target.is_dir():
        target /= f"{digest if isinstance(what, str) else f'{what.name}-{what.version}'}.onnx"
    return Call(
        method="GET",
        path=f"/v1/blobs/{quote(digest, safe='')}",
        reader=lambda: SavedFile(target, digest),
    )


def _change(name: str, version: int, change: StateChange) -> Call[Model]:
    return Call(
        method="PATCH",
        path=model_path(name, version),
        reader=lambda: Parsed(_one),
        body=change.model_dump(mode="json"),
    )


def _one(body: bytes) -> Model:
    return Model.model_validate_json(body)


def _shelved(body: bytes) -> ShelvedModel:
    return ShelvedModel.model_validate_json(body)


def _listed(body: bytes) -> tuple[ShelvedModel, ...]:
    return ModelList.model_validate_json(body).models


def _latest(name: str, body: bytes) -> ShelvedModel:
    for found in _listed(body):
        if found.state is State.ready:
            return found
    raise NotFound(f"Model '{name}' has no version that is ready.", model=name)
