"""What the command line says in one line instead of a traceback."""

from __future__ import annotations


class CommandError(Exception):
    """The command cannot be done; the text says why and, where there is one, what to do."""


class NotRunning(CommandError):
    """No node listens on the control socket."""

    def __init__(self, path: str) -> None:
        super().__init__(f"no node listens on {path}: start one with `mirliton run`")


class RequestRefused(CommandError):
    """The node's own words: it has been asked and cannot do it."""
