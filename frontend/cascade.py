"""Writes OpenCV's cascade of frontal faces as JSON, for the browser to find faces with as the node does.

    python frontend/cascade.py

The node's own detector is the same cascade (`feria.faces.haar`). A test holds the file to OpenCV's.
"""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2

from feria.faces.haar import CASCADE, WINDOW

FILE = Path(__file__).parent / "src/pages/mood/frontal-face.json"


def cascade() -> str:
    """The cascade's stages, trees and features in numbers, and its licence, which asks to be kept with it."""
    text = Path(cv2.data.haarcascades, CASCADE).read_text()
    root = ET.fromstring(text).find("cascade")
    assert root is not None
    assert root.findtext("featureType") == "HAAR"
    stages = [
        {
            "threshold": _numbers(stage.findtext("stageThreshold"))[0],
            "trees": [
                [_numbers(tree.findtext("internalNodes")), _numbers(tree.findtext("leafValues"))]
                for tree in stage.iterfind("weakClassifiers/_")
            ],
        }
        for stage in root.iterfind("stages/_")
    ]
    features = [
        [number for rect in feature.iterfind("rects/_") for number in _numbers(rect.text)]
        for feature in root.iterfind("features/_")
    ]
    licence = " ".join(text[text.index("<!--") + 4 : text.index("-->")].split())
    said = {"licence": licence, "window": WINDOW, "stages": stages, "features": features}
    return json.dumps(said, separators=(",", ":")) + "\n"


def _numbers(text: str | None) -> list[float]:
    """To nine digits, which is what a float of 32 bits holds."""
    return [
        int(value) if value == int(value) else float(f"{value:.9g}")
        for value in map(float, (text or "").split())
    ]


if __name__ == "__main__":
    FILE.write_text(cascade())
