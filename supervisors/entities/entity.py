"""Entity: a GenServer that lives on one node of the cluster at a time, and whose state outlives every one of them.

    from mirliton.runtime import Name, Reply, message
    from mirliton.supervisors.entities import Entity

    @message("counter.add")
    class Add:
        amount: int

    class Counter(Entity):
        def init(self, key, state):
            self.value = state or 0          # None: nothing was ever saved

        def handle_call(self, request, sender):
            match request:
                case Add(amount):
                    self.value += amount
                    self.save(self.value)    # written together with the key of the request, before the answer goes out
                    return Reply(self.value)
                case "value":
                    return Reply(self.value)

    entities = Entities(node, distribution, shards, store, {"counter": Counter})
    await entities.durable_call(Name("counter", "calls"), Add(1), key="call 17")

A crash undoes what the handler did: the next process begins with what was saved before, and gets the message again if
it has a key; one at which the entity ends three times is set aside. Whatever an entity shows of its state (an answer,
what it sends by `tell`) waits until that state is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import CoroutineType
from typing import Any, ClassVar, Final

from mirliton.runtime import Address, Call, Exit, From, GenServer, MessageTooLarge, NoReply, Reply, Stop
from mirliton.runtime.codec import encode
from mirliton.runtime.protocol import Cast, Init
from mirliton.runtime.reasons import KILLED, NORMAL, Shutdown
from mirliton.runtime.serving import MISSING
from mirliton.supervisors.entities.keyed import UNREAD
from mirliton.supervisors.entities.messages import Answer, Passivate, Stamp, Work
from mirliton.supervisors.entities.slot import Slot, slot_of

_UNSAVED: Any = object()
MOST_STATE: Final = 1024 * 1024
"""Bytes of what one entity saves. It is written whole, and with the entities that change at the same time."""


class Entity(GenServer):
    """Override `init(key, state)` and GenServer's other callbacks. Only Entities starts one, at the first message.

    `idle_after`: seconds without a message after which it is passivated, that is ended, its state kept and the entity
    started again by the next message; None for never, as one that waits for a timer must say. `restarts`: how often it
    may end in how many seconds before its node gives it a rest. A handler that answers Stop("normal") passivates it,
    too.
    """

    idle_after: ClassVar[float | None] = None
    restarts: ClassVar[tuple[int, float]] = (5, 10.0)

    _entity_slot: Slot
    _entity_saved: Any
    _entity_acts: list[Callable[[], None]]
    _entity_work: Work | None
    _entity_caller: From | None
    _entity_answer: Answer | None
    _entity_in_handler: bool

    def init(self, key: str, state: Any) -> Any:
        """Begin with what was saved last, None when nothing ever was. Answers as GenServer.init does."""

    def save(self, state: Any) -> None:
        """Keep `state` (what can be sent can be saved), with the message that is handled: both or neither.

        It is written at the end of this turn of the loop, with all that others save meanwhile. The last one of a
        handler counts. Raises NotSerialisable, or MessageTooLarge beyond MOST_STATE bytes.
        """
        saved = encode(state)
        if len(saved) > MOST_STATE:
            raise MessageTooLarge(len(saved), MOST_STATE)
        self._entity_saved = saved

    def tell(self, to: Address, message: Any) -> None:
        """`send` once what this handler saved is on the disk. It is not sent when that comes to nothing."""
        self._entity_acts.append(partial(self._entity_send_now, to, message))

    @property
    def stamp(self) -> Stamp:
        """Under which ownership this speaks: who is given it can refuse, by a Fence, what an owner before says late."""
        return Stamp(self._entity_slot.owner.shard, self._entity_slot.owner.epoch)

    @property
    def key(self) -> str:
        """The key of its Name."""
        return self._entity_slot.name.key

    def reply(self, sender: From, value: Any) -> None:
        """Answer a call, once what has been saved is on the disk.

        A call with a key is answered before its handler is over, by this or by a Reply; one that is not is a crash.
        """
        if self._entity_work is not None and sender is self._entity_caller:
            self._entity_answer = Answer(value)
            encode(value)  # what cannot travel fails here, in its handler
        else:
            self._entity_acts.append(partial(self._entity_reply_now, sender, value))
            if not self._entity_in_handler:
                self._entity_end_handler()

    # What the scheduler calls

    def _runtime_begin(self, message: Init) -> Any:
        names = self._myRef.names
        slot = slot_of(self._myRef.node, names[0]) if names else None
        if slot is None:
            raise Exit(Shutdown("not_owner"))
        self._entity_slot = slot
        self._entity_saved, self._entity_acts = _UNSAVED, []
        self._entity_work = self._entity_caller = self._entity_answer = None
        self._entity_in_handler = True
        result = super()._runtime_begin(Init((slot.name.key, slot.begin(self)), {}))
        if type(result) is not CoroutineType:
            self._entity_end_handler()
        return result

    def receiveMessage(self, message: Any, sender: Any) -> Any:
        cell = self._myRef
        if not self._entity_slot.has_turn(cell):
            if cell.alive:
                raise Exit(KILLED)
            return None
        self._entity_in_handler = True
        kind = type(message)
        if kind is Call:
            if cell.idle is not None:
                cell.idle.cancel()
                cell.idle = None
            return self._runtime_after(self.handle_call(message.request, message.sender), message.sender)
        if kind is Cast and type(message.request) is Work:
            return self._entity_do(message.request)
        if kind is Cast and type(message.request) is Passivate:
            return self._runtime_after(Stop(NORMAL), None)
        result = super().receiveMessage(message, sender)
        if type(result) is not CoroutineType:
            self._entity_end_handler()
        return result

    def _entity_do(self, work: Work) -> Any:
        request = self._entity_slot.keyed.opens(work)
        if request is UNREAD:
            return None
        self._entity_work, self._entity_answer = work, None
        if not work.item.call:
            return self._runtime_after(self.handle_cast(request), None)
        # Another object for each: who is answered is known by it, also where nobody waits any more.
        self._entity_caller = caller = work.item.caller or From(self._myRef.node.name, 0)
        return self._runtime_after(self.handle_call(request, caller), caller)

    def _runtime_after(self, result: Any, caller: From | None) -> Any:
        kind = type(result)
        if kind is CoroutineType:
            return super()._runtime_after(result, caller)
        if kind is Reply and caller is not None:
            self.reply(caller, result.value)
            result = NoReply(timeout=result.timeout, then=result.then)
        elif kind is Stop and caller is not None and result.reply is not MISSING:
            self.reply(caller, result.reply)
            result = Stop(result.reason)
        self._entity_end_handler()
        if type(result) is Stop and result.reason == NORMAL:
            self._entity_slot.rests(self)
        return super()._runtime_after(result, caller)

    def _entity_end_handler(self) -> None:
        """The handler is over: what it did is to be committed, and then shown."""
        self._entity_in_handler = False
        slot = self._entity_slot
        if slot.over:
            self._entity_acts.clear()
            return
        if self._entity_saved is not _UNSAVED:
            saved, self._entity_saved = self._entity_saved, _UNSAVED
            slot.saves(saved)
        if self._entity_work is not None:
            work, self._entity_work = self._entity_work, None
            if self._entity_answer is None and work.item.call:
                raise RuntimeError(f"{type(self).__qualname__} left a call with a key unanswered: {work.item.key!r}")
            slot.keyed.closes(self._entity_answer or Answer())
        if self._entity_acts:
            acts, self._entity_acts = self._entity_acts, []
            for act in acts:
                slot.then(act)

    # After the commit; the process may have ended meanwhile

    def _entity_send_now(self, to: Address, message: Any) -> None:
        self._myRef.node.send(to, message, self._myRef if self._myRef.alive else None)

    def _entity_reply_now(self, sender: From, value: Any) -> None:
        self._myRef.node.reply(sender, value)
