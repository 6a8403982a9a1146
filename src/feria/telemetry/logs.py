"""One form for every line: ours and the libraries'.

Modules say `logging.getLogger(__name__)` and know nothing of this; what they put into `extra` becomes
fields of the line. Libraries only say what is wrong: at lower levels some of them write down queries,
addresses and parameters that are none of a log's business.
"""

import logging
import re
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from feria.settings import TelemetrySettings
from feria.telemetry.context import request_id

UNRULY = re.compile(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]")
HEAD = ("time", "level", "logger", "event", "request_id")


def configure_logs(settings: TelemetrySettings, stream: TextIO | None = None) -> None:
    """Log to `stream`, stderr unless given, from now on and for the whole process."""
    stream = stream or sys.stderr
    text = settings.log_format == "text" or (settings.log_format == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(text, colors=text and stream.isatty()))
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("feria").setLevel(level)
    logging.captureWarnings(True)


def _formatter(text: bool, *, colors: bool) -> logging.Formatter:
    before: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _add_request_id,
    ]
    last: list[Any] = (
        [
            _tame,
            structlog.dev.ConsoleRenderer(
                colors=colors,
                timestamp_key="time",
                pad_event_to=0,
                # The prettier one shows local variables, which may be anybody's.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
        if text
        else [
            structlog.processors.format_exc_info,
            _in_order,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def _add_request_id(logger: WrappedLogger, name: str, line: EventDict) -> EventDict:
    if identifier := request_id.get():
        line["request_id"] = identifier
    return line


def _tame(logger: WrappedLogger, name: str, line: EventDict) -> EventDict:
    """Names that callers chose do not command the terminal."""
    return {key: UNRULY.sub(_shown, said) if isinstance(said, str) else said for key, said in line.items()}


def _shown(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


def _in_order(logger: WrappedLogger, name: str, line: EventDict) -> EventDict:
    """What every line has stands first."""
    return {**{key: line[key] for key in HEAD if key in line}, **line}
