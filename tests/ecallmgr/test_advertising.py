"""What proxies are told of the switches."""

import pytest

from mirliton.actors.edge import EDGE, BrokerUp
from mirliton.actors.switching import (
    DRAINS,
    SWITCH_NEWS,
    SwitchApi,
    SwitchDown,
    SwitchUnavailable,
    SwitchUp,
    switch_name,
)
from mirliton.ecallmgr.advertising import ADVERTISER, EVERY, EXPIRES, Advertiser
from mirliton.runtime.testing import Probe, virtual_node

STATUS = "=====\nName             \tsipinterface_1\nURL              \tsip:mod_sofia@10.0.0.{}:5060\nBIND-URL \tsip:x\n"


class House:
    async def start(self, node, *switches):
        self.node = node
        self.told = {}
        self.draining = set()
        self.edge = await Probe.start(node, name=EDGE)
        for number, name in enumerate(switches):
            self.told[name] = STATUS.format(number)
            await Probe.start(node, name=switch_name(name), answer=lambda request, name=name: self.says(name, request))
        await node.start(
            Advertiser, EDGE, (*switches, "away"), "sipinterface_1", "east", ("ecallmgr",), name=ADVERTISER
        )
        await node.idle()
        return self

    def says(self, name, request):
        if request.command == "global_getvar core_uuid":
            return f"run-{name}"
        if request.command == DRAINS:
            return "true" if name in self.draining else "false"
        assert request == SwitchApi("sofia status profile sipinterface_1", timeout=request.timeout)
        return self.told[name]

    def heartbeats(self):
        found, self.edge.messages[:] = list(self.edge.messages), []
        return [getattr(each, "request", each).message for each in found]

    async def news(self, news):
        for watcher in self.node.groups.members(SWITCH_NEWS):
            self.node.send(watcher, news)
        await self.node.idle()


@pytest.fixture
async def node():
    async with virtual_node() as made:
        yield made


async def test_the_switches_that_answer_are_told_with_address_and_run(node):
    house = await House().start(node, "fs1", "fs2@host")
    [heartbeat] = house.heartbeats()
    assert (heartbeat.zone, heartbeat.expires, set(heartbeat.whapps)) == ("east", EXPIRES, {"ecallmgr"})
    assert set(heartbeat.media_servers) == {"freeswitch@fs1", "fs2@host"}
    server = heartbeat.media_servers["freeswitch@fs1"]
    assert server["Interfaces"]["sipinterface_1"]["URL"] == "sip:mod_sofia@10.0.0.0:5060"
    assert server["Interfaces"]["sipinterface_1"]["info"] == {"url": "sip:mod_sofia@10.0.0.0:5060"}
    assert server["Instance-UUID"] == "run-fs1"


async def test_heartbeats_come_before_the_one_before_runs_out(node):
    house = await House().start(node, "fs1")
    house.heartbeats()
    await node.advance(EXPIRES)
    assert len(house.heartbeats()) == EXPIRES // EVERY >= 2


async def test_a_switch_that_is_lost_is_told_at_once_and_so_is_its_return(node):
    house = await House().start(node, "fs1", "fs2")
    house.heartbeats()
    house.told["fs1"] = SwitchUnavailable("fs1", "lost")
    await house.news(SwitchDown("fs1", "lost"))
    [heartbeat] = house.heartbeats()
    assert set(heartbeat.media_servers) == {"freeswitch@fs2"}
    house.told["fs1"] = STATUS.format(9)
    await house.news(SwitchUp("fs1", True, "run-fs1"))
    [heartbeat] = house.heartbeats()
    assert set(heartbeat.media_servers) == {"freeswitch@fs1", "freeswitch@fs2"}


async def test_a_switch_that_drains_is_told_no_more_until_it_takes_calls_again(node):
    house = await House().start(node, "fs1", "fs2")
    house.draining.add("fs2")
    house.heartbeats()
    await node.advance(EVERY)
    [heartbeat] = house.heartbeats()
    assert set(heartbeat.media_servers) == {"freeswitch@fs1"}
    house.draining.clear()
    await node.advance(EVERY)
    [heartbeat] = house.heartbeats()
    assert set(heartbeat.media_servers) == {"freeswitch@fs1", "freeswitch@fs2"}


async def test_a_broker_that_is_back_is_told_at_once(node):
    house = await House().start(node, "fs1")
    house.heartbeats()
    node.send(ADVERTISER, BrokerUp("b"))
    await node.idle()
    assert len(house.heartbeats()) == 1


@pytest.mark.parametrize(
    "told", ["", "-ERR no such profile", "URL  http://x", "URL  sip:x y", "URL\tsip:" + "x" * 500, "BIND-URL\tsip:a@b"]
)
async def test_a_switch_without_such_a_profile_is_not_told(node, told):
    house = await House().start(node, "fs1")
    house.heartbeats()
    house.told["fs1"] = told
    await node.advance(EVERY)
    [heartbeat] = house.heartbeats()
    assert heartbeat.media_servers == {}
