"""The kinds of model one can train, from where they are defined."""

from typing import Any

from feria.learning.kinds import KINDS, Kind
from written import row, table

SOURCE = "`feria.learning.kinds`"
INTRODUCTION = """# Kinds of model

What `feria train KIND` and the member `kind` of a training order can be, and what may be set on each:
`--set max_depth=6` on the command line, `{"settings": {"max_depth": 6}}` over HTTP. The settings have
scikit-learn's names. What is left out is chosen by feria.
"""


def page() -> str:
    lines = [INTRODUCTION]
    for kind in KINDS.values():
        lines += _kind(kind)
    return "\n".join(lines)


def _kind(kind: Kind) -> list[str]:
    lines = [f"## {kind.name}", "", f"{kind.explains} For {' and '.join(kind.tasks)}.", ""]
    if kind.max_rows:
        lines += [f"Takes at most {kind.max_rows:,} rows.", ""]
    members: dict[str, Any] = kind.settings.model_json_schema().get("properties", {})
    if not members:
        return [*lines, "Nothing to set.", ""]
    lines += table("setting", "default", "meaning")
    for name, schema in members.items():
        default = schema.get("default")
        shown = "left to feria" if default is None else f"`{default}`"
        lines.append(row(f"`{name}`", shown, schema.get("description", "as in scikit-learn")))
    return [*lines, ""]
