"""The queue itself: several commands at once, marks in it, and what could not be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from mirliton.actors.kapi._family import command, definition_for, definition_of, kapi
from mirliton.actors.kapi.dialplan._command import Command
from mirliton.actors.kapi.endpoint import BLegEvent
from mirliton.actors.kapi.errors import KapiError
from mirliton.actors.kapi.kinds import Array
from mirliton.actors.kapi.passage import Edge, Json, Wire, is_text
from mirliton.actors.kapi.wire import Anything, ReplyTo, Vars


@command("noop")
class Noop(Command):
    """Do nothing: its end says that all before it is done. With `insert_at="now"` it can clear the queue's head."""

    filter_applications: Anything = None
    """Names of commands, or objects with `Application-Name` and `Fields`, to take away from the head."""
    b_leg_events: tuple[BLegEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Queued(Wire):
    """A command inside a queue: its Call-ID may be left to the queue."""

    def read(self, value: Any, path: str, edge: Edge) -> Any:
        if not isinstance(value, Mapping) or not all(map(is_text, value)):
            edge.misfit(path, "a command", value)
            return None
        name = value.get("Application-Name")
        try:
            definition = definition_for("call", "command", name if is_text(name) else None)
        except KapiError:
            edge.misfit(f"{path}.Application-Name", "a command's name", name)
            return None
        if definition.cls is Queue:
            edge.problem(path, "a queue cannot hold a queue")
            return None
        before = edge.failures
        complete = {"Call-ID": edge.inherited.get("Call-ID"), **value}
        found = definition.shape.read(complete, f"{path}.", edge)
        return definition.cls(**found) if edge.failures == before else None

    def write(self, value: Any, path: str, edge: Edge) -> Json:
        if not isinstance(value, Command) or isinstance(value, Queue):
            edge.misfit(path, "a command", value)
            return {}
        definition = definition_of(value)
        return definition.shape.write(value, f"{path}.", edge) | definition.fixed


@command("queue")
class Queue(Command):
    """Commands that go into the queue together; with `insert_at="now"` each is done at once."""

    commands: Annotated[tuple[Command, ...], Array(Queued())]


@kapi("dialplan.error", "error", "callevt", "call.dialplan.{call_id}", name="dialplan")
class DialplanError:
    """A command could not be done."""

    dialplan_error: str
    error_message: str
    channel_state: str
    channel_call_state: str
    call_id: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    request: Anything = None
    """The command, as it came."""


@kapi("dialplan.originate_ready", "dialplan")
class OriginateReady:
    """The leg that was asked for can be called: say when."""

    call_id: str
    control_queue: ReplyTo


@kapi("dialplan.originate_execute", "dialplan")
class OriginateExecute:
    """Call it now."""

    call_id: str
