"""Every setting is explained, and a misspelt one is an error."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from feria.settings import Group, Settings

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def _fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Group):
            yield from _fields(inner, f"{prefix}{name}__")
        else:
            yield f"{prefix}{name}".upper(), field


SETTINGS = dict(_fields(Settings, "FERIA_"))


@pytest.mark.parametrize("variable", SETTINGS)
def test_a_setting_is_explained_and_stands_in_the_reference(variable: str) -> None:
    assert SETTINGS[variable].description
    assert f"`{variable}`" in REFERENCE.read_text(encoding="utf-8")


def test_a_misspelt_setting_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # away from a developer's own `.env`
    monkeypatch.setenv("FERIA_WEB__PROT", "8000")
    with pytest.raises(ValidationError, match="prot"):
        Settings()
