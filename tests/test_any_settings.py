"""Whatever an operator sets: settings come of it, or one line that says what is wrong."""

import contextlib
import os
from pathlib import Path

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feria.cli.finding import read_settings
from feria.errors import Invalid
from feria.settings import Settings, StorageSettings
from feria.storage.database import database_url

VARIABLES = [
    f"FERIA_{group}__{name}".upper()
    for group, field in Settings.model_fields.items()
    if group != "home"
    for name in field.annotation.model_fields  # type: ignore[union-attr]
] + ["FERIA_HOME", "FERIA_WEB", "FERIA_TASKS__", "FERIA_NO__SUCH"]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SAID = TEXT | st.sampled_from(["", "true", "-1", "1e999", "nan", "[]", "{}", '["a"]', "null", "0x1"])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.dictionaries(st.sampled_from(VARIABLES), SAID, max_size=4))
def test_any_variables_are_settings_or_refused(
    said: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        for name in [name for name in os.environ if name.startswith("FERIA_")]:
            patch.delenv(name)
        for name, value in said.items():
            patch.setenv(name, value)
        with contextlib.suppress(Invalid), click.Context(click.Command("feria")):
            assert isinstance(read_settings(), Settings)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.binary(max_size=40) | st.builds("{}={}".format, st.sampled_from(VARIABLES), SAID).map(str.encode)
)
def test_any_env_file_is_settings_or_refused(
    said: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_bytes(said)
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        with contextlib.suppress(Invalid), click.Context(click.Command("feria")):
            assert isinstance(read_settings(), Settings)


URLS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["postgresql", "mariadb", "mysql+pymysql", "sqlite", "", "oracle"]),
    st.sampled_from(["://", ":///", ":", "//", "://["]),
    TEXT | st.sampled_from(["user:p@ss@host:99999", "host:port/db", "::1]:5432/x", "h/?charset=é&a=b"]),
    st.sampled_from(["", "/", "/db", ":/db", "?", "?sslmode=require", "@"]),
)


@given(said=URLS | TEXT)
def test_any_text_is_a_database_url_or_refused(said: str) -> None:
    try:
        url = database_url(StorageSettings(url=said), Path("home"))
    except Invalid as error:
        told = error.message
    else:
        told = ""
        assert url.drivername in {"sqlite+aiosqlite", "postgresql+asyncpg", "mariadb+asyncmy"}
    assert len(said) < 12 or said not in told  # it may hold a password
