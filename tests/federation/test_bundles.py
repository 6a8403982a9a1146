"""Flower app bundles: what is read of one, and which are refused."""

import contextlib
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feria.errors import FeriaError, Invalid, TooLarge
from feria.federation import bundles, flower

SMALL = Path(__file__).parents[1] / "small_app"


@pytest.fixture(scope="module")
def bundle() -> bytes:
    return flower.bundle(SMALL)


def _rewritten(bundle: bytes, **files: str | None) -> bytes:
    """With other texts in the place of its files, or without them."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in files:
                new.writestr(name, old.read(name))
        for name, text in files.items():
            if text is not None:
                new.writestr(name, text)
    return made.getvalue()


PROJECT = (SMALL / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("files", "kind", "sentence"),
    [
        ({"pyproject.toml": None}, Invalid, "has none"),
        ({"pyproject.toml": "[project"}, Invalid, "cannot be read"),
        ({"pyproject.toml": "[project]\nname = 'x'"}, Invalid, "version"),
        ({"pyproject.toml": PROJECT.replace('"small-app"', '"small app"')}, Invalid, "project.name"),
        (
            {"pyproject.toml": PROJECT.replace("server_app:app", "other:app")},
            Invalid,
            "no small_app/other.py",
        ),
        ({"pyproject.toml": PROJECT.replace("server_app:app", "server_app")}, Invalid, "serverapp"),
        ({"pyproject.toml": PROJECT.replace('fault = ""', "fault = [1]")}, Invalid, "fault"),
        ({"../outside.py": "evil"}, Invalid, "outside"),
        ({"/tmp/outside.py": "evil"}, Invalid, "outside"),
        ({"large": "x" * (bundles.LARGEST_UNPACKED + 1)}, TooLarge, "Unpacked"),
    ],
)
def test_a_bundle_that_cannot_be_run_is_refused(
    bundle: bytes, tmp_path: Path, files: dict[str, str | None], kind: type[FeriaError], sentence: str
) -> None:
    file = tmp_path / "app.fab"
    file.write_bytes(_rewritten(bundle, **files))
    with pytest.raises(kind, match=sentence):
        bundles.unpack(file, tmp_path / "code")
    assert not (tmp_path / "code").exists()
    assert not (tmp_path / "outside.py").exists()


@given(data=st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_damaged_bundle_is_refused_or_read(bundle: bytes, tmp_path: Path, data: st.DataObject) -> None:
    damaged = bytearray(bundle)
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(bundle) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path / "app.fab"
    file.write_bytes(damaged[: data.draw(st.integers(0, len(bundle)))])
    with contextlib.suppress(Invalid, TooLarge):
        bundles.unpack(file, tmp_path / "code")
