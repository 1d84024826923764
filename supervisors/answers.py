"""How a supervisor answers requests (OTP: supervisor's API).

What depends on the strategy is in `static.py` (children known by their ids) and `dynamic.py` (simple_one_for_one).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirliton.runtime import Call, Exit
from mirliton.supervisors import dynamic, static
from mirliton.supervisors.change import change_tree
from mirliton.supervisors.explaining import explain
from mirliton.supervisors.held import Hold, hold
from mirliton.supervisors.requests import OK, ChangeTree, Explain, Refused, StartChild, StopSupervisor
from mirliton.supervisors.terms import sendable

if TYPE_CHECKING:
    from mirliton.supervisors.supervisor import Supervisor


async def answer(supervisor: Supervisor, call: Call) -> None:
    """Carry out one request and reply to it."""
    request = call.request
    if type(request) is StopSupervisor:
        await _stop(supervisor, call, request.reason)
    if type(request) is Hold:
        await hold(supervisor, call)
        return
    if isinstance(request, StartChild):
        # By far the most frequent one.
        start_child = dynamic.start_child if supervisor.simple else static.start_child
        reply = await start_child(supervisor, request.spec)
    else:
        by = f"{type(request).__name__} from {call.sender.pid or 'outside'}"
        reply = await _answer(supervisor, request, by)
    supervisor.reply(call.sender, Refused(sendable(reply.reason)) if type(reply) is Refused else reply)


async def _answer(supervisor: Supervisor, request: Any, by: str) -> Any:
    match request:
        case Explain(child):
            return explain(supervisor, child)
        case ChangeTree(arguments):
            return change_tree(supervisor, arguments)
        case _ if supervisor.simple:
            return await dynamic.answer(supervisor, request, by)
        case _:
            return await static.answer(supervisor, request, by)


async def _stop(supervisor: Supervisor, call: Call, reason: Any) -> None:
    try:
        await supervisor.finish(reason)
    except Exit:
        supervisor.reply(call.sender, OK)
        raise
