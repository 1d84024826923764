"""Where phones are registered, as the switches tell it."""

import json

import pytest

from mirliton.actors.kapi.registration import RegQuery
from mirliton.actors.switching import SwitchApi, SwitchDown, SwitchUnavailable, SwitchUp, switch_name
from mirliton.ecallmgr import registrations as module
from mirliton.ecallmgr.registrations import (
    DEFAULT_EXPIRES,
    EXPIRES_DEVIATION,
    MAX_TEXT,
    REGISTRAR,
    SWEEP_EVERY,
    Registrar,
    RegistrationEvent,
)
from mirliton.runtime.testing import Probe, virtual_node


class House:
    """The registrar and a switch whose own table is `rows` (or which answers `told`)."""

    def __init__(self, node):
        self.node = node
        self.rows = []
        self.told = None
        self.away = False

    async def start(self):
        self.switch = await Probe.start(self.node, name=switch_name("fs1"), answer=self._switch)
        await self.node.start(Registrar, ("fs1",), name=REGISTRAR)
        await self.node.idle()

    def _switch(self, request):
        assert request == SwitchApi("show registrations as json")
        if self.away:
            return SwitchUnavailable("fs1", "away")
        return self.told if self.told is not None else json.dumps({"row_count": len(self.rows), "rows": self.rows})

    async def tell(self, subclass, switch="fs1", **headers):
        event = RegistrationEvent(switch, f"sofia::{subclass}", {k.replace("_", "-"): v for k, v in headers.items()})
        self.node.send(REGISTRAR, event)
        await self.node.idle()

    async def up(self):
        """The switch is back."""
        self.node.send(REGISTRAR, SwitchUp("fs1", False, "run-1"))
        await self.node.idle()

    async def find(self, **query):
        return await self.node.drive(self.node.call(REGISTRAR, RegQuery(**query)))

    async def who(self):
        return {f"{row['username']}@{row['realm']}" for row in (await self.find()).fields}


@pytest.fixture
async def house():
    async with virtual_node() as node:
        made = House(node)
        await made.start()
        yield made


def phone(user="bob", realm="demo.test", **more):
    return {
        "from_user": user,
        "from_host": realm,
        "contact": f"<sip:{user}@10.0.0.9:5060>",
        "call_id": f"{user}-1",
        "expires": "600",
        "network_ip": "10.0.0.9",
        "network_port": "5060",
        "user_agent": "Phone/1",
        **more,
    }


def row(house, user="bob", realm="demo.test", *, left=600, **more):
    expires = str(int(house.node.clock.time()) + left)
    return {"reg_user": user, "realm": realm, "token": f"{user}-1", "url": f"sip:{user}@10.0.0.9", "expires": expires,
            "network_ip": "10.0.0.9", "network_port": "5060", **more}  # fmt: skip


# Phones come and go


async def test_a_phone_registers_and_is_found(house):
    await house.tell("register", **phone())
    answer = await house.find(realm="demo.test", username="bob")
    [found] = answer.fields
    assert answer.count == 1
    assert (found["username"], found["realm"], found["switch"]) == ("bob", "demo.test", "fs1")
    assert (found["contact"], found["call_id"], found["user_agent"]) == ("<sip:bob@10.0.0.9:5060>", "bob-1", "Phone/1")
    assert (found["source_ip"], found["source_port"], found["expires"]) == ("10.0.0.9", "5060", 600.0)
    assert found["event_timestamp"] == house.node.clock.time()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 3),
        ({"realm": "DEMO.test"}, 2),
        ({"username": "Bob"}, 2),
        ({"realm": "demo.test", "username": "bob"}, 1),
        ({"realm": "demo.test", "username": "nobody"}, 0),
        ({"realm": "nowhere"}, 0),
        ({"realm": "", "username": ""}, 0),
    ],
)
async def test_queries(house, query, found):
    for user, realm in (("bob", "demo.test"), ("eve", "demo.test"), ("Bob", "Other.test")):
        await house.tell("register", **phone(user, realm))
    answer = await house.find(**query)
    assert (len(answer.fields), answer.count) == (found, found)
    counted = await house.find(count_only=True, **query)
    assert (counted.fields, counted.count) == (None, found)


async def test_only_the_fields_that_are_asked_for(house):
    await house.tell("register", **phone())
    [found] = (await house.find(fields=("contact", "nonsense"), realm="demo.test")).fields
    assert found == {"contact": "<sip:bob@10.0.0.9:5060>"}


async def test_a_phone_unregisters(house):
    await house.tell("register", **phone())
    await house.tell("unregister", **phone())
    assert await house.who() == set()


async def test_a_registration_that_runs_out_on_the_switch(house):
    await house.tell("register", **phone())
    await house.tell("expire", user="bob", host="demo.test", call_id="bob-1")
    assert await house.who() == set()


async def test_another_phone_of_the_same_user_has_registered_since(house):
    await house.tell("register", **phone())
    await house.tell("register", **phone(call_id="bob-2"))
    await house.tell("unregister", **phone(call_id="bob-1"))
    assert await house.who() == {"bob@demo.test"}
    await house.tell("unregister", from_user="bob", from_host="demo.test")
    assert await house.who() == set(), "an end without a Call-ID is any registration's"


async def test_a_phone_that_says_nothing_more_is_forgotten(house):
    await house.tell("register", **phone(expires="60"))
    await house.node.advance(60 + EXPIRES_DEVIATION - 5)
    assert await house.who() == {"bob@demo.test"}
    await house.node.advance(5 + SWEEP_EVERY)
    assert await house.who() == set()


async def test_a_phone_that_registers_again_stays(house):
    for _ in range(10):
        await house.tell("register", **phone(expires="60"))
        await house.node.advance(60)
    assert await house.who() == {"bob@demo.test"}


@pytest.mark.parametrize("expires", ["", "-1", "soon", "1e9", "٣", "9" * 50])
async def test_an_expiry_that_is_none(house, expires):
    await house.tell("register", **phone(expires=expires))
    [found] = (await house.find(realm="demo.test")).fields
    assert found["expires"] == DEFAULT_EXPIRES


@pytest.mark.parametrize(
    "headers", [{}, {"from_user": "bob"}, {"from_host": "demo.test"}, {"from_user": "", "from_host": "x"}]
)
async def test_a_registration_of_nobody_is_ignored(house, headers):
    await house.tell("register", **headers)
    assert await house.who() == set()


async def test_other_news_is_ignored(house):
    await house.tell("gateway_state", **phone())
    house.node.send(REGISTRAR, "nonsense")
    house.node.send(REGISTRAR, SwitchDown("fs1", "lost"))
    assert await house.who() == set()


# Bounds


async def test_a_flood_takes_no_more_than_its_share(house, monkeypatch):
    monkeypatch.setattr(module, "MAX_REGISTRATIONS", 10)
    for n in range(50):
        await house.tell("register", **phone(f"user-{n}"))
    await house.tell("register", **phone("user-3", call_id="again"))
    assert (await house.find(count_only=True)).count == 10
    [again] = (await house.find(realm="demo.test", username="user-3")).fields
    assert again["call_id"] == "again", "who is there already may go on"


async def test_what_phones_say_is_kept_up_to_a_length(house):
    await house.tell("register", **phone(user_agent="x" * 100_000))
    [found] = (await house.find(realm="demo.test")).fields
    assert len(found["user_agent"]) == MAX_TEXT


# The switch's own table


async def test_after_a_start_the_switchs_table_is_read():
    async with virtual_node() as node:
        house = House(node)
        house.rows = [row(house), row(house, "Eve", left=60)]
        await house.start()
        assert await house.who() == {"bob@demo.test", "eve@demo.test"}
        [bob] = (await house.find(realm="demo.test", username="bob")).fields
        assert (bob["contact"], bob["expires"], bob["call_id"]) == ("sip:bob@10.0.0.9", 600.0, "bob-1")
        await node.advance(60 + EXPIRES_DEVIATION + SWEEP_EVERY)
        assert await house.who() == {"bob@demo.test"}


async def test_a_switch_that_comes_back_is_read_again(house):
    await house.tell("register", **phone("gone"))
    await house.tell("register", switch="fs2", **phone("elsewhere"))
    await house.node.advance(1)
    house.rows = [row(house)]
    await house.up()
    assert await house.who() == {"bob@demo.test", "elsewhere@demo.test"}


async def test_what_registers_while_the_table_is_read_is_not_lost(house):
    house.switch.answer = None
    await house.up()
    await house.tell("register", **phone())
    house.switch.reply('{"row_count": 0}')
    assert await house.who() == {"bob@demo.test"}


async def test_a_switch_that_is_away_loses_nobody(house):
    await house.tell("register", **phone())
    house.away = True
    await house.up()
    assert await house.who() == {"bob@demo.test"}


@pytest.mark.parametrize("told", ["", "-ERR", "[]", "null", '"x"', '{"rows": 7}', '{"rows": {}}'])
async def test_an_answer_that_is_none_loses_nobody(house, told):
    await house.tell("register", **phone())
    await house.node.advance(1)
    house.told = told
    await house.up()
    assert await house.who() == {"bob@demo.test"}


async def test_an_empty_table_is_an_answer(house):
    await house.tell("register", **phone())
    await house.node.advance(1)
    house.told = '{"row_count": 0}'
    await house.up()
    assert await house.who() == set()


@pytest.mark.parametrize(
    "broken", [None, 7, "x", [], {}, {"reg_user": "x"}, {"reg_user": ["x"], "realm": "y", "expires": {}}]
)
async def test_a_row_that_is_none_harms_no_other(house, broken):
    house.rows = [broken, row(house)]
    await house.up()
    assert "bob@demo.test" in await house.who()
