"""The documentation as a site, in `site/`: run by `make site`.

Pages are staged as they lie in the project, so that links between them, and to code, lead where they lead in
the project. A link that leads nowhere fails the build.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAGE = ROOT / "build" / "site"
PAGES = (
    "*.md",
    "LICENSE",
    "docs/**/*.md",
    "docs/**/*.svg",
    "docs/**/*.png",
    "examples/**/README.md",
    "src/**/*.md",
)
LINKED = ("deploy/*", "src/**/*.py", "bench/**/*.py", "training/*.py")
"""What pages link to that is no page."""
SECTIONS = (
    ("Tutorials", "docs/tutorials"),
    ("How to", "docs/how-to"),
    ("Reference", "docs/reference"),
    ("Explanation", "docs/explanation"),
    ("Decisions", "docs/decisions"),
)
SINGLE = (
    ("Benchmarks", "docs/benchmarks.md"),
    ("House guide", "docs/house.md"),
    ("Contributing", "CONTRIBUTING.md"),
    ("Changes", "CHANGELOG.md"),
    ("En español", "README.es.md"),
)


def stage() -> None:
    shutil.rmtree(STAGE, ignore_errors=True)
    for pattern in (*PAGES, *LINKED):
        for path in ROOT.glob(pattern):
            if path.is_file() and "node_modules" not in path.parts:
                to = STAGE / "pages" / path.relative_to(ROOT)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to)
    config = (ROOT / "docs" / "zensical.toml").read_text(encoding="utf-8")
    head, theme, rest = config.partition("[project.theme]\n")
    (STAGE / "zensical.toml").write_text(f"{head}nav = [{_nav()}]\n\n{theme}{rest}", encoding="utf-8")


def _nav() -> str:
    """Titles are those of the pages."""
    entries = ['{ "feria" = "README.md" }', '{ "Documentation" = "docs/index.md" }']
    for title, folder in SECTIONS:
        paths = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob("*.md"))
        entries.append(f'{{ "{title}" = [{", ".join(repr(path) for path in paths)}] }}'.replace("'", '"'))
    entries += [f'{{ "{title}" = "{path}" }}' for title, path in SINGLE]
    return ", ".join(entries)


if __name__ == "__main__":
    stage()
    zensical = str(Path(sys.executable).with_name("zensical"))
    command = [zensical, "build", "--strict", "--config-file", "zensical.toml"]
    done = subprocess.run(command, cwd=STAGE)
    if done.returncode == 0:
        shutil.rmtree(ROOT / "site", ignore_errors=True)
        shutil.move(STAGE / "site", ROOT / "site")
    sys.exit(done.returncode)
