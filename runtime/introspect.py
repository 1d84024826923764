"""Looking into a live process, like Erlang's `sys`: its state, what it does, holding it still, changing it, ending it.

A request joins the mailbox at its end and never overtakes what the same sender sent before; it is served while the
process is suspended. A process that awaits is served when it takes its next message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime import debug
from mirliton.runtime.addresses import Address
from mirliton.runtime.dossier import state_of, summarise_state
from mirliton.runtime.errors import Exit, ServerDied, Throw
from mirliton.runtime.messages import message
from mirliton.runtime.protocol import ExitSignal, SystemRequest
from mirliton.runtime.reasons import NORMAL, reason_of

if TYPE_CHECKING:
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
    """The process could not do as it was asked and goes on with the state it had; `reason` says why."""

    operation: str
    reason: Any


class Sys:
    """`node.sys`: each call waits up to `timeout` seconds and raises CallError as any call does."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def get_state(self, target: Address, timeout: float = 5.0) -> Any:
        """The live state: a GenServer's `state()`, by default its attributes. Look, do not change.

        When `state` raises, the answer is a SystemRequestFailed and the process goes on.
        """
        return await self._ask(target, "get_state", None, timeout)

    async def replace_state(self, target: Address, change: Callable[[Any], Any], timeout: float = 5.0) -> Any:
        """Hand the state to `change` and put what it returns in its place. Returns the new state.

        When `change` raises, the state stays and the answer is a SystemRequestFailed.
        """
        return await self._ask(target, "replace_state", change, timeout)

    async def suspend(self, target: Address, timeout: float = 5.0) -> None:
        """Let the process take no more messages. Kills, untrapped exits and its parent's exit still act."""
        await self._ask(target, "suspend", None, timeout)

    async def resume(self, target: Address, timeout: float = 5.0) -> None:
        await self._ask(target, "resume", None, timeout)

    async def status(self, target: Address, timeout: float = 5.0) -> Status:
        answer = await self._ask(target, "status", None, timeout)
        assert isinstance(answer, Status)
        return answer

    async def change_code(self, target: Address, old_version: Any, extra: Any = None, timeout: float = 5.0) -> Any:
        """Run a suspended GenServer's `code_change(old_version, extra)`; the answer is None.

        When it raises, or the process is not suspended, the state stays and the answer is a SystemRequestFailed.
        """
        return await self._ask(target, "change_code", (old_version, extra), timeout)

    async def run(self, target: Address, work: Callable[[], Any], timeout: float = 5.0) -> Any:
        """Have the process call `work` in its own turn, and give what that returns: what holds the loop there, say, is
        the process's doing, and the watchdog ends it over it (ServerDied).

        When `work` raises, the answer is a SystemRequestFailed and the process goes on.
        """
        return await self._ask(target, "run", work, timeout)

    async def start_log(self, target: Address, keep: int = debug.LOGGED, timeout: float = 5.0) -> None:
        """Keep the last `keep` events of a GenServer. Raises TypeError for another process."""
        await self._debug(target, "start_log", keep, timeout)

    async def get_log(self, target: Address, timeout: float = 5.0) -> list[debug.Event]:
        """The events kept, oldest first: ("in", message), ("out", answer, to) and ("noreply",). Empty without a log."""
        answer: list[debug.Event] = await self._debug(target, "get_log", None, timeout)
        return answer

    async def stop_log(self, target: Address, timeout: float = 5.0) -> None:
        """Keep no more events, and forget those kept."""
        await self._debug(target, "stop_log", None, timeout)

    async def start_statistics(self, target: Address, timeout: float = 5.0) -> None:
        """Count a GenServer's messages from now on. Raises TypeError for another process."""
        await self._debug(target, "start_statistics", None, timeout)

    async def get_statistics(self, target: Address, timeout: float = 5.0) -> debug.Statistics | None:
        """What has been counted; None when nothing is."""
        answer: debug.Statistics | None = await self._debug(target, "get_statistics", None, timeout)
        return answer

    async def stop_statistics(self, target: Address, timeout: float = 5.0) -> None:
        """Count no more."""
        await self._debug(target, "stop_statistics", None, timeout)

    async def _debug(self, target: Address, operation: str, argument: Any, timeout: float) -> Any:
        answer = await self._ask(target, operation, argument, timeout)
        if isinstance(answer, SystemRequestFailed):
            raise TypeError(answer.reason.text)
        return answer

    async def terminate(self, target: Address, reason: Any = NORMAL, timeout: float | None = None) -> None:
        """Stop a process in order, with `terminate` (a GenServer's) or `finally` (a coroutine's), and wait for its end.

        Raises NoProc, ServerDied when it ended with another reason, CallTimeout when it takes longer than `timeout`
        seconds (it goes on ending).
        """
        try:
            await self._ask(target, "terminate", reason, timeout)
        except ServerDied as died:
            if died.exit_reason != reason:
                raise

    async def _ask(self, target: Address, operation: str, argument: Any, timeout: float | None) -> Any:
        return await self._node.request(target, timeout, lambda sender: SystemRequest(operation, argument, sender))


def serve(cell: Cell, request: SystemRequest) -> None:
    """Answer one request. Runs in the process's turn. Raises Exit where the request is to end."""
    if request.operation == "terminate":
        cell.suspended = False  # its cleaning up may have to receive
        raise Exit(request.argument)
    try:
        answer = _OPERATIONS[request.operation](cell, request.argument)
    except (Exception, Throw) as error:  # noqa: BLE001 - the process answers for its callbacks, and lives on
        answer = SystemRequestFailed(request.operation, reason_of(error))
    cell.node.calls.answer(request.sender, answer)


def _get_state(cell: Cell, _: Any) -> Any:
    return cell.actor.state() if hasattr(cell.actor, "state") else state_of(cell.actor)


def _replace_state(cell: Cell, change: Callable[[Any], Any]) -> Any:
    state = change(cell.actor.state())
    cell.actor.set_state(state)
    return state


def _change_code(cell: Cell, argument: tuple[Any, Any]) -> None:
    if not cell.suspended:
        raise RuntimeError("change_code wants a suspended process")
    cell.actor.code_change(*argument)


def _suspend(cell: Cell, _: Any) -> None:
    cell.suspended = True


def status(cell: Cell) -> Status:
    """What is seen of a process from outside, at once, whatever it is doing."""
    return Status(
        pid=str(cell.pid),
        names=tuple(str(name) for name in cell.names or ()),
        class_name=cell.kind,
        status=_doing(cell),
        parent=str(cell.parent),
        mailbox_length=len(cell),
        handled=cell.handled,
        links=tuple(str(peer.pid) for peer in cell.links),
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


def hold(cell: Cell, item: Item) -> bool:
    """Put a message of a suspended process aside; whether it was.

    The parent's exit is obeyed even while suspended: the process goes on, to end as it should.
    """
    if type(item[0]) is ExitSignal and item[0].sender == cell.parent:
        cell.suspended = False
        return False
    if cell.held is None:
        cell.held = deque()
    cell.held.append(item)
    return True


def resume(cell: Cell) -> None:
    """Let a suspended process go on, with what came meanwhile first."""
    cell.suspended = False
    if cell.held:
        cell.put_back(cell.held)
    cell.held = None
    cell.node.scheduler.enqueue(cell)


_OPERATIONS: Final[dict[str, Callable[[Cell, Any], Any]]] = {
    "get_state": _get_state,
    "replace_state": _replace_state,
    "change_code": _change_code,
    "suspend": _suspend,
    "resume": lambda cell, _: resume(cell),
    "status": lambda cell, _: status(cell),
    "run": lambda _, work: work(),
    "start_log": debug.start_log,
    "get_log": debug.get_log,
    "stop_log": debug.stop_log,
    "start_statistics": debug.start_statistics,
    "get_statistics": debug.get_statistics,
    "stop_statistics": debug.stop_statistics,
}
