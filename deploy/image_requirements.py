"""What the image installs before feria itself, one requirement a line: feria's own, and those of its extras.

Run by the Dockerfile, so that a change of the sources does not fetch them all again.
"""

import sys
import tomllib
from pathlib import Path

EXTRAS = ("postgresql", "mariadb", "redis", "celery", "otel")

if __name__ == "__main__":
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(one for extra in EXTRAS for one in extras[extra])]
    sys.stdout.write("\n".join(lines) + "\n")
