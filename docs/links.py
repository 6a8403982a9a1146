"""Say which links in the Markdown pages lead nowhere: files, pictures and headings of this repository."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:")


def main() -> int:
    pages = all_pages()
    dead = [f"{page.relative_to(ROOT)}: {link}" for page in pages for link in dead_links(page)]
    for line in dead:
        print(f"{line} leads nowhere.")
    if not dead:
        print(f"{len(pages)} pages, every link leads somewhere.")
    return len(dead)


def all_pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def dead_links(page: Path) -> Iterator[str]:
    prose = _without_code(page.read_text(encoding="utf-8"))
    for match in LINK.finditer(prose):
        link = match[1] or match[2]
        if ELSEWHERE.match(link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def anchors(page: Path) -> set[str]:
    """The names GitHub gives to a page's headings."""
    found: set[str] = set()
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for heading in re.findall(r"^#{1,6} +(.+?)\s*$", text, flags=re.M):
        words = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        name, count = words, 0
        while name in found:
            count += 1
            name = f"{words}-{count}"
        found.add(name)
    return found


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.M | re.S)


if __name__ == "__main__":
    sys.exit(main())
