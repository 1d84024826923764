"""The log: one event, one line, in a file of the state directory or on standard error."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import structlog

from mirliton.api.cli.errors import CommandError
from mirliton.config.settings import LoggingSettings
from mirliton.supervisors.node_log import Lines


def configure(settings: LoggingSettings, path: Path | None) -> None:
    """Set structlog up as the settings say. `path` None: standard error.

    Raises CommandError where the file cannot be written.
    """
    target = sys.stderr.fileno()
    if path is not None:
        try:
            target = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise CommandError(f"the log {path} cannot be written: {error.strerror or error}") from error
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=os.isatty(target))
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
        logger_factory=_factory(Lines(target)),
        cache_logger_on_first_use=False,
    )


def _factory(lines: Lines) -> Callable[..., Lines]:
    """All loggers of the process write through one, which tells how many lines a full disk has cost."""
    return lambda *_: lines
