"""A replayed scenario's node logs nothing: its crashes are meant."""

from __future__ import annotations

from typing import Any

import structlog

from mirliton.runtime import Node


def silence(node: Node) -> None:
    """Drop all that the node and its processes log."""
    node.log = structlog.wrap_logger(structlog.ReturnLogger(), processors=[_drop])


def _drop(*_: object) -> Any:
    raise structlog.DropEvent
