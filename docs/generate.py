"""Write `docs/reference` from the code; with `--check` only say which pages are no longer true."""

import sys
from collections.abc import Callable
from pathlib import Path

from written import commands, errors, http, kinds, models, settings

REFERENCE = Path(__file__).parent / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings.page,
    "cli.md": commands.page,
    "http.md": http.page,
    "kinds.md": kinds.page,
    "errors.md": errors.page,
    "models.md": models.page,
}
ORIGIN = "<!-- Written by `make docs` from {source}. Change it there. -->\n\n"


def main() -> int:
    stale = []
    for name, page in PAGES.items():
        source = sys.modules[page.__module__].SOURCE
        text = ORIGIN.format(source=source) + page().rstrip() + "\n"
        file = REFERENCE / name
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        stale.append(f"docs/reference/{name}")
        if "--check" not in sys.argv:
            file.write_text(text, encoding="utf-8")
    if "--check" in sys.argv:
        for page_name in stale:
            print(f"{page_name} is no longer what the code says; run `make docs`.")
        return len(stale)
    print(f"docs/reference: {len(PAGES)} pages, {len(stale)} changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
