"""Federated machine learning for shops whose data must stay home.

`feria.Client` and `feria.AsyncClient` speak to a running node; they load when first named, so that
importing this package costs nothing.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feria.client import AsyncClient as AsyncClient
    from feria.client import Client as Client

__all__ = ["AsyncClient", "Client", "__version__"]
__version__ = "0.1.0.dev0"

# ONNX Runtime reads it while it is imported; without it, it reports to its maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    if name in {"AsyncClient", "Client"}:
        return getattr(import_module("feria.client"), name)
    raise AttributeError(f"module 'feria' has no attribute {name!r}")
