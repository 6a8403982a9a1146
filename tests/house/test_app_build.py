"""The web app is built when it has to be, and only then; here a very small one, with real npm."""

import json
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "frontend"))
import building  # noqa: E402

BUILD = (
    "node -e \"const fs = require('fs'), to = '../src/feria/web/app'; fs.mkdirSync(to, {recursive: true});"
    "fs.writeFileSync(to + '/index.html', fs.readFileSync('page.html'))\""
)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "frontend"
    (folder / "node_modules").mkdir(parents=True)
    package = {"name": "small", "version": "1.0.0", "scripts": {"build": BUILD}}
    lock = {"name": "small", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": package}}
    (folder / "package.json").write_text(json.dumps(package), encoding="utf-8")
    (folder / "package-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    (folder / "page.html").write_text("one", encoding="utf-8")
    monkeypatch.setattr(building, "SOURCES", folder)
    monkeypatch.setattr(building, "APP", tmp_path / "src" / "feria" / "web" / "app")
    return folder


@pytest.fixture
def npm() -> None:
    if building.needs_wheel():
        pytest.skip("no Node that is new enough, and its npm")


@pytest.mark.usefixtures("npm")
def test_the_app_is_built_once_and_again_when_a_source_changes(sources: Path) -> None:
    assert not building.is_built()
    building.build()
    assert building.is_built()
    assert (building.APP / "index.html").read_text(encoding="utf-8") == "one"
    (sources / "node_modules" / "brought.js").write_text("not of the sources", encoding="utf-8")
    assert building.is_built()
    (sources / "page.html").write_text("two", encoding="utf-8")
    assert not building.is_built()
    building.build()
    assert (building.APP / "index.html").read_text(encoding="utf-8") == "two"


@pytest.mark.usefixtures("npm")
def test_a_build_that_fails_says_so_and_is_tried_again(sources: Path) -> None:
    building.build()
    (sources / "page.html").unlink()
    with pytest.raises(building.CannotBuild, match="ended with 1"):
        building.build()
    assert not building.is_built()


@pytest.mark.usefixtures("sources")
def test_who_has_no_node_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(building.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(building.CannotBuild, match="FERIA_BUILD_APP=0"):
        building.build()


def test_a_node_too_old_for_the_tools_is_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, says in (("node", "v18.20.4"), ("npm", "10.9.0")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {says}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin", prepend=None)
    assert building.needs_wheel()
