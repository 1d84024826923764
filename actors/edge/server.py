"""The edge's process: from Kazoo's exchanges to our processes, and back.

    await node.start(Edge, [partial(AmqpLink, url)], "registrar", {AuthnReq: Name("service", "registrar")}, name=EDGE)

binds what gets every AuthnReq, wherever proxies publish it. Each one arrives at the registrar as a `Received`; its
answer goes back by `node.cast(EDGE, Answer(AuthnResp(…), got.envelope))`.

Of several brokers each is listened to, since whoever asks uses any of them, and is answered by the one it used. What
the edge itself has to say goes out by one: the first that is connected. A Kamailio hears all, and would hear it twice.

`shared` are listeners whose messages only one of all nodes is to get: they come by a queue that has the same name
everywhere.

What arrives and is invalid is logged, counted and dropped before any process sees it (kapi/inbox.py). A listener that
cannot keep up needs a bounded mailbox of its own. While all brokers are away what should go out is dropped and counted,
as Kazoo does; our own parts do not talk through here. A restart connects anew, under a new queue: requests that
waited are lost, their callers hear of the death.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from mirliton.actors.edge.border import Arrived, Border, Closed, Listeners, Opened, Returned, listeners_of
from mirliton.actors.edge.interest import Interest
from mirliton.actors.edge.link import QUEUE_LENGTH, Link, Outgoing, Plan, SharedQueue
from mirliton.actors.edge.messages import Answer, Answers, Ask, BrokerUp, EdgeIs, EdgeStatus, Publish
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
from mirliton.actors.kapi.inbox import Received
from mirliton.actors.kapi.requests import Request, Requests
from mirliton.actors.kapi.targeted import DELIVER_TO, EXCHANGE, answering, server_id, target_of
from mirliton.runtime import Address, From, GenServer, Name, NoReply, Pid, Reply, TimerFired, TimerRef

EDGE: Final = Name("service", "edge")
MAX_NODE: Final = 32
"""Characters of a name that become part of our queue's: Kamailio writes it, as Server-ID, into 100 bytes unchecked."""
MAX_GIVEN: Final = 10_000
"""Addresses of processes that answers from outside may go to; the oldest are forgotten first."""


class Edge(GenServer):
    """The connections to one or several brokers, as a process."""

    def init(
        self,
        connect: Sequence[Callable[[], Link]],
        app_name: str,
        listeners: Listeners | None = None,
        interest: Interest | None = None,
        shared: Listeners | None = None,
        tell: Sequence[Address] = (),
        length: int = QUEUE_LENGTH,
    ) -> None:
        """`connect` makes links in the order in which they are preferred; they are opened here. `listeners` get the
        messages of a class, or of those derived. Whom to `tell` gets a BrokerUp for each broker that is there (again).
        `length` is that of each queue, in messages.
        """
        self.trap_exit(True)
        self.app_name = app_name
        self.links = {link.broker: link for link in (each() for each in connect)}
        self.up = dict.fromkeys(self.links, False)
        self.connects = self.strays = 0
        self.interest = interest or Interest({})
        self.listeners = {**(listeners or {}), **(shared or {})}
        self.tell = tuple(tell)
        self.queue = f"{self.node.name[:MAX_NODE]}-{app_name[:MAX_NODE]}-{secrets.token_hex(4)}"
        self.requests = Requests()
        self.askers: dict[str, From] = {}
        self.given: OrderedDict[str, Address] = OrderedDict()
        self.timer: TimerRef | None = None
        self.published = self.dropped = self.unwanted = 0
        common = SharedQueue(f"mirliton-{app_name}", _bindings(shared)) if shared else None
        plan = Plan(self.queue, _bindings(listeners or {}), length=length, shared=common)
        for broker, link in self.links.items():
            self.own(link.close)
            link.open(Border(broker, self.pid, self.node, self.listeners), plan)

    async def terminate(self, reason: Any) -> None:
        """A connection that is half closed when the loop ends would hold the loop up."""
        for link in self.links.values():
            link.close()
        await asyncio.gather(*(link.gone() for link in self.links.values()))

    def handle_cast(self, request: Any) -> None:
        match request:
            case Publish():
                self._publish(request)
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
                return Reply(EdgeIs(any(self.up.values()), self.queue, waiting, *counts, dict(self.up)))
        return super().handle_call(request, sender)

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
            case Opened(broker):
                self.up[broker] = True
                self.connects += 1
                self.log.info("edge.connected", broker=broker, queue=self.queue)
                for address in self.tell:
                    self.send(address, BrokerUp(broker))
            case Closed(broker, reason):
                self.up[broker] = False
                self.log.warning("edge.disconnected", broker=broker, queue=self.queue, reason=reason)
            case _:
                super().handle_info(message)

    def _publish(self, request: Publish) -> None:
        definition = definition_of(request.message)
        if not self.interest.wants(definition.tag, definition.family, self.node.clock.now()):
            self.unwanted += 1
            return
        envelope = self._envelope(request.envelope)
        if request.answers_here:
            envelope = replace(envelope, server_id=self.queue)
        self._send(request.message, envelope, to=request.to, asks=self.interest.asks(definition.family))

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
        asked_by = self.links.get(answer.request.amqp_broker or "")
        self._send(answer.message, envelope, answer_to=str(answer.request.server_id), by=asked_by)

    def _send(
        self,
        message: object,
        envelope: Envelope | None,
        *,
        to: str | None = None,
        answer_to: str | None = None,
        asks: bool = False,
        by: Link | None = None,
    ) -> bool:
        """Whether a link took it: this one, or the first that is there.

        A message that breaks its definition is a fault of ours: logged and dropped.
        """
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
        link = by or next((link for broker, link in self.links.items() if self.up[broker]), None)
        outgoing = Outgoing(exchange, key, body, headers, definition.tag, mandatory=asks)
        taken = link is not None and link.publish(outgoing)
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
        hearing = () if got.envelope.msg_id in self.requests else listeners_of(self.listeners, got.message)
        for listener in hearing:
            self.node.send(listener, got)
        if not hearing and (ended := self.requests.take(got)) is not None:
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


def _bindings(listeners: Listeners) -> tuple[Any, ...]:
    """What gets the messages of these classes, and of those derived from them."""
    wanted = [one.cls for one in definitions() if any(issubclass(one.cls, listened) for listened in listeners)]
    return tuple(sorted({binding for cls in wanted for binding in bindings_of(cls)}))


def _outcome(request: Request) -> Answers:
    return Answers(tuple(request.answers), request.complete)
