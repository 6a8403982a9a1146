"""What belongs to one request, wherever its work goes."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Travels to tasks and worker processes, and stands in every line they log."""
