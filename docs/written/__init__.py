"""How each page of the reference is written, one module a page."""


def row(*cells: str) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def table(*heads: str) -> list[str]:
    return [row(*heads), "|" + "---|" * len(heads)]
