"""The `feria` command."""

from importlib import import_module
from typing import Any

__all__ = ["app", "main"]


def __getattr__(name: str) -> Any:
    if name == "app":
        return import_module("feria.cli.commands").app
    raise AttributeError(f"module 'feria.cli' has no attribute {name!r}")


def main() -> None:
    import signal

    # Nothing is under way yet: Ctrl-C ends it without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from feria.cli.commands import app

    signal.signal(signal.SIGINT, signal.default_int_handler)
    app()
