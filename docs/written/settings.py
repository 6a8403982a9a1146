"""The settings, from the models that read them."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from feria.settings import Group, Settings
from written import limits, row, table

SOURCE = "`feria.settings`"
INTRODUCTION = """# Settings

Each is an environment variable, or a line in a file `.env` in the folder from which feria is started;
the environment wins. A misspelt name inside a group is an error. Options of the command line win over
both.
"""


def page() -> str:
    prefix = str(Settings.model_config["env_prefix"])
    lines = [INTRODUCTION, *table("setting", "default", "meaning")]
    groups: list[tuple[str, type[BaseModel]]] = []
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Group):
            groups.append((name, field.annotation))
        else:
            lines.append(_row(prefix + name.upper(), field))
    for name, group in groups:
        lines += ["", f"## {name.capitalize()}", "", str(group.__doc__), ""]
        lines += table("setting", "default", "meaning")
        lines += [
            _row(f"{prefix}{name}__{inner}".upper(), field) for inner, field in group.model_fields.items()
        ]
    return "\n".join(lines)


def _row(variable: str, field: FieldInfo) -> str:
    if not field.description:
        raise ValueError(f"{variable} has no description.")
    return row(f"`{variable}`", _default(field.default), field.description + limits(field))


def _default(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, tuple | bool):
        return f"`{json.dumps(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
