"""Flower app bundles: a zip of an app's folder, as `flwr build` makes it.

Nothing of an app is run or imported here, and no more of a file is unpacked than is allowed.
"""

import contextlib
import lzma
import tomllib
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from feria.errors import Invalid, TooLarge
from feria.federation.orders import APP_NAME

LARGEST = 10 * 1024 * 1024
"""Bytes, packed; Flower's own bound."""
LARGEST_UNPACKED = 64 * 1024 * 1024
MOST_FILES = 2000
PROJECT = "pyproject.toml"
# What Python's zipfile comes upon in files that are none, are encrypted, or packed in ways it does not know.
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError)

Setting = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Bundle:
    name: str
    version: str
    publisher: str
    description: str
    server: str
    """`package.module:attribute` of its `ServerApp`."""
    client: str
    """Of its `ClientApp`."""
    settings: Mapping[str, Setting]
    """`[tool.flwr.app.config]`, flat, with a dot between the names of nested tables."""


def read(file: Path) -> Bundle:
    """What an app says of itself. Raises `Invalid`, `TooLarge`."""
    with _opened(file) as archive:
        names = set(archive.namelist())
        if PROJECT not in names:
            raise Invalid(f"A Flower app has a {PROJECT}; this bundle has none.")
        try:
            said = tomllib.loads(archive.read(PROJECT).decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise Invalid(f"The app's {PROJECT} cannot be read: {error}.") from None
    bundle = _bundle(said)
    for reference in (bundle.server, bundle.client):
        module = reference.partition(":")[0].replace(".", "/")
        if not names & {f"{module}.py", f"{module}/__init__.py"}:
            raise Invalid(f"The app says '{reference}', and its bundle holds no {module}.py.")
    return bundle


def unpack(file: Path, folder: Path) -> Bundle:
    """Write an app's files into a folder, which may hold an earlier copy of the same."""
    bundle = read(file)
    with _opened(file) as archive:
        archive.extractall(folder)
    return bundle


class _Components(BaseModel):
    serverapp: str = Field(pattern=r"^\w+(\.\w+)*:\w+$")
    clientapp: str = Field(pattern=r"^\w+(\.\w+)*:\w+$")


class _App(BaseModel):
    publisher: str = Field(min_length=1, max_length=100)
    components: _Components
    config: dict[str, Any] = {}


class _Project(BaseModel):
    name: str = Field(pattern=APP_NAME)
    version: str = Field(min_length=1, max_length=50)
    description: str = Field(default="", max_length=2000)


class _Said(BaseModel):
    """What matters here of https://flower.ai/docs/framework/how-to-configure-pyproject-toml.html."""

    model_config = ConfigDict(strict=True)

    project: _Project
    app: _App = Field(validation_alias=pydantic.AliasPath("tool", "flwr", "app"))


def _bundle(said: dict[str, Any]) -> Bundle:
    try:
        valid = _Said.model_validate(said)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"The app's {PROJECT}: {where}: {first['msg']}.") from None
    project, app = valid.project, valid.app
    return Bundle(
        name=project.name,
        version=project.version,
        publisher=app.publisher,
        description=project.description,
        server=app.components.serverapp,
        client=app.components.clientapp,
        settings=_flat(app.config),
    )


def _flat(table: Mapping[str, Any], above: str = "") -> dict[str, Setting]:
    flat: dict[str, Setting] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{above}{key}.")
        elif isinstance(value, bool | int | float | str):
            flat[above + key] = value
        else:
            raise Invalid(f"The app's setting {above}{key} is neither a number, a text nor a yes or no.")
    return flat


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """Whatever is in it can be unpacked into a folder, and stays there."""
    if (size := file.stat().st_size) > LARGEST:
        raise TooLarge(f"An app's bundle may have {LARGEST:,} bytes; this one has {size:,}.")
    try:
        with zipfile.ZipFile(file) as archive:
            _check(archive.infolist())
            if archive.testzip() is not None:
                raise zipfile.BadZipFile
            yield archive
    except DAMAGED:
        raise Invalid("That is no bundle of a Flower app, as `flwr build` makes it.") from None


def _check(entries: Sequence[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > LARGEST_UNPACKED:
        raise TooLarge(f"Unpacked, an app may be {MOST_FILES:,} files of {LARGEST_UNPACKED:,} bytes in all.")
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in entry.filename:
            raise Invalid(f"The bundle holds '{entry.filename}', which lies outside of it.")
