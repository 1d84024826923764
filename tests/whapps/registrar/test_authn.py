"""Who may know which password: the registrar, on a broker in memory and a real store."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import phone_book
from eventually import until
from mirliton.actors import kapi
from mirliton.actors.edge import EDGE, Edge, MemoryBroker, Outgoing
from mirliton.actors.edge.link import Incoming
from mirliton.actors.kapi.authn import AuthnReq
from mirliton.actors.kapi.bodies import packed
from mirliton.actors.kapi.registration import RegFlush
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.runtime import Node
from mirliton.supervisors import Supervisor
from mirliton.whapps.registrar import app
from mirliton.whapps.registrar.listener import AUTHN, NOT_BEFORE, Listener
from phone_book import A1, ACCOUNT, REALM

GENERATIONS = [("callmgr", "authn.req.{}"), ("registrar", "authn.endpoint.req.{}")]


class House:
    """A node with a store, a registrar and an edge; and a proxy, to which answers come."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.store = StoreClient(node)
        self.broker = MemoryBroker()
        self.answers: asyncio.Queue[tuple[dict[str, Any], float]] = asyncio.Queue()

    async def start(self, folder: Path) -> None:
        await self.node.start(StoreServer, str(folder / "store.db"), name=STORE)
        await phone_book.write(self.store)
        await self.node.start(Supervisor, app.tree(EDGE))
        await self.node.start(Edge, [self.broker.link], "test", {RegFlush: AUTHN}, shared={AuthnReq: AUTHN}, name=EDGE)
        self.broker.consume("proxy", self._took)

    def _took(self, incoming: Incoming) -> None:
        self.answers.put_nowait((json.loads(incoming.body), self.node.clock.now()))

    def says(self, message: object, exchange: str, key: str) -> str:
        envelope = kapi.Envelope(app_name="kamailio", node="kamailio@kam1", server_id="proxy")
        self.broker.publish(Outgoing(exchange, key, packed(kapi.to_headers(message, envelope))))
        return envelope.msg_id

    def asks(self, username: str, realm: str = REALM, generation: int = 1, **fields: Any) -> str:
        exchange, key = GENERATIONS[generation]
        who = f"{username}@{realm}"
        given = {"method": "REGISTER", "orig_ip": "127.0.0.1", "auth_nonce": "n0nce", **fields}
        request = AuthnReq(realm, username, from_=who, to=who, **given)
        return self.says(request, exchange, key.format(realm.replace(".", "%2E")))

    async def hears(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            return (await self.answers.get())[0]

    async def asked(self, username: str, realm: str = REALM, **fields: Any) -> dict[str, Any]:
        msg_id = self.asks(username, realm, **fields)
        answer = await self.hears()
        assert answer["Msg-ID"] == msg_id
        return answer

    @property
    def registrar(self) -> Listener:
        cell = self.node.find(AUTHN)
        assert cell is not None
        assert isinstance(cell.actor, Listener)
        return cell.actor


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with Node("registrar@test") as node:
        made = House(node)
        await made.start(tmp_path)
        yield made


@pytest.mark.parametrize("generation", [0, 1])
async def test_proxies_of_both_generations_learn_a_phones_password(house: House, generation: int) -> None:
    answer = await house.asked("alice", generation=generation)
    assert (answer["Event-Category"], answer["Event-Name"]) == ("directory", "authn_resp")
    assert (answer["Auth-Method"], answer["Auth-Password"]) == ("password", "alice-secret")
    assert answer["Auth-Nonce"] == "n0nce"
    assert "Defer-Response" not in answer
    assert answer["Custom-SIP-Headers"] == {"X-Desk": "12"}
    assert answer["Custom-Channel-Vars"] == {
        "Account-ID": ACCOUNT,
        "Account-Name": "acme",
        "Account-Realm": REALM,
        "Authorizing-ID": "device-alice",
        "Authorizing-Type": "device",
        "Owner-ID": "user-ann",
        "Presence-ID": f"1001@{REALM}",
        "Realm": REALM,
        "Username": "alice",
    }


async def test_what_the_device_wants_of_its_registrations_is_told(house: House) -> None:
    told = {name: await house.asked(name) for name in ("alice", "bob")}
    assert told["alice"]["Register-Overwrite-Notify"] == "false"
    assert told["bob"]["Register-Overwrite-Notify"] == "true"


@pytest.mark.parametrize(("username", "realm"), [("carol", REALM), ("CAROL", "ACME.test")])
async def test_usernames_and_realms_are_the_same_in_capitals(house: House, username: str, realm: str) -> None:
    answer = await house.asked(username, realm)
    assert answer["Auth-Password"] == "Carol-secret"
    assert answer["Custom-Channel-Vars"]["Username"] == "Carol"


async def test_a_device_without_a_password_is_let_in_from_its_address_only(house: House) -> None:
    answer = await house.asked("fax")
    assert (answer["Auth-Method"], answer["Trusted-Auth"]) == ("ip", "true")
    assert (await house.asked("fax", orig_ip="127.0.0.2"))["Event-Name"] == "authn_err"
    assert (await house.asked("fax", orig_ip=None))["Event-Name"] == "authn_err"


async def test_a_hash_may_stand_for_the_password(house: House) -> None:
    answer = await house.asked("gate")
    assert (answer["Auth-Method"], answer["Auth-Password"]) == ("a1-hash", A1)


NOBODY = [
    ("mallory", REALM, "unknown user"),
    ("alice", "nowhere.test", "unknown realm"),
    ("alice", "192.0.2.7", "a realm that is an address"),
    ("dora", REALM, "disabled device"),
    ("erik", REALM, "disabled owner"),
    ("alice", "off.test", "disabled account"),
    ("hugo", REALM, "no password"),
    ("iris", REALM, "unknown method"),
    ("twin", REALM, "two of one name"),
    ("a" * 300, REALM, "a name that is too long"),
    ("ali\x00ce", REALM, "a name with a control character"),
    ("alice", "../accounts", "a realm that looks like a path"),
]


@pytest.mark.parametrize(("username", "realm", "why"), NOBODY, ids=[why for *_, why in NOBODY])
async def test_nobody_learns_why_there_is_nobody(house: House, username: str, realm: str, why: str) -> None:
    answer = await house.asked(username, realm)
    own = {"App-Name", "App-Version", "Msg-ID", "Node"}
    assert {name: value for name, value in answer.items() if name not in own} == {
        "Event-Category": "directory",
        "Event-Name": "authn_err",
        "Defer-Response": "true",
    }


async def test_no_answer_comes_before_stock_kamailio_can_take_it(house: House) -> None:
    for name in ("alice", "mallory", "mallory"):
        asked = house.node.clock.now()
        house.asks(name)
        _, heard = await house.answers.get()
        assert heard - asked >= NOT_BEFORE > 0.002


async def test_a_device_that_is_disabled_is_refused_at_once(house: House) -> None:
    assert (await house.asked("bob"))["Event-Name"] == "authn_resp"
    await phone_book.change(house.store, "bob", enabled=False)
    assert (await house.asked("bob"))["Event-Name"] == "authn_err"


async def test_a_flush_lets_in_who_was_not_there_a_moment_ago(house: House) -> None:
    assert (await house.asked("dora"))["Event-Name"] == "authn_err"
    assert len(house.registrar.nobodies)
    house.says(RegFlush(REALM, "Dora"), "registrar", "registration.flush.acme%2Etest")
    await until(lambda: not len(house.registrar.nobodies))
    assert (await house.asked("dora"))["Event-Name"] == "authn_err"


async def test_who_was_not_there_a_moment_ago_is_let_in_when_his_document_changes(house: House) -> None:
    assert (await house.asked("dora"))["Event-Name"] == "authn_err"
    await phone_book.change(house.store, "dora", enabled=True)
    assert (await house.asked("dora"))["Event-Name"] == "authn_resp"


async def test_the_registrar_answers_again_after_a_kill(house: House) -> None:
    pid = house.node.whereis(AUTHN)
    assert pid is not None
    house.node.exit(pid, "kill")
    await house.node.wait_exit(pid)
    await until(lambda: house.node.whereis(AUTHN))
    assert (await house.asked("alice"))["Auth-Password"] == "alice-secret"


async def test_while_the_store_is_away_nobody_is_told_that_a_phone_is_unknown(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirliton.actors.store.client.ATTEMPTS", 1)
    pid = house.node.whereis(STORE)
    assert pid is not None
    house.node.exit(pid, "kill")
    await house.node.wait_exit(pid)
    house.asks("alice")
    await until(lambda: house.registrar.outcomes["failed"] == 1)
    assert house.answers.empty()


async def test_a_flood_of_invented_realms_holds_up_nobody_who_is_known(house: House) -> None:
    assert (await house.asked("alice"))["Event-Name"] == "authn_resp"
    for number in range(3_000):
        house.asks("alice", f"realm{number}.test")
    msg_id = house.asks("bob")
    refused = 0
    while True:
        answer = await house.hears()
        if answer["Msg-ID"] == msg_id:
            break
        refused += 1
    assert answer["Event-Name"] == "authn_resp"
    assert refused < 1_000, "who is known does not wait behind the flood"
    outcomes = house.registrar.outcomes
    await until(lambda: sum(outcomes.values()) == 3_002)
    assert outcomes["shed"] > 1_000
    assert len(house.registrar.nobodies) <= house.registrar.nobodies.limit


async def test_a_flood_of_one_realm_is_looked_up_once(house: House) -> None:
    await house.asked("alice", "nowhere.test")
    asked = house.node.clock.now()
    for _ in range(400):
        house.asks("alice", "nowhere.test")
    for _ in range(400):
        assert (await house.hears())["Event-Name"] == "authn_err"
    assert house.node.clock.now() - asked < 5.0
