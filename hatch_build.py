"""Puts the web app into the wheel, and beside the sources of an editable installation.

`FERIA_BUILD_APP=0` leaves it out: a node that answers programs only.
"""

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "frontend"))
import building

NODE = f"{building.NODE_WHEEL}>=22,<25"
ARTIFACTS = "src/feria/web/app/**"


def _is_wanted() -> bool:
    return os.environ.get("FERIA_BUILD_APP", "1") != "0"


class AppBuild(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the app unless it is built; a source archive brings it along, and is installed without Node."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [NODE] if _is_wanted() and not building.is_built() and building.needs_wheel() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if not _is_wanted():
            return
        if not building.is_built():
            building.build()
        build_data["artifacts"].append(ARTIFACTS)
