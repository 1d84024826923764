"""What an event manager is asked and tells; `gen_event` has the functions that send these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mirliton.runtime.addresses import Pid
from mirliton.runtime.messages import message


@message("gen_event.add")
class AddHandler:
    """Put a `cls(*args, **kwargs)` before the other handlers. Answered "ok" or Failed."""

    cls: Any
    id: Any
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    supervised_by: Pid | None = None


@message("gen_event.swap")
class SwapHandler:
    """Take `old` out and put another in. Answered "ok" or Failed."""

    old: Any
    reason: Any
    new: AddHandler


@message("gen_event.delete")
class DeleteHandler:
    """Take a handler out. Answered with what its terminate returned, or Failed."""

    id: Any
    reason: Any


@message("gen_event.call")
class CallHandler:
    """Ask one handler. Answered by it, or with Failed."""

    id: Any
    request: Any


@message("gen_event.sync_notify")
class SyncNotify:
    """Tell an event. Answered "ok" when all handlers have had it."""

    event: Any


@message("gen_event.which_handlers")
class WhichHandlers:
    """Answered with the list of ids, newest first."""


@message("gen_event.stop")
class StopManager:
    """End in order. Answered "ok" when all handlers are terminated."""

    reason: Any


@message("gen_event.failed")
class Failed:
    """A manager's answer: it could not be done. `reason` is OTP's error term."""

    reason: Any


@message("gen_event.exit")
class GenEventExit:
    """To whoever supervises a handler: it is no longer there (OTP: gen_event_EXIT).

    `reason`: "normal" (deleted, or by its own wish), "shutdown" (the manager ended), ("swapped", new id, the new one's
    supervisor or None), ("EXIT", what it raised), or what it answered that was no answer.
    """

    handler: Any
    reason: Any
    manager: Pid
