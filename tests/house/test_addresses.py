"""Nothing in the repository knows the machine it was written on, nor where packages come from."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REGISTRIES = [
    "/".join(("simple", "")),
    ".".join(("pypi", "org")),
    ".".join(("pythonhosted", "org")),
    ".".join(("npmjs", "org")),
    ".".join(("npmjs", "com")),
    "-".join(("-", "index", "url")),
    "-".join(("extra", "index", "url")),
    "-".join(("-", "find", "links")),
]
HOMES = ["/".join(("", "root", "")), "/".join(("", "Users", "")), f"{Path.home()}/"]


def _written() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout, so what belongs to the repository is not known")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize(
    "words", [[f"{ROOT}/", f"{ROOT.parent}/", *HOMES], REGISTRIES], ids=["paths", "hosts"]
)
def test_no_file_names_this_machine_or_a_registry(words: list[str]) -> None:
    guilty = []
    for path in _written():
        content = path.read_bytes()
        if b"\0" not in content[:8192]:
            text = content.decode(errors="replace")
            guilty += [f"{path.relative_to(ROOT)}: {word}" for word in words if word in text]
    assert guilty == []
