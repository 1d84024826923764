"""A turn of a process with handlers: a GenServer, or whatever else has receiveMessage.

The whole usual way of a message is in one loop, since a call of a Python function costs a tenth of the message; what is
rare is done elsewhere.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime import introspect
from mirliton.runtime.envelopes import Call, Cast, Init, Proceed, SystemRequest
from mirliton.runtime.errors import Exit
from mirliton.runtime.protocol import ExitSignal
from mirliton.runtime.serving import Reply

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell, Item
    from mirliton.runtime.scheduler import Scheduler

SENT_PER_TURN: Final = 64
"""Who has sent so much in its turn gives way, so that the receivers keep up."""
MUCH_SENT: Final = 8
"""After a turn with so much sent it is worth a look whether that was too much for the receiver."""
ENVELOPES: Final = frozenset((Call, Cast, Init, Proceed, SystemRequest, ExitSignal))
"""What does not simply go to handle_info."""
COROUTINE: Final = CoroutineType
"""Compiled, a constant is read faster than a name that was imported."""


def handle_mail(scheduler: Scheduler, cell: Cell) -> int:
    """Let the process handle what waits, as much as its turn allows. How many messages it handled and sent."""
    actor = cell.actor
    post = scheduler.post
    sent_before = post.sent
    enough_sent = sent_before + SENT_PER_TURN
    stop = scheduler.step
    handled = 0
    # While nothing out of the ordinary happens the mailbox stays the same one, and so does what a message needs.
    mailbox = cell.mailbox
    ordinary = _takes_all_to_callbacks(cell)
    while mailbox:
        item = mailbox.popleft()
        message = item[0]
        kind = type(message)
        handled += 1
        result: Any = None
        try:
            if ordinary and kind not in ENVELOPES:
                cell.last = item
                cell.handled += 1
                result = actor.handle_info(message)
                if result is not None:
                    ordinary = False
                    result = actor._runtime_after(result, None)
            elif ordinary and kind is Call:
                cell.last = item
                cell.handled += 1
                call: Call = message
                answer = actor.handle_call(call.request, call.sender)
                reply: Reply | None = answer if type(answer) is Reply else None
                if reply is not None and reply.timeout is None and reply.then is None:
                    post.reply(call.sender, reply.value)
                else:
                    ordinary = False
                    result = actor._runtime_after(answer, call.sender)
            elif ordinary and kind is Cast:
                cell.last = item
                cell.handled += 1
                cast: Cast = message
                result = actor.handle_cast(cast.request)
                if result is not None:
                    ordinary = False
                    result = actor._runtime_after(result, None)
            else:
                ordinary = False
                result = _take(scheduler, cell, item)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a process raises is its exit reason
            ordinary = False
            if cell.alive:
                actor._runtime_failed(error)
        if not ordinary:
            if type(result) is COROUTINE:
                _go_on_in_task(scheduler, cell, result)
            if cell.busy or cell.coroutine is not None:
                break
            mailbox = cell.mailbox
            ordinary = _takes_all_to_callbacks(cell)
        if post.sent > enough_sent:
            break
        if handled == stop:
            stop = scheduler.next_stop(cell, handled)
            if handled == stop:
                break
    sent = post.sent - sent_before
    if sent > MUCH_SENT:
        scheduler.let_receiver_follow()
    if cell.alive and not cell.busy:
        cell.last = None
        if cell.mailbox or cell.coroutine is not None:
            scheduler.requeue(cell)
        elif not cell.warm:
            scheduler.keep_warm(cell)
    return handled + sent


def begin(scheduler: Scheduler, cell: Cell) -> None:
    """Let the process run its init."""
    init, cell.init = cell.init, None
    cell.last = item = (init, None) if init is not None else cell.mail().popleft()
    cell.handled += 1
    try:
        scheduler.verify(item)
        result = cell.actor._runtime_begin(item[0])
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a process raises is its exit reason
        if cell.alive:
            cell.actor._runtime_failed(error)
    else:
        if type(result) is COROUTINE:
            _go_on_in_task(scheduler, cell, result)
        else:
            cell.last = None


def _takes_all_to_callbacks(cell: Cell) -> bool:
    """Whether all that waits, but for some envelopes, may go straight to a callback."""
    return cell.serves and cell.idle is None and not cell.suspended and not cell.post.strict


def _take(scheduler: Scheduler, cell: Cell, item: Item) -> Any:
    """Begin, obey `sys`, put the message aside while suspended, or let receiveMessage have it."""
    message = item[0]
    if type(message) is SystemRequest:
        try:
            introspect.serve(cell, message)
        except Exit:
            cell.last = item
            raise
        return None
    if cell.suspended and introspect.hold(cell, item):
        return None
    cell.last = item
    cell.handled += 1
    scheduler.verify(item)
    if type(message) is Init:
        return cell.actor._runtime_begin(message)
    return cell.actor.receiveMessage(message, item[1])


def _go_on_in_task(scheduler: Scheduler, cell: Cell, handler: Any) -> None:
    if cell.alive:
        scheduler.tasks.handle(cell, handler)
    else:
        handler.close()
