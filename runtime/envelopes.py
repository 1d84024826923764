"""What requests travel in, and what the runtime puts into mailboxes itself.

The first three are made for every call, and so by hand: a frozen dataclass takes three times as long. They are as
immutable as other messages, but only the type checker and strict mode see to it. The others never leave their node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mirliton.runtime.addresses import Pid


@dataclass(init=False, slots=True, unsafe_hash=True)
class From:
    """Who waits for the answer to a call: give it to `reply`. It dies with the call, so a late reply is dropped."""

    node: str
    tag: int
    pid: Pid | None = None

    def __init__(self, node: str, tag: int, pid: Pid | None = None) -> None:
        self.node = node
        self.tag = tag
        self.pid = pid


@dataclass(init=False, slots=True, unsafe_hash=True)
class Call:
    """A request whose sender waits for an answer. A coroutine process receives it as it is."""

    sender: From
    request: Any

    def __init__(self, sender: From, request: Any) -> None:
        self.sender = sender
        self.request = request


@dataclass(init=False, slots=True, unsafe_hash=True)
class Cast:
    """A request without an answer. A coroutine process receives it as it is."""

    request: Any

    def __init__(self, request: Any) -> None:
        self.request = request


class Init:
    """The first item in every mailbox: run init with these arguments. Never leaves its node."""

    __slots__ = ("args", "kwargs")

    def __init__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs


class Proceed:
    """`then=Continue(argument)`, or what a GenStatem has queued itself. Never leaves its node."""

    __slots__ = ("argument",)

    def __init__(self, argument: Any) -> None:
        self.argument = argument

    def __repr__(self) -> str:
        return f"Proceed({self.argument!r})"


class SystemRequest:
    """A `sys` request (see introspect.py): joins the mailbox at its end, served while suspended, never sent away."""

    __slots__ = ("argument", "operation", "sender")

    def __init__(self, operation: str, argument: Any, sender: From) -> None:
        self.operation = operation
        self.argument = argument
        self.sender = sender
