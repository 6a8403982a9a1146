"""`feria models`, beside a running node and without one."""

import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from cli.running import Feria
from client.small_models import brightness, doubling


@pytest.fixture
def files(beside: Feria) -> Path:
    (beside.folder / "doubling.onnx").write_bytes(doubling())
    (beside.folder / "brightness.onnx").write_bytes(brightness())
    (beside.folder / "labels.txt").write_text("dark\nbright\n")
    (beside.folder / "card.md").write_text("# Card\n\nWhat it is.\n")
    return beside.folder


def shown(feria: Feria, model: str) -> dict[str, object]:
    said = json.loads(feria("models", "show", model, "--json").out)
    assert isinstance(said, dict)
    return said


def test_a_file_is_added_listed_shown_exported_and_removed(beside: Feria, files: Path) -> None:
    said = beside("models", "add", "doubling.onnx", "--card", "card.md").out
    digest = hashlib.sha256(doubling()).hexdigest()
    assert said.startswith("doubling@1 is on the shelf: regression of rows with 1 column,")
    assert digest in said
    listed = beside("models", "list").out
    assert [line.split()[:4] for line in listed.splitlines() if "doubling" in line] == [
        ["doubling", "1", "onnx", "regression"]
    ]
    page = beside("models", "show", "doubling@1").out
    assert digest in page
    assert "What it is." in page
    assert "sha256" in beside("models", "export", "doubling", "--out", "copy.onnx").out
    assert (files / "copy.onnx").read_bytes() == doubling()
    assert beside("models", "rm", "doubling@1", stdin="y\n").out == "Deleted doubling@1.\n"
    assert "not_found" in beside.refused("models", "show", "doubling")


def test_a_picture_model_is_added_with_what_its_file_does_not_say(beside: Feria, files: Path) -> None:
    beside(
        "models", "add", "brightness.onnx", "--name", "light", "--labels", "labels.txt",
        "--mean", "127.5", "--scale", "0.00784313725",
    )  # fmt: skip
    model = shown(beside, "light")
    assert model["output"]["labels"] == ["dark", "bright"]  # type: ignore[index]
    assert model["input"]["mean"] == [127.5]  # type: ignore[index]
    assert model["input"]["width"] == 4  # type: ignore[index]


def test_labels_may_be_json(beside: Feria, files: Path) -> None:
    (files / "labels.json").write_text('["dark", "bright"]')
    beside("models", "add", "brightness.onnx", "--name", "json-labels", "--labels", "labels.json")
    assert shown(beside, "json-labels")["output"]["labels"] == ["dark", "bright"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.onnx"], "invalid: There is no file nowhere.onnx."),
        (["card.md"], "not_a_model: "),
        (["doubling.onnx", "--sha256", "0" * 64], "sha256"),
        (["doubling.onnx", "--labels", "nowhere.txt"], "invalid: Cannot read nowhere.txt"),
        (["brightness.onnx", "--labels", "card.md"], "There are 3 labels for 2 classes."),
        (["doubling.onnx", "--mean", "1"], "invalid: The file takes no pictures"),
        (["brightness.onnx", "--mean", "a,b"], "invalid: --mean takes one number"),
        (["brightness.onnx", "--channels", "CMYK"], "invalid: --channels"),
        (["brightness.onnx", "--size", "big"], "invalid: --size takes WIDTHxHEIGHT"),
        (["doubling.onnx", "--name", "no spaces"], "is no model name"),
        (["http://example.invalid/x.onnx"], "invalid: http://example.invalid/x.onnx is not https"),
        (["file:///etc/passwd"], "is no address to download from"),
    ],
)
def test_what_cannot_be_added_is_refused_with_the_reason(
    beside: Feria, files: Path, words: list[str], said: str
) -> None:
    assert said in beside.refused("models", "add", *words)


def test_a_deprecated_version_steps_back_and_comes_again(beside: Feria, files: Path) -> None:
    for _ in range(2):
        beside("models", "add", "doubling.onnx", "--name", "stepping")
    beside("models", "deprecate", "stepping@2", "--reason", "a bad export")
    assert shown(beside, "stepping")["version"] == 1
    assert "a bad export" in beside("models", "show", "stepping@2").out
    beside("models", "restore", "stepping@2")
    assert shown(beside, "stepping")["version"] == 2
    assert "Say which version" in beside("models", "deprecate", "stepping", code=2).err


def test_nothing_is_removed_without_a_yes(beside: Feria, files: Path) -> None:
    beside("models", "add", "doubling.onnx", "--name", "kept")
    for answer in ("n\n", "", "\n"):
        beside("models", "rm", "kept", stdin=answer, code=1)
    assert shown(beside, "kept")["version"] == 1
    beside("models", "rm", "kept", "--yes")


def test_an_export_does_not_replace_a_file_unless_told(beside: Feria, files: Path) -> None:
    beside("models", "add", "doubling.onnx", "--name", "exported")
    (files / "exported-1.onnx").write_text("mine")
    assert "--force" in beside.refused("models", "export", "exported")
    assert (files / "exported-1.onnx").read_text() == "mine"
    beside("models", "export", "exported@1", "--force")
    assert (files / "exported-1.onnx").read_bytes() == doubling()


def test_lists_are_for_programs_too(beside: Feria, files: Path) -> None:
    beside("models", "add", "doubling.onnx", "--name", "listed")
    models = json.loads(beside("models", "list", "--json").out)["models"]
    assert "listed" in [model["name"] for model in models]


def test_without_a_node_the_home_is_opened_for_each_command(feria: Feria) -> None:
    (feria.folder / "doubling.onnx").write_bytes(doubling())
    feria("models", "add", "doubling.onnx")
    assert "doubling" in feria("models", "list").out
    feria("models", "export", "doubling", "--home", feria.home)
    assert (feria.folder / "doubling-1.onnx").read_bytes() == doubling()


def test_a_home_may_be_named_before_or_behind_the_command(feria: Feria) -> None:
    elsewhere = feria.folder / "elsewhere"
    feria("--home", elsewhere, "models", "list")
    feria("models", "list", "--home", feria.folder / "another")
    assert elsewhere.is_dir()
    assert (feria.folder / "another").is_dir()
    assert not feria.home.exists()


@pytest.mark.parametrize("model", ["@1", "x@", "x@one", "x@1@2"])
def test_what_names_no_model_is_a_usage_error(beside: Feria, model: str) -> None:
    assert "NAME@VERSION" in beside("models", "show", model, code=2).err


# ------------------------------------------------------------------- from elsewhere
@pytest.fixture
def website(tmp_path: Path) -> Generator[str]:
    (tmp_path / "net.onnx").write_bytes(doubling())

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(tmp_path))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with server:
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_whose_digest_is_known_may_come_by_any_way(beside: Feria, website: str) -> None:
    digest = hashlib.sha256(doubling()).hexdigest()
    said = beside("models", "add", f"{website}/net.onnx?download=1", "--sha256", digest).out
    assert said.startswith("net@1 is on the shelf")


@pytest.mark.parametrize(
    ("path", "sha256", "variables", "said"),
    [
        ("net.onnx", "", {}, "is not https"),
        ("net.onnx", "0" * 64, {}, "corrupt: What arrived has sha256"),
        ("gone.onnx", "0" * 64, {}, "not_found: There is nothing at"),
    ],
)
def test_what_cannot_be_fetched_is_refused(
    beside: Feria, website: str, path: str, sha256: str, variables: dict[str, str], said: str
) -> None:
    words = ["--sha256", sha256] if sha256 else []
    assert said in beside.refused("models", "add", f"{website}/{path}", *words, **variables)
