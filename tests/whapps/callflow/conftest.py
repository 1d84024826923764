"""A world for one call: a node, a store, a switch with a caller on it, and the executor under its own supervisor.

    async def test_…(world):
        async with world(Caller({"menu-no_prompt": ["1"]})) as here:
            await here.put({"_id": "menu-1", "name": "main"})
            await here.flow_of({"module": "menu", "data": {"id": "menu-1"}, "children": {…}})
            log = await here.call()
            assert log.said() == ["answer", "menu-no_prompt?", …]

Everything that can be killed between is a *tick*: a command that comes to the switch or has been carried out, a request
that comes to the store or has been done, a request to the switch. `world(…, kill_at={n: who})` kills at the n-th.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mirliton.actors.admission import AdmitCall, Admitted, LegBarred, account_name
from mirliton.actors.call import Call
from mirliton.actors.kapi.call import ChannelCreated
from mirliton.actors.kapi.channels import ChannelStatusResp, QueryUserChannelsReq, QueryUserChannelsResp
from mirliton.actors.kapi.route import RouteResp
from mirliton.actors.store import Document
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import gregorian, stamp
from mirliton.actors.store.names import account_db
from mirliton.actors.store.server import STORE
from mirliton.actors.switching import (
    CHANNELS,
    ROUTER,
    CallInfo,
    Snapshot,
    call_name,
    executor_name,
    switch_name,
)
from mirliton.ecallmgr.switch_http import Media
from mirliton.runtime import is_quiet
from mirliton.runtime.testing import Probe, VirtualNode, virtual_node
from mirliton.supervisors import Supervisor, Tree, worker
from mirliton.whapps.callflow.listener import executor_tree
from mirliton.whapps.hotornot.listener import HOTORNOT
from mirliton.whapps.hotornot.listener import Listener as Hotornot
from mirliton.whapps.stepswitch.listener import Listener as Stepswitch
from mirliton.whapps.stepswitch.messages import STEPSWITCH
from scripted_switch import (
    ACCOUNT,
    CALL,
    FLOW,
    SWITCH,
    Caller,
    Channel,
    Log,
    ScriptedCall,
    ScriptedSwitch,
    TickingStore,
    Ticks,
    a_sound,
)


class World:
    """One call's surroundings. `modules`: what the switch says to `module_exists`; `lost_uploads`: how many fail."""

    def __init__(self, node: VirtualNode, caller: Caller, ticks: Ticks) -> None:
        self.node = node
        self.ticks = ticks
        self.files: dict[str, int] = {}
        self.channel = Channel(caller, self.files)
        self.media_urls = Media("http://127.0.0.1:8022", b"secret")
        self.store = StoreClient(node)
        self.account_id = ACCOUNT
        self.db = account_db(ACCOUNT)
        self.modules: set[str] = set()
        self.sent: list[str] = []
        """Where recordings were sent to that are not ours."""
        self.uploads = 0
        self.lost_uploads = 0
        self.flow = FLOW
        self.moments = 0
        """Ticks of the call."""
        self.detached = 0
        self.restarts = 0
        """How often the executor ended otherwise than in order."""
        node.on_exit.append(self._exited)
        self.others: list[dict[str, Any]] = []
        """The legs that the channel table tells of."""
        self.carrier_legs: Any = LegBarred("no trunk and no credit")
        """What the account answers who wants a leg to a carrier."""
        self.asked: list[Any] = []
        """What the account was asked, besides to admit the call."""
        self.account_told: Probe
        self.leg = ChannelCreated(
            call_id=CALL,
            call_direction="inbound",
            caller_id_name="Ada",
            caller_id_number="1001",
            from_="1001@acme.example",
            to="2000@acme.example",
            caller_destination_number="2000",
        )
        self.ccvs: dict[str, Any] = {"Account-ID": ACCOUNT}

    def account(self, request: Any) -> Any:
        """What the account answers."""
        if isinstance(request, AdmitCall):
            return Admitted(1)
        self.asked.append(request)
        return self.carrier_legs

    def channels(self, request: Any) -> Any:
        """What the channel table answers: nobody but the legs of `others` is on the phone."""
        if isinstance(request, QueryUserChannelsReq):
            asked = request.authorizing_ids
            return QueryUserChannelsResp(
                tuple(leg for leg in self.others if leg.get("authorizing_id") in (None, *asked))
            )
        alive = any(leg["uuid"] == request.call_id for leg in self.others)
        return ChannelStatusResp(request.call_id, "active" if alive else "terminated")

    def rename(self, **fields: Any) -> None:
        """Change what the leg says of itself."""
        self.leg = replace(self.leg, **fields)

    def info(self) -> CallInfo:
        return CallInfo(
            call_id=CALL,
            switch=SWITCH,
            leg=self.leg,
            custom_channel_vars={**self.ccvs, "CallFlow-ID": self.flow},
            checkpoint=self.channel.checkpoint,
            answered=False,
            ended=self.channel.gone,
        )

    def snapshot(self) -> Snapshot:
        leg = replace(self.leg, custom_channel_vars={**self.ccvs, "CallFlow-ID": self.flow})
        variables = dict(self.channel.variables)
        return Snapshot(SWITCH, leg, variables, "park", answered=True, bridged_to=variables.get("signal_bond"))

    @staticmethod
    def unpacked(packed: str) -> str:
        return urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()

    async def put(self, *docs: Document, db: str | None = None) -> None:
        """Store documents; those without a `pvt_type` are of the type that their `_id` begins with."""
        for doc in docs:
            kind = doc.get("pvt_type") or str(doc["_id"]).partition("-")[0]
            stamped = stamp(doc, type=kind, account_id=ACCOUNT, db=db, now=self.node.clock.time())
            await self.node.drive(self.store.put(db or self.db, stamped))

    async def get(self, doc_id: str, db: str | None = None) -> Document:
        return await self.node.drive(self.store.get(db or self.db, doc_id))

    async def docs(self, kind: str) -> list[Document]:
        """All documents of a type, wherever they are."""
        found = []
        for db in await self.node.drive(self.store.databases()):
            rows = (await self.node.drive(self.store.all_docs(db, include_docs=True))).rows
            found += [row.doc for row in rows if row.doc and row.doc.get("pvt_type") == kind]
        return found

    async def message(
        self, box_id: str, message_id: str, *, folder: str | None, age: float, audio: bool = True, **more: Any
    ) -> str:
        """Store a message that is so many seconds old, with two seconds of audio."""
        at = gregorian(self.node.clock.time() - age)
        db = f"{self.db}-{message_id[:6]}"
        await self.node.drive(self.store.create_database(db))
        metadata = {"timestamp": at, "media_id": message_id, "length": 2000, "caller_id_number": "1002"}
        if folder is not None:
            metadata["folder"] = folder
        doc = {"_id": message_id, "pvt_type": "mailbox_message", "source_id": box_id, "metadata": metadata, **more}
        await self.put(doc, db=db)
        if audio:
            rev = (await self.get(message_id, db))["_rev"]
            put = self.store.put_attachment(db, message_id, "sound.wav", "audio/x-wav", a_sound(2000), rev)
            await self.node.drive(put)
        return db

    async def media(self, media_id: str, **more: Any) -> None:
        """Store a media document with a second of audio, `sound.wav`."""
        await self.put({"_id": media_id, "pvt_type": "media", "name": "sound", **more})
        rev = (await self.get(media_id))["_rev"]
        put = self.store.put_attachment(self.db, media_id, "sound.wav", "audio/x-wav", a_sound(1000), rev)
        await self.node.drive(put)

    async def flow_of(self, flow: Any, **more: Any) -> None:
        """Store the callflow that the call takes."""
        await self.put({"_id": self.flow, "pvt_type": "callflow", "flow": flow, "numbers": ["2000"], **more})

    async def call(self, limit: float = 3600.0) -> Log:
        """Let the call run to the end of its flow."""
        self.ticks.count = 0
        tree = executor_tree(CALL, self.media_urls)
        supervisor = await self.node.drive(self.node.start(Supervisor, tree))
        await self.node.drive(self.node.wait_exit(supervisor, timeout=30.0), limit)
        self.moments = self.ticks.count
        return self.channel.log

    def _exited(self, cell: Any, reason: Any, names: Any, dossier: Any) -> None:
        if executor_name(CALL) in (names or ()) and not is_quiet(reason):
            self.restarts += 1

    async def call_again(self, caller: Caller, *, after: float) -> Log:
        """Some seconds later, another call to the same flow; whoever killed does so no more."""
        await self.node.advance(after)
        self.ticks.kill_at = {}
        self.channel = Channel(caller, self.files)
        if self.node.whereis(call_name(CALL)) is None:
            await self.node.start(ScriptedCall, self, name=call_name(CALL))
        return await self.call()


@pytest.fixture
def world(tmp_path: Path) -> Any:
    """Makes a World: `async with world(caller, kill_at={tick: "executor"}) as here`."""
    made = 0

    @asynccontextmanager
    async def make(
        caller: Caller | None = None, *, kill_at: Mapping[int, str] | None = None, real_call: bool = False
    ) -> AsyncIterator[World]:
        nonlocal made
        made += 1
        async with virtual_node() as node:
            ticks = Ticks(kill_at or {})
            ticks.node = node
            here = World(node, caller or Caller(), ticks)
            await node.drive(node.start(TickingStore, str(tmp_path / f"{made}.db"), ticks, name=STORE))
            await node.drive(here.store.create_database(here.db))
            await node.start(ScriptedSwitch, here, name=switch_name(SWITCH))
            here.account_told = await Probe.start(node, name=account_name(ACCOUNT), answer=here.account)
            await Probe.start(node, name=CHANNELS, answer=here.channels)
            await node.start(Stepswitch, name=STEPSWITCH)
            await node.start(Hotornot, name=HOTORNOT)
            await Probe.start(node, name=ROUTER, answer=lambda request: RouteResp(method="park"))
            if real_call:
                await node.start(Supervisor, _CALL_TREE)
            else:
                await node.start(ScriptedCall, here, name=call_name(CALL))
            yield here

    return make


@pytest.fixture
def caller() -> type[Caller]:
    return Caller


_CALL_TREE = Tree(
    "one_for_one",
    [worker(Call, SWITCH, CALL, name=call_name(CALL), keep_mail=True, restart="transient")],
    intensity=5,
    period=10.0,
)
