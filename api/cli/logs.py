"""The log: one event, one line, in a file of the state directory or on standard error."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TextIO

import structlog

from mirliton.api.cli.errors import CommandError
from mirliton.config.settings import LoggingSettings


def configure(settings: LoggingSettings, path: Path | None) -> None:
    """Set structlog up as the settings say. `path` None: standard error.

    Raises CommandError where the file cannot be written.
    """
    target: TextIO = sys.stderr
    if path is not None:
        try:
            target = path.open("a", buffering=1)
        except OSError as error:
            raise CommandError(f"the log {path} cannot be written: {error.strerror or error}") from error
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=target.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
