"""The edge's process: from Kazoo's exchanges to our processes, and back.

    await node.start(Edge, partial(AmqpLink, url), "registrar", {AuthnReq: Name("service", "registrar")}, name=EDGE)

binds what gets every AuthnReq, wherever proxies publish it. Each one arrives at the registrar as a `Received`; its
answer goes back by `node.cast(EDGE, Answer(AuthnResp(…), got.envelope))`.

What arrives and is invalid is logged, counted and dropped before any process sees it (kapi/inbox.py). A listener that
cannot keep up needs a bounded mailbox of its own. While the broker is away what should go out is dropped and counted,
as Kazoo does; our own parts do not talk through here. A restart connects anew, under a new queue: requests that
waited are lost, their callers hear of the death.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from mirliton.actors.edge.interest import Interest
from mirliton.actors.edge.link import Incoming, Link, Outgoing, Plan
from mirliton.actors.edge.messages import Answer, Answers, Ask, EdgeIs, EdgeStatus, Publish
from mirliton.actors.kapi import (
    Envelope,
    KapiError,
    bindings_of,
    definition_of,
    definitions,
    publication_of,
    to_headers,
)
from mirliton.actors.kapi.bodies import packed
from mirliton.actors.kapi.errors import TooManyRequests
from mirliton.actors.kapi.inbox import Received, received
from mirliton.actors.kapi.requests import Request, Requests
from mirliton.actors.kapi.targeted import DELIVER_TO, EXCHANGE, answering, server_id, target_of
from mirliton.runtime import Address, From, GenServer, Name, Node, NoReply, Pid, Reply, TimerFired, TimerRef, message

EDGE: Final = Name("service", "edge")
MAX_GIVEN: Final = 10_000
"""Addresses of processes that answers from outside may go to; the oldest are forgotten first."""


@message("edge.opened")
class Opened:
    """The link is there."""


@message("edge.closed")
class Closed:
    """The link is lost."""

    reason: str


@message("edge.returned")
class Returned:
    """No queue got a message of this kind."""

    tag: str


@message("edge.arrived")
class Arrived:
    """A message came to our queue itself, for the process that is named, or for whoever asked."""

    received: Received
    process: str | None


class Edge(GenServer):
    """One connection to a broker, as a process."""

    def init(
        self,
        connect: Callable[[], Link],
        app_name: str,
        listeners: Mapping[type, Address] | None = None,
        interest: Interest | None = None,
        queue: str | None = None,
    ) -> None:
        """`connect` makes a link, which is opened here. `listeners` get the messages of a class, or of those derived.

        `queue` is fresh at each start unless it is named: then nodes that name the same one share its messages.
        """
        self.app_name = app_name
        self.broker = connect()
        self.interest = interest or Interest({})
        self.listeners = dict(listeners or {})
        self.queue = queue or f"{self.node.name}-{app_name}-{secrets.token_hex(4)}"
        self.requests = Requests()
        self.askers: dict[str, From] = {}
        self.given: OrderedDict[str, Address] = OrderedDict()
        self.timer: TimerRef | None = None
        self.connected = False
        self.published = self.dropped = self.unwanted = self.strays = 0
        self.own(self.broker.close)
        self.broker.open(_Border(self.pid, self.node, self.listeners), Plan(self.queue, _bindings(self.listeners)))

    def handle_cast(self, request: Any) -> None:
        match request:
            case Publish(message, to, envelope):
                definition = definition_of(message)
                if self.interest.wants(definition.tag, definition.family, self.node.clock.now()):
                    self._send(message, envelope, to=to, asks=self.interest.asks(definition.family))
                else:
                    self.unwanted += 1
            case Answer(delay=float() as delay) if delay > 0:
                self.start_timer(delay, ("answer", request))
            case Answer():
                self._answer(request)

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case Ask():
                return self._ask(request, sender)
            case EdgeStatus():
                waiting, unmatched = len(self.requests), self.requests.unmatched + self.strays
                counts = (self.published, self.dropped, self.unwanted, unmatched)
                return Reply(EdgeIs(self.connected, self.queue, waiting, *counts))

    def handle_info(self, message: Any) -> None:
        match message:
            case Arrived(got, None):
                self._take(got)
            case Arrived(got, str() as process):
                self._hand_on(got, process)
            case TimerFired(message=("answer", Answer() as answer)):
                self._answer(answer)
            case TimerFired(message="deadline"):
                self.timer = None
                for ended in self.requests.expire(self.node.clock.now()):
                    self._tell(ended)
                self._wake()
            case Returned(tag):
                self.interest.nobody(tag, self.node.clock.now())
            case Opened():
                self.connected = True
                self.log.info("edge.connected", queue=self.queue)
            case Closed(reason):
                self.connected = False
                self.log.warning("edge.disconnected", queue=self.queue, reason=reason)

    def _ask(self, request: Ask, sender: From) -> Any:
        envelope = replace(self._envelope(request.envelope), server_id=self.queue)
        deadline = self.node.clock.now() + request.timeout
        try:
            if request.wanted is None:
                asked = self.requests.call(envelope.msg_id, deadline=deadline)
            else:
                asked = self.requests.collect(envelope.msg_id, request.wanted, deadline=deadline)
        except TooManyRequests as error:
            self.log.error("edge.too_many_requests", limit=error.limit)
            return Reply(Answers((), False))
        if not self._send(request.message, envelope, to=request.to):
            self.requests.forget(asked)
            return Reply(Answers((), False))
        self.askers[asked.msg_id] = sender
        self._wake()
        return NoReply()

    def _answer(self, answer: Answer) -> None:
        if answer.request.server_id is None:
            self.log.debug("edge.nobody_to_answer", msg_id=answer.request.msg_id)
            return
        envelope = answering(answer.request, self._envelope(answer.envelope))
        if answer.deferred:
            envelope = replace(envelope, defer_response=True)
        self._send(answer.message, envelope, answer_to=str(answer.request.server_id))

    def _send(
        self,
        message: object,
        envelope: Envelope | None,
        *,
        to: str | None = None,
        answer_to: str | None = None,
        asks: bool = False,
    ) -> bool:
        """Whether the link took it. A message that breaks its definition is a fault of ours: logged and dropped."""
        definition = definition_of(message)
        headers: dict[str, str] = {}
        try:
            body = packed(to_headers(message, self._envelope(envelope), queue_of=self._give))
            if answer_to is None:
                exchange, key = publication_of(message, to)
            else:
                target = target_of(answer_to)
                exchange, key = EXCHANGE, target.queue
                headers = {DELIVER_TO: target.process} if target.process else {}
        except KapiError as error:
            self.dropped += 1
            self.log.error("edge.cannot_be_sent", message=definition.tag, problem=str(error))
            return False
        taken = self.broker.publish(Outgoing(exchange, key, body, headers, definition.tag, mandatory=asks))
        if taken:
            self.published += 1
        else:
            self.dropped += 1
            self.log.debug("edge.dropped", message=definition.tag)
        return taken

    def _envelope(self, envelope: Envelope | None) -> Envelope:
        made = envelope or Envelope(app_name=self.app_name)
        return made if made.node else replace(made, node=self.node.name)

    def _give(self, address: Pid | Name) -> str:
        """A Server-ID for one of our processes; only those that were given one can be reached from outside."""
        text = str(address)
        self.given[text] = address
        self.given.move_to_end(text)
        if len(self.given) > MAX_GIVEN:
            self.given.popitem(last=False)
        return server_id(text, self.queue)

    def _take(self, got: Received) -> None:
        """What came to our queue itself: an answer, or what somebody sends to a listener and to nobody else."""
        listener = None if got.envelope.msg_id in self.requests else _listener(self.listeners, got.message)
        if listener is not None:
            self.node.send(listener, got)
        elif (ended := self.requests.take(got)) is not None:
            self._tell(ended)

    def _hand_on(self, got: Received, process: str) -> None:
        address = self.given.get(process)
        if address is None:
            self.strays += 1
            self.log.debug("edge.stray", process=process[:80])
            return
        self.node.send(address, got)

    def _tell(self, ended: Request) -> None:
        sender = self.askers.pop(ended.msg_id, None)
        if sender is not None:
            self.reply(sender, _outcome(ended))

    def _wake(self) -> None:
        deadline = self.requests.next_deadline
        if self.timer is not None:
            self.cancel_timer(self.timer)
        self.timer = None if deadline is None else self.start_timer(deadline - self.node.clock.now(), "deadline")


class _Border:
    """The link's owner: reads what arrives, and sends it to whom it is for."""

    def __init__(self, edge: Pid, node: Node, listeners: dict[type, Address]) -> None:
        self._edge = edge
        self._node = node
        self._listeners = listeners

    def opened(self) -> None:
        self._node.send(self._edge, Opened())

    def closed(self, reason: str) -> None:
        self._node.send(self._edge, Closed(reason))

    def returned(self, outgoing: Outgoing) -> None:
        self._node.send(self._edge, Returned(outgoing.tag))

    def arrived(self, incoming: Incoming) -> None:
        got = received(
            incoming.body,
            exchange=incoming.exchange,
            routing_key=incoming.routing_key,
            content_type=incoming.content_type,
            content_encoding=incoming.content_encoding,
        )
        if got is None:
            return
        process = incoming.headers.get(DELIVER_TO)
        listener = None if incoming.exchange == EXCHANGE else _listener(self._listeners, got.message)
        if listener is not None:
            self._node.send(listener, got)
        else:
            self._node.send(self._edge, Arrived(got, process if isinstance(process, str) else None))


def _listener(listeners: Mapping[type, Address], message: object) -> Address | None:
    return next((listeners[cls] for cls in type(message).__mro__ if cls in listeners), None)


def _bindings(listeners: Mapping[type, Address]) -> tuple[Any, ...]:
    """What gets the messages of these classes, and of those derived from them."""
    wanted = [one.cls for one in definitions() if any(issubclass(one.cls, listened) for listened in listeners)]
    return tuple(sorted({binding for cls in wanted for binding in bindings_of(cls)}))


def _outcome(request: Request) -> Answers:
    return Answers(tuple(request.answers), request.complete)
