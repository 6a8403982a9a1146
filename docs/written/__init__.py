"""How each page of the reference is written, one module a page."""

from pydantic.fields import FieldInfo

LIMITS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def row(*cells: str) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def table(*heads: str) -> list[str]:
    return [row(*heads), "|" + "---|" * len(heads)]


def limits(field: FieldInfo) -> str:
    """Behind what a number means: ` (≥ 1, ≤ 10)`, or nothing."""
    said = [
        f"{sign} {_number(getattr(limit, name))}"
        for limit in field.metadata
        for name, sign in LIMITS.items()
        if getattr(limit, name, None) is not None
    ]
    return f" ({', '.join(said)})" if said else ""


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:,}"
