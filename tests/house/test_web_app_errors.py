"""The web app has a sentence, in both languages, for every error of the node."""

import re
from pathlib import Path

from feria.web.replies import STATUS

PIECES = Path(__file__).parents[2] / "frontend" / "src" / "pieces"


def test_the_web_app_knows_every_error() -> None:
    listed = re.search(r"CODES = \[(.*?)\]", (PIECES / "faults.ts").read_text(), re.DOTALL)
    assert listed is not None
    # That each has its sentence in Spanish and in English is a matter of types there.
    assert set(re.findall(r'"(\w+)"', listed[1])) == set(STATUS)
