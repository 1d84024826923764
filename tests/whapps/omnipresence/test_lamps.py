"""Lamps that no call lights: who may light them, when they go out, and what a restart remembers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import phone_book
from mirliton.actors import manual_presence
from mirliton.actors.edge import BrokerUp, Publish
from mirliton.actors.kapi.call import ChannelAnswered, ChannelDestroyed
from mirliton.actors.kapi.channels import QueryChannelsResp
from mirliton.actors.kapi.envelope import Envelope
from mirliton.actors.kapi.inbox import Received
from mirliton.actors.kapi.presence import DialogUpdate, Reset
from mirliton.actors.kapi.presence import Probe as Asked
from mirliton.actors.presence import OMNIPRESENCE, AskPresence, LampChanged, PresenceIs, PresenceReset
from mirliton.actors.store import SqliteStore, opened
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import stamp
from mirliton.actors.store.names import account_db
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import CHANNELS, LegEvent
from mirliton.runtime.testing import Probe, VirtualNode, virtual_node
from mirliton.supervisors import Supervisor
from mirliton.whapps.omnipresence import app
from mirliton.whapps.omnipresence.lamps import LASTING, Lamp, Lamps
from phone_book import ACCOUNT, REALM


@dataclass
class House:
    """omnipresence under its supervisor, a store with an account, and an edge that hears what proxies are told."""

    node: VirtualNode
    store: StoreClient
    edge: Probe
    channels: dict[str, Any]

    async def told(self) -> list[tuple[str, str | None]]:
        """What proxies were told since the last look: presence id and state."""
        await self.node.advance(1.0)
        heard = [each.message for each in self.edge.messages if isinstance(each, Publish)]
        self.edge.messages.clear()
        return [(each.presence_id, each.state) for each in heard if isinstance(each, DialogUpdate)]

    def says(self, state: Any, *watched: str, source: str = "s", call_id: str = "", lasting: bool = False) -> None:
        self.node.cast(OMNIPRESENCE, LampChanged(ACCOUNT, watched, source, state, call_id, lasting))

    def asks(self, user: str) -> None:
        self.node.send(OMNIPRESENCE, Received(Asked("dialog", REALM, user), Envelope()))

    async def dies(self) -> None:
        self.node.exit(self.node.whereis(OMNIPRESENCE), "kill")
        await self.node.advance(1.0)
        self.edge.messages.clear()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with virtual_node() as node:
        await node.drive(node.start(StoreServer, str(tmp_path / "store.db"), name=STORE))
        store = StoreClient(node)
        await node.drive(phone_book.write(store))
        edge = await Probe.start(node)
        channels: dict[str, Any] = {}
        await Probe.start(node, name=CHANNELS, answer=lambda request: QueryChannelsResp(dict(channels)))
        await node.start(Supervisor, app.tree(edge.pid))
        made = House(node, store, edge, channels)
        await made.told()
        yield made


async def test_a_lamp_is_told_once_and_goes_out(house: House) -> None:
    house.says("early", "*3101", f"*4101@{REALM}")
    house.says("early", "*3101")
    assert await house.told() == [(f"*3101@{REALM}", "early"), (f"*4101@{REALM}", "early")]
    house.says("terminated", "*3101")
    assert await house.told() == [(f"*3101@{REALM}", "terminated")]


async def test_nobody_lights_lamps_of_another_realm(house: House) -> None:
    house.says("confirmed", "boss@other.test", "not a presence id at all@")
    assert await house.told() == []


async def test_what_is_lit_is_told_again_until_its_call_is_gone(house: House) -> None:
    house.channels["leg"] = {}
    house.says("early", "*3101", call_id="leg")
    assert await house.told() == [(f"*3101@{REALM}", "early")]
    await house.node.advance(60.0)
    assert (f"*3101@{REALM}", "early") in await house.told()
    house.channels.clear()
    await house.node.advance(60.0)
    assert (f"*3101@{REALM}", "terminated") in await house.told()
    await house.node.advance(120.0)
    assert await house.told() == []


async def test_a_leg_that_ends_puts_out_what_hangs_on_it_at_once(house: House) -> None:
    house.says("early", "*3101", call_id="leg")
    house.says("early", "*3102", source="t", call_id="other leg")
    await house.told()
    house.node.send(OMNIPRESENCE, LegEvent("fs1", ChannelDestroyed("leg")))
    assert await house.told() == [(f"*3101@{REALM}", "terminated")]


async def test_a_phone_that_looks_later_sees_the_lamp(house: House) -> None:
    house.says("early", "*3101")
    await house.told()
    house.asks("*3101")
    assert await house.told() == [(f"*3101@{REALM}", "early")]
    house.asks("*3102")
    assert await house.told() == []


async def test_after_a_restart_the_documents_say_what_is_lit(house: House) -> None:
    await house.node.drive(manual_presence.keep(house.store, ACCOUNT, f"night@{REALM}", "confirmed", now=1.0))
    slot = {"Call-ID": "leg", "Presence-IDs": ["*3101"], "Presence-Type": "early"}
    doc = stamp({"_id": "parking-slot-101", "slot": slot}, type="parked_call", account_id=ACCOUNT)
    await house.node.drive(house.store.put(account_db(ACCOUNT), doc))
    house.channels["leg"] = {}
    await house.dies()
    house.asks("somebody")
    lit = {(f"night@{REALM}", "confirmed"), (f"*3101@{REALM}", "early")}
    assert set(await house.told()) == lit
    house.node.send(OMNIPRESENCE, BrokerUp("amqp://x"))
    assert set(await house.told()) == lit
    # The call has ended while nobody looked.
    house.channels.clear()
    await house.node.advance(60.0)
    assert (f"*3101@{REALM}", "terminated") in await house.told()


async def test_what_is_set_by_hand_is_good_for_days(house: House) -> None:
    house.says("confirmed", "night", lasting=True)
    await house.node.advance(1.0)
    [update] = [each.message for each in house.edge.messages]
    assert (update.expires, update.flush_level) == (LASTING, "1")
    await house.told()
    await house.node.advance(180.0)
    assert await house.told() == []


async def test_a_call_does_not_wipe_out_a_lamp_that_was_set_before_the_restart(house: House) -> None:
    await house.node.drive(manual_presence.keep(house.store, ACCOUNT, f"alice@{REALM}", "confirmed", now=1.0))
    channel_vars = {"Account-ID": ACCOUNT, "Authorizing-Type": "device", "Realm": REALM}
    told = {
        "call_direction": "inbound",
        "from_": f"alice@{REALM}",
        "to": f"1@{REALM}",
        "custom_channel_vars": channel_vars,
    }
    house.node.send(OMNIPRESENCE, LegEvent("fs1", ChannelAnswered("leg", **told)))
    assert await house.told() == [(f"alice@{REALM}", "confirmed")] * 2


async def test_a_reset_forgets_and_tells_what_is_left(house: House) -> None:
    channel_vars = {"Account-ID": ACCOUNT, "Authorizing-Type": "device", "Realm": REALM}
    told = {
        "call_direction": "inbound",
        "from_": f"alice@{REALM}",
        "to": f"1@{REALM}",
        "custom_channel_vars": channel_vars,
    }
    house.node.send(OMNIPRESENCE, LegEvent("fs1", ChannelAnswered("leg", **told)))
    house.says("early", "alice", "bob")
    await house.told()
    house.node.cast(OMNIPRESENCE, PresenceReset(ACCOUNT, "alice"))
    await house.node.advance(1.0)
    assert Reset(REALM, "alice") in [each.message for each in house.edge.messages]
    assert await house.told() == [(f"alice@{REALM}", "terminated"), (f"alice@{REALM}", "confirmed")]
    answer = await house.node.drive(house.node.call(OMNIPRESENCE, AskPresence(ACCOUNT)))
    assert {phone: [each["state"] for each in by] for phone, by in answer.lamps.items()} == {
        f"alice@{REALM}": ["confirmed"],
        f"bob@{REALM}": ["early"],
    }


async def test_of_an_account_that_is_not_there_nothing_is_known(house: House) -> None:
    for _ in range(2):
        assert await house.node.drive(house.node.call(OMNIPRESENCE, AskPresence("f" * 32))) == PresenceIs({})
    house.node.cast(OMNIPRESENCE, LampChanged("../x", ("1",), "s", "early"))
    assert await house.told() == []


WORDS = st.tuples(st.sampled_from("ab"), st.sampled_from("st"), st.sampled_from(["early", "confirmed", "terminated"]),
                  st.sampled_from(["", "x", "y"]))  # fmt: skip


@given(st.lists(st.one_of(WORDS, st.sampled_from("xy")), max_size=30))
def test_a_lamp_is_lit_exactly_while_a_source_says_so_and_its_leg_is_up(steps: Any) -> None:
    lamps, model = Lamps(), {}
    for step in steps:
        if isinstance(step, str):
            assert {(one.user, one.source) for one in lamps.ended(step)} == {
                k for k, v in model.items() if v[1] == step
            }
            model = {key: value for key, value in model.items() if value[1] != step}
        else:
            user, source, state, leg = step
            lamps.put(Lamp(user, REALM, source, state, leg))
            model.pop((user, source), None)
            if state != "terminated":
                model[user, source] = (state, leg)
        assert {(one.user, one.source): (one.state, one.call_id) for one in lamps.up()} == model
        assert lamps.legs() == {leg for _, leg in model.values() if leg}
        for user in "ab":
            assert {one.source for one in lamps.of(f"{user}@{REALM}")} == {s for u, s in model if u == user}


async def test_no_more_lamps_are_kept_than_an_account_may_have(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(manual_presence, "MOST", 2)
    async with opened(SqliteStore(str(tmp_path / "s.db"))) as store:
        await store.create_database(account_db(ACCOUNT))
        for user in ("a", "b", "a"):
            await manual_presence.keep(store, ACCOUNT, user, "early", now=1.0)
        with pytest.raises(manual_presence.TooManyLamps):
            await manual_presence.keep(store, ACCOUNT, "c", "early", now=1.0)
        await manual_presence.keep(store, ACCOUNT, "a", "terminated", now=1.0)
        await manual_presence.keep(store, ACCOUNT, "c", "confirmed", now=1.0)
        assert await manual_presence.read(store, ACCOUNT) == {"b": "early", "c": "confirmed"}
        await manual_presence.forget(store, ACCOUNT)
        assert await manual_presence.read(store, ACCOUNT) == {}
