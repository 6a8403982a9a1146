"""OpenCV, loaded when the first face is looked for: a fifth of a second that no start should pay."""

from functools import cache
from types import ModuleType


@cache
def opencv() -> ModuleType:
    import cv2

    cv2.setNumThreads(1)  # a worker has one core; more threads would only wait for one another
    # It tells its exceptions to stderr as well.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
