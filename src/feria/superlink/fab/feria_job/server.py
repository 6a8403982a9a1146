"""Flower wants the code of an app in its bundle; feria's is installed where this runs."""

from feria.superlink.server_app import app

__all__ = ["app"]
