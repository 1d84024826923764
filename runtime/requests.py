"""Requests that do not hold their sender up: Erlang's `send_request` and the four ways to its response.

    class Broker(GenServer):
        def handle_cast(self, request):
            self.asked = self.send_request(Name("service", "prices"), Quote("ERIC"))

        def handle_info(self, message):
            match message:
                case Response(request) if request == self.asked:
                    self.price = message.result()       # raises ServerDied when the server crashed over it

A response that nobody waits for is ordinary mail. `receive_response` and `wait_response` take it out of the mailbox, or
wait for it; they differ in what a timeout does: the first gives the request up, so that a late response is dropped, the
second leaves it open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirliton.runtime.addresses import Address
from mirliton.runtime.errors import CallError, CallTimeout, RuntimeFault
from mirliton.runtime.protocol import Call, RequestId, Response
from mirliton.runtime.waits import Wait

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell


class Open(Wait):
    """A request under way. Its end goes to the process that waits for it just then, or else into the mailbox."""

    __slots__ = ("request", "waiting")

    cell: Cell
    request: RequestId

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell)
        self.waiting: Wait | None = None

    def _settle(self, value: Any, error: BaseException | None) -> None:
        reason = error.reason if isinstance(error, CallError) else error and str(error)
        response = Response(self.request, value, reason)
        if self.waiting is not None and not self.waiting.done:
            self.waiting.resolve(response)
        else:
            self.cell.node.deliver(self.cell, response, None)


def send_request(cell: Cell, to: Address, request: Any) -> RequestId:
    """Send a request; its Response comes later. See Process.send_request."""
    node = cell.node
    wait = Open(cell)
    sender, _ = node.calls.open(to, cell, wait)
    wait.request = RequestId(node.name, sender.tag, to)
    try:
        node.post.ask_later(to, Call(sender, request), cell)
    except RuntimeFault:
        node.calls.forget(sender.tag)
        raise
    return wait.request


def check_response(mail: Any, request: RequestId) -> Response | None:
    """`mail` when it is the response to `request`."""
    return mail if type(mail) is Response and mail.request == request else None


async def receive_response(cell: Cell, request: RequestId, timeout: float | None, *, give_up: bool) -> Any:
    """See Process.receive_response and wait_response: `give_up` says what a timeout does."""
    came = cell.take_out(lambda mail: check_response(mail, request) is not None)
    if came:
        return came[0].result()
    calls = cell.node.calls
    opened = calls.waiting(request.tag)
    if not isinstance(opened, Open) or opened.cell is not cell:
        raise CallTimeout(request.target, 0.0)  # answered or given up before: nothing can come
    opened.waiting = wait = Wait(cell)
    timer = None
    if timeout is not None:
        timer = cell.node.after(timeout, lambda _: wait.fail(CallTimeout(request.target, timeout)))
    try:
        response: Response = await wait
    except CallTimeout:
        if give_up:
            calls.forget(request.tag)
        raise
    finally:
        opened.waiting = None
        if timer is not None:
            cell.node.timers.cancel(timer)
    return response.result()
