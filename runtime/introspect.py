"""Looking into a live process, like Erlang's `sys`: its state, its statistics, and holding it still.

A request joins the mailbox at its end and never overtakes what the same sender sent before; it is served while the
process is suspended. A process that awaits is served when it takes its next message.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from mirliton.runtime.addresses import Address
from mirliton.runtime.dossier import state_of, summarise_state
from mirliton.runtime.messages import message
from mirliton.runtime.protocol import SystemRequest
from mirliton.runtime.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mirliton.runtime.cell import Cell, Item
    from mirliton.runtime.node import Node


@message("sys.status")
class Status:
    """What a process tells of itself. `handled` counts the messages it has taken since its start."""

    pid: str
    names: tuple[str, ...]
    class_name: str
    status: str
    parent: str
    mailbox_length: int
    handled: int
    links: tuple[str, ...]
    monitors: int
    monitored_by: int
    trap_exit: bool
    state: dict[str, str]


@message("sys.failed")
class SystemRequestFailed:
    """The function given to replace_state raised; the state is as it was."""

    operation: str
    reason: Any


class Sys:
    """`node.sys`: each call waits up to `timeout` seconds and raises CallError as any call does."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def get_state(self, target: Address, timeout: float = 5.0) -> Any:
        """The live state: a GenServer's `state()`, by default its attributes. Look, do not change."""
        return await self._ask(target, "get_state", None, timeout)

    async def replace_state(self, target: Address, change: Callable[[Any], Any], timeout: float = 5.0) -> Any:
        """Hand the state to `change` and put what it returns in its place. Returns the new state.

        When `change` raises, the state stays and the answer is a SystemRequestFailed.
        """
        return await self._ask(target, "replace_state", change, timeout)

    async def suspend(self, target: Address, timeout: float = 5.0) -> None:
        """Let the process take no more messages. Kills and its parent's exit still act."""
        await self._ask(target, "suspend", None, timeout)

    async def resume(self, target: Address, timeout: float = 5.0) -> None:
        await self._ask(target, "resume", None, timeout)

    async def status(self, target: Address, timeout: float = 5.0) -> Status:
        answer = await self._ask(target, "status", None, timeout)
        assert isinstance(answer, Status)
        return answer

    async def _ask(self, target: Address, operation: str, argument: Any, timeout: float) -> Any:
        return await self._node.request(target, timeout, lambda sender: SystemRequest(operation, argument, sender))


def serve(cell: Cell, request: SystemRequest) -> None:
    """Answer one request. Runs in the process's turn."""
    answer: Any = None
    match request.operation:
        case "get_state":
            answer = cell.actor.state() if hasattr(cell.actor, "state") else state_of(cell.actor)
        case "replace_state":
            try:
                answer = request.argument(cell.actor.state())
                cell.actor.set_state(answer)
            except Exception as error:  # noqa: BLE001 - the asker's function, the asker's error
                answer = SystemRequestFailed(request.operation, reason_of(error))
        case "suspend":
            cell.suspended = True
        case "resume":
            _resume(cell)
        case "status":
            answer = status(cell)
    cell.node.calls.answer(request.sender, answer)


def status(cell: Cell) -> Status:
    """What is seen of a process from outside, at once, whatever it is doing."""
    return Status(
        pid=str(cell.pid),
        names=tuple(str(name) for name in cell.names or ()),
        class_name=type(cell.actor).__qualname__,
        status=_doing(cell),
        parent=str(cell.parent),
        mailbox_length=len(cell),
        handled=cell.handled,
        links=tuple(str(peer.pid) for peer in cell.links or ()),
        monitors=len(cell.monitors or ()),
        monitored_by=len(cell.monitored_by or ()),
        trap_exit=cell.trap,
        state=summarise_state(state_of(cell.actor)),
    )


def _doing(cell: Cell) -> str:
    if cell.suspended:
        return "suspended"
    if cell.busy:
        return "awaiting"
    return "running" if cell.queued else "waiting"


def hold(cell: Cell, item: Item) -> None:
    """Put a message of a suspended process aside."""
    if cell.held is None:
        cell.held = deque()
    cell.held.append(item)


def _resume(cell: Cell) -> None:
    cell.suspended = False
    if cell.held:
        cell.mailbox = deque([*cell.held, *(cell.mailbox or ())])
    cell.held = None
    cell.node.scheduler.enqueue(cell)
