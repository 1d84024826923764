"""A supervisor that is held while the code below it changes: it answers the upgrade and nobody else.

Everything else that comes waits in the mailbox, the exits of its children too; it is dealt with, in its order, when the
supervisor is released, with the specs that are in force then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirliton.runtime import Call, ExitSignal, message
from mirliton.supervisors import static
from mirliton.supervisors.requests import OK, Refused, Started
from mirliton.supervisors.starting import Failed, Running
from mirliton.supervisors.terms import sendable

if TYPE_CHECKING:
    from mirliton.supervisors.supervisor import Supervisor


@message("supervisor.hold")
class Hold:
    """Answer only what stands in a `During`, until a Release, for `timeout` seconds at most. Answered "ok"."""

    timeout: float


@message("supervisor.during")
class During:
    """A request to a held supervisor whose children have ids, or a RenewChild."""

    request: Any


@message("supervisor.renew_child")
class RenewChild:
    """Stop a child and start it again, as a restart does: mail to its name is kept. Answered Started or Refused.

    `position` is its place in the start order, from 0. It counts in no restart window.
    """

    position: int


@message("supervisor.release")
class Release:
    """End a Hold. Answered "ok"."""


async def hold(supervisor: Supervisor, call: Call) -> None:
    """Answer a Hold, and then what the upgrade asks for."""
    supervisor.reply(call.sender, OK)
    ends_at = supervisor.node.clock.now() + call.request.timeout
    while True:
        try:
            news = await supervisor.receive(
                lambda item: _is_for_us(supervisor, item), timeout=max(0.0, ends_at - supervisor.node.clock.now())
            )
        except TimeoutError:
            supervisor.log.error("upgrade_did_not_release", supervisor=str(supervisor.called))
            return
        if type(news) is ExitSignal:
            await supervisor.finish(news.reason)
        if type(news.request) is Release:
            supervisor.reply(news.sender, OK)
            return
        reply = await _answer(supervisor, news.request.request)
        supervisor.reply(news.sender, Refused(sendable(reply.reason)) if type(reply) is Refused else reply)


def _is_for_us(supervisor: Supervisor, item: Any) -> bool:
    if type(item) is ExitSignal:
        return bool(item.sender == supervisor.parent)
    return type(item) is Call and type(item.request) in (During, Release)


async def _answer(supervisor: Supervisor, request: Any) -> Any:
    if type(request) is not RenewChild:
        return await static.answer(supervisor, request, "upgrade")
    child = list(supervisor.children)[request.position]
    await supervisor.halt(child, by="upgrade", restarting=True)
    match await supervisor.launch(child, "upgrade"):
        case Failed(reason):
            return Refused(reason)
        case Running(pid, info):
            return Started(pid, info)
    return Started(None)
