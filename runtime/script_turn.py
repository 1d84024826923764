"""A turn of a process that is a script: its coroutine is resumed directly, without a Task, with the mail or the answer
that it waits for."""

from __future__ import annotations

from collections.abc import Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from mirliton.runtime import introspect
from mirliton.runtime.envelopes import SystemRequest
from mirliton.runtime.errors import Exit
from mirliton.runtime.handler_turn import MUCH_SENT, SENT_PER_TURN
from mirliton.runtime.reasons import NORMAL
from mirliton.runtime.saved_mail import SavedMail
from mirliton.runtime.waits import ANY_MAIL, Receive, Wait

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell, Item
    from mirliton.runtime.scheduler import Scheduler


def run_script(scheduler: Scheduler, cell: Cell) -> int:
    """Let the script go on, as far as its turn and its mail allow. How often it was resumed, and how much it sent."""
    handled = 0
    post = scheduler.post
    strict = post.strict
    sent_before = post.sent
    stop = scheduler.step
    is_over = False
    while not (is_over or cell.busy) and (coroutine := cell.coroutine) is not None:
        wait = cell.wait
        if wait is None:
            value, error = cell.answer, cell.error
            cell.answer = cell.error = None
        else:
            mailbox = cell.mailbox
            if wait is ANY_MAIL and not mailbox and not cell.saved:
                break
            if (
                wait is ANY_MAIL
                and mailbox
                and type(mailbox[0][0]) is not SystemRequest
                and not (strict or cell.saved or cell.suspended)
            ):
                item = mailbox.popleft()
            else:
                assert type(wait) is Receive
                found = _select(scheduler, cell, wait)
                if found is None:
                    if cell.wait is not None or not cell.alive:
                        break
                    continue
                item = found
                wait.finish()
            cell.wait = None
            cell.last = item
            cell.handled += 1
            value, error = item[0], None
        handled += 1
        try:
            waited = coroutine.send(value) if error is None else coroutine.throw(error)
        except KeyboardInterrupt:
            raise
        except StopIteration as end:
            if type(end.value) is CoroutineType:
                cell.coroutine = coroutine = end.value  # `init` is done, this is `run`
                continue
            cell.coroutine = None
            cell.node.signals.die(cell, NORMAL)
        except BaseException as raised:  # noqa: BLE001 - whatever a process raises is its exit reason
            cell.coroutine = None
            if cell.alive:
                cell.actor._runtime_failed(raised)
        else:
            if not cell.alive:
                cell.coroutine = None
                close(cell, coroutine)
            elif type(waited) is Receive:
                cell.wait = waited
                cell.last = None
                if waited.timeout is not None:
                    scheduler.undated.append(waited)
            elif isinstance(waited, Wait):
                cell.wait = waited
                cell.busy = True
            else:
                cell.error = RuntimeError(
                    f"a coroutine process awaited {waited!r}; foreign awaitables go through self.io(…)"
                )
            if post.sent - sent_before > SENT_PER_TURN:
                is_over = True
            elif handled >= stop:
                stop = scheduler.next_stop(cell, handled)
                is_over = stop <= handled
    sent = post.sent - sent_before
    if sent > MUCH_SENT:
        scheduler.let_receiver_follow()
    if cell.alive and not cell.busy:
        if is_over:
            scheduler.requeue(cell)
        elif not cell.mailbox and not cell.warm:
            scheduler.keep_warm(cell)
    return handled + sent


def _select(scheduler: Scheduler, cell: Cell, wait: Receive) -> Item | None:
    """The first message that the receive accepts, taken out of the mailbox. None also when the receive failed."""
    try:
        saved = cell.saved
        if saved and not wait.scanned and not cell.suspended:
            item = saved.take(wait.match)
            if item is not None:
                if not saved:
                    cell.saved = None
                return item
            wait.scanned = True
        mailbox = cell.mailbox
        while mailbox:
            item = mailbox[0]
            message = item[0]
            if type(message) is SystemRequest:
                mailbox.popleft()
                introspect.serve(cell, message)
                if not cell.alive:
                    return None
                mailbox = cell.mailbox
            elif cell.suspended and introspect.hold(cell, item):
                mailbox.popleft()
            else:
                scheduler.verify(item)
                accepted = wait.accepts(message)  # one that raises loses nothing
                mailbox.popleft()
                if accepted:
                    return item
                if cell.saved is None:
                    cell.saved = SavedMail()
                cell.saved.append(item)
        if wait.last_look and not cell.suspended:
            _fail(cell, wait, wait.nothing_came())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a predicate of the process raised: so does its receive
        _fail(cell, wait, error)
    return None


def _fail(cell: Cell, wait: Receive, error: BaseException) -> None:
    wait.finish()
    cell.wait = None
    cell.error = error


def close(cell: Cell, coroutine: Coroutine[Any, Any, None]) -> None:
    """End the coroutine of a dead process; its `finally` blocks run, but may not wait."""
    try:
        coroutine.close()
    except Exit:
        return  # what it tried was refused, since it is dead
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a dead process has nobody left to tell
        cell.node.log.warning("cleanup_failed", pid=str(cell.pid), error=repr(error))
