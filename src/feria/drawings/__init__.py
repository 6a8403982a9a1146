"""Product pictures drawn by our own code, so that no third party's picture need live here."""

from feria.drawings.kind import Kind
from feria.drawings.kinds import KINDS
from feria.drawings.look import Look
from feria.drawings.pictures import LARGEST, SMALLEST, VIEWS, draw, look, silhouette

__all__ = ["KINDS", "LARGEST", "SMALLEST", "VIEWS", "Kind", "Look", "draw", "look", "silhouette"]
