"""Messages without a key: to the owner's node over its lane, at most once, or parked until there is an owner.

What was sent to a node that was then lost is not sent again, as nobody knows whether it was handled: a call fails with
NodeDown. With a key (`Entities.call(…, key=…)`) it is sent again, and done once all the same.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime import Call, CallError, From, MailboxFull, Name, NodeDown, OutboxFull, Pid, ServerDied
from mirliton.runtime.codec import decode
from mirliton.runtime.waits import Wait
from mirliton.supervisors.entities.errors import EntityAway, EntityRefused
from mirliton.supervisors.entities.messages import GATE, LaneCall, LaneSend, NotHere

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities

MOST_HOPS: Final = 4
"""Nodes that may pass one message on, each taking another for the owner."""


class Mail:
    """One message that looks for its entity. With a `tag` it is the request of that call."""

    __slots__ = ("expires", "hops", "key", "message", "name", "sender", "tag")

    def __init__(
        self, name: Name, message: Any, sender: Pid | None, expires: float, *, tag: int = 0, key: str | None = None
    ) -> None:
        self.name = name
        self.message = message
        """A Call where there is a tag."""
        self.sender = sender
        self.expires = expires
        self.tag = tag
        self.key = key
        self.hops = 0


class Leg(Wait):
    """A call of this node on its way to the owner's: it ends as that says, or goes on to another."""

    __slots__ = ("inner", "lane", "mail", "node")

    def __init__(self, lane: Lane, mail: Mail, node: str) -> None:
        super().__init__(None, lane.entities.node.scheduler)
        self.lane = lane
        self.mail = mail
        self.node = node
        self.inner = 0

    def _settle(self, value: Any, error: BaseException | None) -> None:
        self.done = True
        self.lane.came_back(self, value, error)


class Lane:
    """What is under way from this node."""

    def __init__(self, entities: Entities) -> None:
        self.entities = entities
        self._parked: dict[int, deque[Mail]] = {}
        self._legs: set[Leg] = set()
        self.length = 0

    # Ways in

    def send(self, name: Name, message: Any, sender: Pid | None, hops: int = 0) -> None:
        """A message of this node, or, with `hops`, one that another has passed on."""
        mail = Mail(name, message, sender, self._deadline())
        mail.hops = hops
        self._route(mail)

    def ask(self, name: Name, request: Call, sender: Pid | None, key: str | None = None) -> None:
        """The request of a call of this node."""
        self._route(Mail(name, request, sender, self._deadline(), tag=request.sender.tag, key=key))

    def again(self, name: Name, message: Any, sender: Pid | None) -> None:
        """What waited for an entity that this node has lost."""
        tag = message.sender.tag if type(message) is Call else 0
        if not tag or self.entities.node.calls.waiting(tag) is not None:
            self._route(Mail(name, message, sender, self._deadline(), tag=tag))

    def keyed_again(self, name: Name, key: str, request: bytes, caller: From) -> None:
        """A request with a key that came over the lane, to an entity that this node has lost."""
        entities = self.entities
        if caller.node == entities.node.name:
            self.ask(name, Call(caller, decode(request)), None, key)
        else:
            shard = entities.shard_of(name)
            entities.node.reply(caller, NotHere(shard, entities.fence.epoch(shard)))

    def _deadline(self) -> float:
        return self.entities.node.clock.now() + self.entities.options.park_for

    # The way

    def _route(self, mail: Mail) -> None:
        entities = self.entities
        shard = entities.shard_of(mail.name)
        if entities.holding.owns(shard):
            self._deliver(mail)
            return
        owner = entities.directory.owner(shard)
        if owner is None or owner == entities.node.name or entities.distribution is None or shard in self._parked:
            self._park(shard, mail)
        elif mail.tag:
            self._call(mail, owner)
        elif mail.hops >= MOST_HOPS:
            self._lose(mail)
        else:
            try:
                if not entities.distribution.send(
                    GATE.at(owner), LaneSend(mail.name, mail.message, mail.sender, mail.hops + 1), None
                ):
                    self._park(shard, mail)
            except OutboxFull:
                self._lose(mail)

    def _deliver(self, mail: Mail) -> None:
        entities = self.entities
        if mail.key is not None:
            entities.holding.do_once(mail.name, mail.message.request, mail.key, mail.message.sender)
            return
        try:
            entities.holding.take(mail.name, mail.message, mail.sender)
        except MailboxFull as error:
            if mail.tag:
                entities.node.calls.fail(mail.tag, error)
            else:
                entities.counters.parked_lost += 1

    def _call(self, mail: Mail, owner: str) -> None:
        node, distribution = self.entities.node, self.entities.distribution
        assert distribution is not None
        leg = Leg(self, mail, owner)
        leg.inner = node.calls.enter(mail.name, None, leg)
        self._legs.add(leg)
        request = LaneCall(mail.name, mail.message.request, mail.sender, mail.key)
        try:
            sent = distribution.ask(GATE.at(owner), Call(From(node.name, leg.inner), request), leg.inner, None)
        except (CallError, OutboxFull) as error:
            self._legs.discard(leg)
            node.calls.forget(leg.inner)
            node.calls.fail(mail.tag, error)
            return
        if not sent:
            self._legs.discard(leg)
            node.calls.forget(leg.inner)
            self._park(self.entities.shard_of(mail.name), mail)

    def came_back(self, leg: Leg, value: Any, error: BaseException | None) -> None:
        """The owner's node has answered, or will not."""
        self._legs.discard(leg)
        mail, node = leg.mail, self.entities.node
        if isinstance(value, NotHere):
            self.entities.directory.not_there(value, leg.node)
            self._again(mail)
        elif isinstance(error, NodeDown | ServerDied) and mail.key is not None:
            self._again(mail)
        elif isinstance(error, NodeDown):
            node.calls.fail(mail.tag, NodeDown(mail.name, error.node))
        elif isinstance(error, ServerDied):
            node.calls.fail(mail.tag, ServerDied(mail.name, error.exit_reason))
        elif error is not None:
            node.calls.fail(mail.tag, error)
        else:
            node.calls.answer(From(node.name, mail.tag), value)

    def _again(self, mail: Mail) -> None:
        """Not at once: who the owner is may take a moment to be known."""
        if self.entities.node.calls.waiting(mail.tag) is not None:
            self._park(self.entities.shard_of(mail.name), mail)

    # Parked

    def _park(self, shard: int, mail: Mail) -> None:
        if self.length >= self.entities.options.parked:
            self._lose(mail)
            return
        self.length += 1
        self._parked.setdefault(shard, deque()).append(mail)
        self.entities.claims.wanted(shard)

    def _lose(self, mail: Mail) -> None:
        node = self.entities.node
        self.entities.counters.parked_lost += 1
        if not mail.tag:
            node.post.dead_letter(mail.name, mail.message)
        elif self.length >= self.entities.options.parked:
            node.calls.fail(mail.tag, EntityRefused(mail.name, "what may wait for owners"))
        else:
            node.calls.fail(mail.tag, EntityAway(mail.name, self.entities.options.park_for))

    def owned(self, shard: int) -> None:
        """There is an owner: what waits for it goes there, in its order."""
        parked = self._parked.pop(shard, None)
        for mail in parked or ():
            self.length -= 1
            self._route(mail)

    def look(self, now: float) -> None:
        """Give up what has waited too long, and calls that nobody waits for any more."""
        for shard, parked in list(self._parked.items()):
            if self.entities.holding.owns(shard) or self.entities.directory.owner(shard) not in (
                None,
                self.entities.node.name,
            ):
                self.owned(shard)
                continue
            while parked and parked[0].expires <= now:
                self.length -= 1
                self._lose(parked.popleft())
            if not parked:
                del self._parked[shard]
        calls = self.entities.node.calls
        for leg in [leg for leg in self._legs if calls.waiting(leg.mail.tag) is None]:
            self._legs.discard(leg)
            calls.forget(leg.inner)

    def close(self) -> None:
        """Nothing will come of what waits."""
        for parked in self._parked.values():
            for mail in parked:
                self._lose(mail)
        self._parked.clear()
        self.length = 0
