"""The control socket of a telephony node: what any node can be asked (mirliton.supervisors.control), and its calls.

`follow` gives a line per call event until the client goes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import orjson

from mirliton.actors.kapi.call import event_name
from mirliton.actors.kapi.channels import QueryChannelsReq, QueryChannelsResp
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import public
from mirliton.actors.store.names import Month, month_id, month_of_db
from mirliton.actors.switching import (
    CHANNELS,
    Incomplete,
    LegEvent,
    LegParked,
    LegsMissed,
    SwitchApi,
    WatchLegs,
    as_far_as_known,
    switch_name,
)
from mirliton.api import dead_letters, sup, switches
from mirliton.api.cluster_messages import (
    CLUSTER,
    CannotDrain,
    Card,
    Drain,
    Move,
    NotMoved,
    Rebalance,
    Resume,
    Shifts,
    Survey,
    shown,
)
from mirliton.runtime import CallError, Down, Name, NameAt, Ref, TimerFired
from mirliton.supervisors import Application, BadRequest, ControlSocket
from mirliton.supervisors.control import BY, text

CONTROL: Final = Name("service", "control")
WATCH_AGAIN: Final = 0.2
ANSWER_TIMEOUT: Final = 25.0
"""Seconds that a node may take to begin or end a drain; the whole request has 30."""
FOLLOWED: Final = 1000
"""Events that may wait for a client that follows; a slower one misses some."""


class ControlServer(ControlSocket):
    """Also tells of channels, records and events, and passes commands on to the simulated switch."""

    async def init(self, path: str, root: Name, parts: Sequence[Application] = ()) -> None:
        self.followers: set[asyncio.Queue[dict[str, Any]]] = set()
        self.table: Ref | None = None
        """The monitor of the channel table: all its news come here while somebody follows them."""
        await super().init(path, root, parts)

    def state(self) -> Any:
        return {"path": self.path, "followers": len(self.followers)}

    async def answer(self, request: dict[str, Any]) -> Any:
        match request.get("do"):
            case "status":
                answer = await self.call(CHANNELS, QueryChannelsReq(fields=["uuid"]))
                unknown = {"channels_unknown": answer.missing} if isinstance(answer, Incomplete) else {}
                return self.inspector.status() | {"channels": len(as_far_as_known(answer).channels)} | unknown
            case "follow":
                return await self._follow()
            case "channels":
                return await self._channels()
            case "cdrs":
                return await self._cdrs(request)
            case "simulator":
                return await self._simulator(request)
            case "sup":
                return await self._sup(request)
            case "cluster":
                cards = await self.call(CLUSTER, Survey(), timeout=10.0)
                return [shown(card) for card in cards]
            case "drain":
                force = request.get("force") is True
                return shown(_card(await self.call(self._node(request), Drain(force), timeout=ANSWER_TIMEOUT)))
            case "resume":
                return shown(_card(await self.call(self._node(request), Resume(), timeout=ANSWER_TIMEOUT)))
            case "move":
                self.log.warning("audit", operation="move", by=BY, what=text(request, "what"), to=text(request, "node"))
                move = Move(text(request, "what"), text(request, "node"))
                return _shifts(await self.call(CLUSTER, move, timeout=ANSWER_TIMEOUT))
            case "rebalance":
                self.log.warning("audit", operation="rebalance", by=BY)
                return _shifts(await self.call(CLUSTER, Rebalance(), timeout=ANSWER_TIMEOUT))
            case "switches":
                return await switches.switches(self)
            case "switch_drain" | "switch_resume" as operation:
                self.log.warning("audit", operation=operation, by=BY, switch=text(request, "switch"))
                return await self._drain_switch(text(request, "switch"), on=operation == "switch_drain")
            case "dead_letters":
                return await self._dead_letters(request)
        return await super().answer(request)

    def handle_info(self, message: Any) -> None:
        match message:
            case LegEvent(event=event):
                self._tell(event_name(event), event)
            case LegParked(leg=leg):
                self._tell("CHANNEL_PARK", leg)
            case LegsMissed():
                pass
            case Down(ref=ref) if ref == self.table:
                # The channel table is being restarted; it has forgotten who watches.
                self.table = None
                self.start_timer(WATCH_AGAIN, "watch")
            case TimerFired(message="watch"):
                self._watch()
            case _:
                super().handle_info(message)

    def _watch(self) -> None:
        if self.followers and self.table is None:
            self.table = self.monitor(CHANNELS)
            self.cast(CHANNELS, WatchLegs(self.pid))
        elif not self.followers and self.table is not None:
            self.demonitor(self.table, flush=True)
            self.table = None
            self.cast(CHANNELS, WatchLegs(self.pid, on=False))

    def _tell(self, name: str, event: Any) -> None:
        if not self.followers:
            return
        news = {
            "event": name,
            "call_id": event.call_id,
            "direction": event.call_direction,
            "from": event.caller_id_number,
            "to": event.caller_destination_number,
            "callee": event.callee_id_name,
            "application": event.application_name,
            "other_leg": event.other_leg_call_id,
            "cause": event.hangup_cause,
            "billing_seconds": event.billing_seconds,
        }
        for queue in self.followers:
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(news)

    async def _follow(self) -> Following:
        following = Following(self.followers, self._watch)
        self._watch()
        with contextlib.suppress(CallError):
            # What happens right after the answer is not missed: when this is answered, the table has heard that before.
            await self._channels()
        return following

    async def _sup(self, request: dict[str, Any]) -> Any:
        module, function = text(request, "module", ""), text(request, "function", "")
        arguments = request.get("arguments", [])
        if not isinstance(arguments, list) or not all(isinstance(one, str) for one in arguments):
            raise BadRequest(f"arguments must be a list of strings, not {arguments!r}")
        if not module:
            return sup.modules()
        if not function:
            return [{"usage": one.usage, "help": one.help} for one in sup.listed(module)]
        if sup.find(module, function).changes:
            self.log.warning("audit", operation="sup", by=BY, module=module, function=function)
        node = self.inspector
        return await sup.run(sup.Sup(node.node, StoreClient(self), node.root), module, function, arguments)

    async def _dead_letters(self, request: dict[str, Any]) -> Any:
        action = text(request, "action", "list", ("list", "show", "redrive", "discard"))
        id = text(request, "id") if request.get("id") is not None else None
        match action:
            case "list":
                return await dead_letters.listed(self.node)
            case "show":
                return await dead_letters.shown(self.node, text(request, "id"))
        self.log.warning("audit", operation=f"dead_letters_{action}", by=BY, letter=id)
        return await (dead_letters.redrive if action == "redrive" else dead_letters.discard)(self.node, id)

    async def _channels(self) -> dict[str, Any]:
        answer: QueryChannelsResp | Incomplete = await self.call(CHANNELS, QueryChannelsReq())
        if isinstance(answer, Incomplete):
            raise BadRequest(f"nobody answers for the channels of {', '.join(answer.missing)} just now")
        return dict(answer.channels)

    async def _cdrs(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The records of these legs, of whichever account and of this month or the last."""
        call_ids = request.get("call_ids", [])
        if not isinstance(call_ids, list):
            raise BadRequest(f"call_ids must be a list, not {call_ids!r}")
        store = StoreClient(self)
        this = Month.at(self.node.clock.time())
        months = {this, this.previous}
        found: list[dict[str, Any]] = []
        for db in await store.databases("account/"):
            month = month_of_db(db)
            if month in months:
                docs = await store.get_many(db, [month_id(month, str(call_id)) for call_id in call_ids[:1000]])
                found += [public(doc) for doc in docs if doc is not None]
        return found

    async def _drain_switch(self, name: str, *, on: bool) -> None:
        try:
            await switches.drain(self, name, on=on)
        except (switches.NoSuchSwitch, switches.SwitchTrouble) as error:
            raise BadRequest(str(error)) from error

    def _node(self, request: dict[str, Any]) -> Name | NameAt:
        node = text(request, "node")
        return CLUSTER if node == self.node.name else CLUSTER.at(node)

    async def _simulator(self, request: dict[str, Any]) -> Any:
        switch = text(request, "switch")
        command = orjson.dumps(request.get("request", {})).decode()
        answer = await self.call(switch_name(switch), SwitchApi(f"simulator {command}"))
        if not isinstance(answer, str) or not answer.startswith("+OK"):
            raise BadRequest(f"switch {switch!r}: {getattr(answer, 'text', None) or answer}")
        return orjson.loads(answer.removeprefix("+OK").strip() or "{}")


def _card(answer: Any) -> Card:
    if isinstance(answer, CannotDrain):
        raise BadRequest(f"{answer.reason}; with --force it is drained all the same")
    assert isinstance(answer, Card)
    return answer


def _shifts(answer: Any) -> list[dict[str, str]]:
    if isinstance(answer, NotMoved):
        raise BadRequest(answer.reason)
    assert isinstance(answer, Shifts)
    return [{"what": each.what, "from": each.origin, "to": each.to} for each in answer.shifts]


class Following:
    """The events that one client is told, from now on until it goes."""

    def __init__(self, followers: set[asyncio.Queue[dict[str, Any]]], left: Callable[[], None]) -> None:
        self._followers = followers
        self._left = left
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue(FOLLOWED)
        followers.add(self._events)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        return await self._events.get()

    async def aclose(self) -> None:
        self._followers.discard(self._events)
        self._left()
