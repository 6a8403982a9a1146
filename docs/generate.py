"""Write from the code what says what it says: `docs/reference`, and the web app's types of the API.

With `--check` only say which files are no longer true."""

import sys
from collections.abc import Callable
from pathlib import Path

from written import app_types, commands, errors, http, kinds, models, settings

ROOT = Path(__file__).parents[1]
PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/settings.md": settings.page,
    "docs/reference/cli.md": commands.page,
    "docs/reference/http.md": http.page,
    "docs/reference/kinds.md": kinds.page,
    "docs/reference/errors.md": errors.page,
    "docs/reference/models.md": models.page,
    "frontend/src/api/schema.ts": app_types.page,
}
ORIGIN = "Written by `make docs` from {source}. Change it there."
COMMENT = {".md": "<!-- {} -->\n\n", ".ts": "// {}\n"}


def main() -> int:
    stale = []
    for name, page in PAGES.items():
        source = sys.modules[page.__module__].SOURCE
        file = ROOT / name
        text = COMMENT[file.suffix].format(ORIGIN.format(source=source)) + page().rstrip() + "\n"
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    if "--check" in sys.argv:
        for name in stale:
            print(f"{name} is no longer what the code says; run `make docs`.")
        return len(stale)
    print(f"{len(PAGES)} files are written from the code; {len(stale)} changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
