"""EventHandler: what runs in an event manager, and what its callbacks may answer. See gen_event.py for an example."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from mirliton.runtime.codec import register_process_class

if TYPE_CHECKING:
    from mirliton.runtime.event_manager import GenEvent


class Remove:
    """What a callback answers to have its handler taken out; `reply` answers the call, where it was one."""

    __slots__ = ("reply",)

    def __init__(self, reply: Any = None) -> None:
        self.reply = reply


class Swap:
    """What a callback answers to have its handler replaced by a `cls(*args, **kwargs)`, in the same place.

    Its own `terminate` runs with `reason`; what that returns goes to the new one's `take_over`. `reply` answers the
    call, where it was one. Supervision passes on to the new handler.
    """

    __slots__ = ("args", "cls", "id", "kwargs", "reason", "reply")

    def __init__(
        self, reason: Any, cls: type[EventHandler], *args: Any, id: Any = None, reply: Any = None, **kwargs: Any
    ) -> None:
        self.reason = reason
        self.cls = cls
        self.id = id
        self.args = args
        self.kwargs = kwargs
        self.reply = reply


class EventHandler:
    """What an event manager runs. Override the callbacks; none may be async."""

    manager: GenEvent
    """The process it runs in: for `send`, `log`, `start_timer` …"""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("init", "take_over", "handle_event", "handle_call", "handle_info", "terminate"):
            if inspect.iscoroutinefunction(getattr(cls, name)):
                raise TypeError(f"{cls.__qualname__}.{name} cannot be async: all other handlers would wait for it")
        register_process_class(cls)

    def init(self, *args: Any, **kwargs: Any) -> Any:
        """Set the state up. Answer None, or Stop(reason) not to be added."""

    def take_over(self, result: Any, *args: Any, **kwargs: Any) -> Any:
        """`init` of a handler that replaces another: `result` is what the other's terminate returned, or "error" when
        there was no other."""
        return self.init(*args, **kwargs)

    def handle_event(self, event: Any) -> Any:
        """Take an event: None, Remove or Swap."""
        raise NotImplementedError(f"{type(self).__qualname__} has no handle_event")

    def handle_call(self, request: Any) -> Any:
        """Answer a request to this very handler: Reply(value), Remove(reply) or Swap(…, reply=…)."""
        raise NotImplementedError(f"{type(self).__qualname__} has no handle_call, asked {request!r}")

    def handle_info(self, message: Any) -> Any:
        """Take any other message to the manager: None, Remove or Swap. By default it is forgotten."""

    def terminate(self, reason: Any) -> Any:
        """Clean up; what it returns goes to whoever deletes or swaps it.

        `reason` is what they gave, or "remove_handler", "stop" (the manager ends), ("stop", reason) (who added it has
        ended), or ("error", what it raised or answered).
        """

    def code_change(self, old_version: Any, extra: Any) -> Any:
        """Take over the state that code of `old_version` left. Raise to refuse."""
        raise NotImplementedError(f"{type(self).__qualname__} has no code_change")
