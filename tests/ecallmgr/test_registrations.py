"""Where phones are registered, as the switches tell it."""

import json

import pytest

from mirliton.actors import kapi
from mirliton.actors.edge import EDGE, Edge, Interest, MemoryBroker, Outgoing
from mirliton.actors.kapi.bodies import packed
from mirliton.actors.kapi.registration import RegFlush, RegQuery, RegSuccess
from mirliton.actors.switching import SwitchApi, SwitchDown, SwitchUnavailable, SwitchUp, switch_name
from mirliton.ecallmgr import registrations as module
from mirliton.ecallmgr.registration_rows import by_proxy
from mirliton.ecallmgr.registration_table import MAX_CONTACTS
from mirliton.ecallmgr.registrations import (
    DEFAULT_EXPIRES,
    EXPIRES_DEVIATION,
    MAX_TEXT,
    REGISTRAR,
    SWEEP_EVERY,
    Flushed,
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


# Proxies


class Proxied:
    """A registrar with an edge on a broker in memory, and what a proxy on it hears."""

    async def start(self, node):
        self.node, self.broker, self.heard = node, MemoryBroker(), []
        self.switch = await Probe.start(node, name=switch_name("fs1"), answer=lambda request: json.dumps({"rows": []}))
        await node.start(Registrar, ("fs1",), EDGE, name=REGISTRAR)
        interest = Interest({"registration": "always"})
        listeners = {RegSuccess: REGISTRAR, RegQuery: REGISTRAR, RegFlush: REGISTRAR}
        await node.start(Edge, [self.broker.link], "test", listeners, interest, tell=(REGISTRAR,), name=EDGE)
        self.broker.consume("proxy", lambda incoming: self.heard.append(json.loads(incoming.body)))
        for key in ("registration.sync", "registration.flush.*"):
            self.broker.bind("proxy", "registrar", key)
        await node.idle()
        return self

    async def says(self, message, key="registration.success.x.y", exchange="registrar", **fields):
        envelope = kapi.Envelope(app_name="kamailio", node="kamailio@kam1", server_id="proxy", **fields)
        self.broker.publish(Outgoing(exchange, key, packed(kapi.to_headers(message, envelope))))
        await self.node.idle()

    async def reports(self, user="bob", contact="<sip:bob@10.0.0.9>", expires=300.0, at=0, status="Registered", **more):
        stamp = int(self.node.clock.time()) + at
        await self.says(RegSuccess(user, "Acme.test", contact, expires, stamp, status=status, **more))

    async def contacts(self, **query):
        answer = await self.node.drive(self.node.call(REGISTRAR, RegQuery(**query)))
        return [row["contact"] for row in answer.fields]


@pytest.fixture
async def proxied():
    async with virtual_node() as node:
        yield await Proxied().start(node)


async def test_a_proxy_tells_of_phones(proxied):
    vars = {"Account-ID": "a1", "Authorizing-ID": "d1", "Owner-ID": "u1", "Other": {"x": 1}}
    await proxied.reports("Bob", custom_channel_vars=vars, proxy_path="sip:10.0.0.1:5060", user_agent="Phone/1")
    answer = await proxied.node.drive(proxied.node.call(REGISTRAR, RegQuery("acme.test", "bob")))
    [row] = answer.fields
    assert (row["username"], row["realm"], row["expires"]) == ("bob", "acme.test", 300.0)
    assert (row["account_id"], row["authorizing_id"], row["owner_id"]) == ("a1", "d1", "u1")
    assert (row["proxy"], row["proxy_path"], row["switch"]) == ("kamailio@kam1", "sip:10.0.0.1:5060", "")


async def test_each_contact_of_a_user_is_a_phone_of_its_own(proxied):
    for host in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        await proxied.reports(contact=f"<sip:bob@{host}>;expires=300")
    await proxied.reports(contact="sip:bob@10.0.0.2", expires=0.0, status="Unregistered")
    assert await proxied.contacts(realm="acme.test") == [
        "<sip:bob@10.0.0.1>;expires=300", "<sip:bob@10.0.0.3>;expires=300"
    ]  # fmt: skip
    await proxied.reports(contact="*", expires=0.0, status="Unregistered")
    assert await proxied.contacts() == []


async def test_a_user_has_so_many_phones_and_no_more(proxied):
    for number in range(100):
        await proxied.reports(contact=f"sip:bob@10.0.0.{number}")
    assert len(await proxied.contacts()) == MAX_CONTACTS


async def test_an_end_that_comes_late_ends_nothing_newer(proxied):
    await proxied.reports(at=10)
    await proxied.reports(at=5, expires=0.0, status="Unregistered")
    assert await proxied.contacts() == ["<sip:bob@10.0.0.9>"]
    await proxied.reports(at=10, expires=0.0, status="Unregistered")
    assert await proxied.contacts() == []


async def test_a_proxy_whose_clock_is_years_ahead_can_still_end_what_it_began(proxied):
    await proxied.reports(at=10**9)
    await proxied.reports(at=10**8, expires=0.0, status="Unregistered")
    assert await proxied.contacts() == []


async def test_no_phone_is_registered_for_ever(proxied):
    await proxied.reports(expires=1e12)
    await proxied.node.advance(7 * 86_400 + EXPIRES_DEVIATION + SWEEP_EVERY)
    assert await proxied.contacts() == []


async def test_at_each_start_of_ours_or_of_the_broker_proxies_are_asked_what_they_hold(proxied):
    asked = [each for each in proxied.heard if each["Event-Name"] == "reg_sync"]
    assert not asked, "the proxy was not there yet"
    proxied.broker.stop()
    proxied.broker.start()
    proxied.broker.consume("proxy", lambda incoming: proxied.heard.append(json.loads(incoming.body)))
    proxied.broker.bind("proxy", "registrar", "registration.sync")
    pid = proxied.node.whereis(REGISTRAR)
    proxied.node.exit(pid, "kill")
    await proxied.node.idle()
    await proxied.node.start(Registrar, (), EDGE, name=REGISTRAR)
    await proxied.node.idle()
    told = proxied.heard[-1]
    assert told["Event-Name"] == "reg_sync"
    report = RegSuccess("bob", "acme.test", "sip:bob@h", 200.0, 1, status="Success")
    await proxied.says(report, told["Server-ID"], "targeted")
    assert await proxied.contacts() == ["sip:bob@h"]


async def test_others_are_answered_in_kazoos_words(proxied):
    await proxied.reports(call_id="c1")
    await proxied.says(RegQuery("acme.test", "bob", fields=("Contact", "Call-ID")), "registration.query.x.y")
    assert proxied.heard[-1]["Fields"] == [{"Contact": "<sip:bob@10.0.0.9>", "Call-ID": "c1"}]
    await proxied.says(RegQuery("acme.test", count_only=True), "registration.query.x.y")
    assert proxied.heard[-1]["Count"] == "1"
    await proxied.says(RegQuery("nowhere.test"), "registration.query.x.y")
    assert proxied.heard[-1]["Event-Name"] == "reg_query_error"


async def test_a_flush_is_told_to_proxies_and_switches(proxied):
    await proxied.reports()
    event = RegistrationEvent("fs1", "sofia::register", {"from-user": "eve", "from-host": "acme.test"})
    proxied.node.send(REGISTRAR, event)
    await proxied.node.idle()
    assert await proxied.node.drive(proxied.node.call(REGISTRAR, RegFlush("acme.test"))) == Flushed(2)
    assert await proxied.contacts() == []
    told = proxied.heard[-1]
    assert (told["Event-Name"], told["Realm"]) == ("reg_flush", "acme.test")
    assert proxied.switch.messages[-1] == SwitchApi("sofia profile sipinterface_1 flush_inbound_reg eve@acme.test")


async def test_a_name_that_is_a_command_is_not_given_to_a_switch(proxied):
    event = RegistrationEvent("fs1", "sofia::register", {"from-user": "x reboot", "from-host": "acme.test"})
    proxied.node.send(REGISTRAR, event)
    await proxied.node.idle()
    before = len(proxied.switch.messages)
    assert await proxied.node.drive(proxied.node.call(REGISTRAR, RegFlush("acme.test"))) == Flushed(1)
    assert len(proxied.switch.messages) == before


async def test_a_flush_of_passwords_alone_ends_no_registration(proxied):
    await proxied.reports()
    flush = RegFlush("acme.test", "bob", cache_only=True)
    assert await proxied.node.drive(proxied.node.call(REGISTRAR, flush)) == Flushed(0)
    assert proxied.heard[-1]["Cache-Only"] == "true"
    assert await proxied.contacts() == ["<sip:bob@10.0.0.9>"]


def test_a_switch_reaches_a_phone_by_the_proxies_that_hold_it():
    paths = ("sip:10.0.0.1:5060;transport=udp", "sip:10.0.0.1:5060", "sip:proxy.test", "", "sip:x,loopback/app=system")
    found = [{"proxy_path": path} for path in paths] + [{}]
    assert by_proxy("bob@acme.test", "sipinterface_1", found).split(",") == [
        "sofia/sipinterface_1/sip:bob@acme.test;fs_path=sip:10.0.0.1:5060",
        "sofia/sipinterface_1/sip:bob@acme.test;fs_path=sip:proxy.test",
        "sofia/sipinterface_1/sip:bob@acme.test;fs_path=sip:x",
    ]
    assert by_proxy("bob@acme.test", "sipinterface_1", []) == ""
