"""One event on its way through a GenStatem: what its callback, and the enter calls that follow it, have asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirliton.runtime.errors import Exit
from mirliton.runtime.protocol import From
from mirliton.runtime.statem import EVENTS, Hibernate, NextEvent, Postpone, ReplyTo
from mirliton.runtime.statem_timers import SETTINGS, Setting, is_valid

if TYPE_CHECKING:
    from mirliton.runtime.node import Node


class Turn:
    """One event on its way. `event` is None for what init asks for."""

    __slots__ = ("event", "inserted", "old_state", "postpone", "settings")

    def __init__(self, event: Any, old_state: Any) -> None:
        self.event = event
        self.old_state = old_state
        self.postpone = False
        self.inserted: list[Any] = []
        """Events to come first."""
        self.settings: list[Setting] = []
        """Timeouts to set, in the order they were asked for."""

    def act(self, node: Node, action: Any, entering: bool) -> None:
        """Do an action, or note it for the end. Raises Exit, with OTP's reason, for one that is none."""
        match action:
            case ReplyTo(From() as sender, value):
                node.reply(sender, value)
            case Postpone(bool() as on):
                if on:
                    refuse_if(entering, action)
                self.postpone = on
            case NextEvent(event):
                refuse_if(entering, action)
                if type(event) not in EVENTS:
                    raise Exit(("bad_action_from_state_function", action))
                self.inserted.append(event)
            case Hibernate(bool()):
                pass
            case _ if type(action) in SETTINGS and is_valid(action):
                self.settings.append(action)
            case _:
                raise Exit(("bad_action_from_state_function", action))


def refuse_if(entering: bool, action: Any) -> None:
    """An enter call is no event: there is nothing to postpone, and nothing may come before the state has begun."""
    if entering:
        raise Exit(("bad_state_enter_action_from_state_function", action))
