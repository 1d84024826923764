"""The answer to a request that could not be served."""

from __future__ import annotations

from dataclasses import field

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Vars


@kapi("error", "error", name=None)
class ErrorResponse:
    """The request named `event_name` failed, for the reason in `error_message`."""

    event_name: str
    """The Event-Name of the request."""
    error_message: str
    request: Anything = None
    """The request itself, as it came."""
    call_id: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    disposition: str | None = None
    hangup_cause: str | None = None
    hangup_code: str | None = None
