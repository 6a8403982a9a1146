"""What the README and the other pages tell to type can be typed, and answers as they say."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from walks import Walk, beside_a_node, matches, walks

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WALKS = {
    f"{page.relative_to(ROOT)}-{i}": walk
    for page in PAGES
    for i, walk in enumerate(walks(page))
    if not walk.alone  # that is a test of its own, in superlink/test_three_hospitals.py
}


@pytest.mark.parametrize("name", WALKS)
def test_a_page_runs_word_for_word(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    walk: Walk = WALKS[name]
    folder = tmp_path / "folder"
    folder.mkdir()
    for need in walk.needs:
        source, _, target = need.partition("=")
        real: Path = request.getfixturevalue("shared_data") / source
        shutil.copy(real, folder / (target or real.name))
    with beside_a_node(folder, tmp_path / "home", fair=walk.fair) as environment:
        for step in walk.steps:
            step.take(folder, environment)


def test_the_readme_walks_from_a_table_to_an_answer() -> None:
    words = " ".join(step.words for step in WALKS["README.md-0"].steps)
    for needed in ("load_", "feria train", "feria models list", "curl ", "Client()", "feria predict"):
        assert needed in words


def test_what_a_page_shows_is_compared() -> None:
    assert matches("accuracy   0.…\n", "accuracy 0.97\n")
    assert not matches("accuracy 0.97\n", "accuracy 0.98\n")


@pytest.mark.parametrize("page", ["README.md", "README.es.md"])
def test_the_commands_of_the_first_page_exist(page: str) -> None:
    targets = set(re.findall(r"^\$ make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8"), re.M))
    assert {"up", "test"} <= targets
    for target in targets:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)
