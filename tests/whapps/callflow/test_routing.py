"""Which callflow a call takes, and whose call it is."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.route import RouteReq
from mirliton.actors.store import SqliteStore, opened
from mirliton.actors.store.documents import stamp
from mirliton.actors.store.names import account_db
from mirliton.whapps.callflow.routing import Decision, Refusal, decide

ACCOUNT, REALM = "0123456789abcdef0123456789abcdef", "acme.example"
DB = account_db(ACCOUNT)


@pytest.fixture
async def store(tmp_path: Any) -> Any:
    """An account with a phone (user `ada`), a number of the outside world, and some callflows."""
    async with opened(SqliteStore(str(tmp_path / "store.db"))) as store:

        async def put(db: str, kind: str, doc: Any) -> None:
            await store.create_database(db)
            await store.put(db, stamp(doc, type=kind, account_id=ACCOUNT))

        account = {"_id": ACCOUNT, "name": "acme", "realm": REALM}
        await put("accounts", "account", account)
        await put(DB, "account", account)
        await put(DB, "device", {"_id": "d1", "name": "p", "owner_id": "u1", "sip": {"username": "Ada"}})
        await put(DB, "device", {"_id": "d2", "name": "p", "enabled": False, "sip": {"username": "bob"}})
        number = {"_id": "+14155550100", "pvt_assigned_to": ACCOUNT, "pvt_state": "in_service"}
        await put("numbers/+1415", "number", number)
        await put("numbers/+1415", "number", {**number, "_id": "+14155550101", "pvt_state": "reserved"})
        flow = {"module": "hangup"}
        await put(DB, "callflow", {"_id": "exact", "numbers": ["2000", "+14155550100"], "flow": flow})
        await put(DB, "callflow", {"_id": "short", "patterns": [r"^\*9([0-9]+)1$"], "flow": flow})
        await put(DB, "callflow", {"_id": "long", "patterns": [r"^\*9([0-9]+)$", "(", r"^(\d+)*$"], "flow": flow})
        await put(DB, "callflow", {"_id": "deleted", "numbers": ["3000"], "flow": flow, "pvt_deleted": True})
        await put(DB, "callflow", {"_id": "odd", "numbers": "2001", "patterns": {"a": 1}, "flow": 5})
        store.put_as = put
        yield store


def _request(number: str | None, sender: str = f"ada@{REALM}", **more: Any) -> RouteReq:
    fields: dict[str, Any] = {
        "call_id": "c1",
        "from_": sender,
        "to": f"{number}@{REALM}",
        "request": f"{number}@{REALM}",
        "destination_number": number,
        **more,
    }
    return RouteReq(**fields)


async def test_an_exact_number_wins(store: Any) -> None:
    decision = await decide(store, _request("2000"))
    assert isinstance(decision, Decision)
    assert decision.flow_id == "exact"
    ccvs = decision.custom_channel_vars
    assert (ccvs["Account-ID"], ccvs["Authorizing-ID"], ccvs["Owner-ID"]) == (ACCOUNT, "d1", "u1")
    assert "Inception" not in ccvs


async def test_of_patterns_the_longest_capture_wins(store: Any) -> None:
    decision = await decide(store, _request("*91231"))
    assert isinstance(decision, Decision)
    assert (decision.flow_id, decision.custom_channel_vars["Capture-Group"]) == ("long", "1231")


async def test_a_number_of_the_outside_world_is_its_accounts(store: Any) -> None:
    decision = await decide(store, _request("+14155550100", sender="someone@carrier.example"))
    assert isinstance(decision, Decision)
    assert decision.flow_id == "exact"
    assert "Authorizing-ID" not in decision.custom_channel_vars
    assert decision.custom_channel_vars["Inception"]


async def test_no_match_is_for_the_accounts_own_phones(store: Any) -> None:
    assert await decide(store, _request("5551234")) == Refusal(404, "no callflow")
    await store.put_as(DB, "callflow", {"_id": "else", "numbers": ["no_match"], "flow": {"module": "hangup"}})
    decision = await decide(store, _request("5551234"))
    assert isinstance(decision, Decision)
    assert decision.flow_id == "else"
    assert isinstance(await decide(store, _request("ghost")), Refusal)
    outside = _request("+14155550100", sender="x@carrier.example")
    assert isinstance(await decide(store, outside), Decision)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (_request("2000", sender="mallory@acme.example"), 404),
        (_request("2000", sender="bob@acme.example"), 404),
        (_request("2000", sender="ada@elsewhere.example"), 404),
        (_request("2000", sender=""), 404),
        (_request("+14155550101", sender="x@carrier.example"), 404),
        (_request("3000"), 404),
        (_request("2001"), 404),
        (_request(None), 404),
        (_request(""), 404),
        (_request("2000\r\nX-Evil: 1"), 404),
        (_request("${system(rm)}"), 404),
        (_request("9" * 5000), 404),
        (_request("☎"), 404),
    ],
    ids=lambda value: str(getattr(value, "destination_number", value))[:24],
)
async def test_nobody_takes_it(store: Any, request_: RouteReq, code: int) -> None:
    decision = await decide(store, request_)
    assert isinstance(decision, Refusal)
    assert decision.code == code


async def test_a_disabled_account_takes_no_calls(store: Any) -> None:
    account = await store.get(DB, ACCOUNT)
    await store.put(DB, {**account, "enabled": False})
    assert await decide(store, _request("2000")) == Refusal(403, "account disabled")


async def test_all_legs_of_one_call_have_one_interaction(store: Any) -> None:
    first, again = [await decide(store, _request("2000")) for _ in range(2)]
    assert isinstance(first, Decision)
    assert isinstance(again, Decision)
    key = "Call-Interaction-ID"
    assert first.custom_channel_vars[key] == again.custom_channel_vars[key]
    known = await decide(store, _request("2000", custom_channel_vars={"Account-ID": ACCOUNT, key: "known"}))
    assert isinstance(known, Decision)
    assert known.custom_channel_vars[key] == "known"


class TestWhoMayCallWhat:
    @staticmethod
    async def _world(store: Any, **fields: Any) -> None:
        """Whatever is dialled finds a callflow; `fields` go into the documents of these ids."""
        await store.put_as(DB, "callflow", {"_id": "out", "numbers": ["no_match"], "flow": {"module": "offnet"}})
        await store.put_as(
            DB, "callflow", {"_id": "to-u2", "numbers": ["2002"], "flow": {"module": "user", "data": {"id": "u2"}}}
        )
        for user in ("u1", "u2"):
            await store.put_as(DB, "user", {"_id": user, "first_name": user})
        for doc_id, more in fields.items():
            doc = await store.get(DB, ACCOUNT if doc_id == "account" else doc_id)
            await store.put(DB, {**doc, **more})

    @staticmethod
    def _deny(kind: str = "did_us") -> Any:
        return {"call_restriction": {kind: {"action": "deny"}, "international": {"action": "inherit"}}}

    @pytest.mark.parametrize("whose", ["account", "d1", "u1"])
    async def test_the_account_the_device_and_the_user_may_deny_a_kind_of_number(self, store: Any, whose: str) -> None:
        await self._world(store, **{whose: self._deny()})
        assert await self._flow(store, "4155559999") == "mirliton:restricted"
        assert await self._flow(store, "+442079460000") == "out"
        assert await self._flow(store, "2000") == "exact"

    async def test_a_group_may_too(self, store: Any) -> None:
        await self._world(store)
        await store.put_as(DB, "group", {"_id": "g", "endpoints": {"u1": {"type": "user"}}, **self._deny()})
        assert await self._flow(store, "14155559999") == "mirliton:restricted"

    @pytest.mark.parametrize("kind", ["emergency", "unknown"])
    async def test_help_can_always_be_called(self, store: Any, kind: str) -> None:
        await self._world(store, account=self._deny(kind))
        assert await self._flow(store, "911") == "out"

    async def test_a_dial_plan_is_no_way_round(self, store: Any) -> None:
        await self._world(store, account=self._deny(), d1={"dial_plan": {r"^9(\d+)$": {"prefix": "+"}}})
        assert await self._flow(store, "914155559999") == "mirliton:restricted"

    async def test_callers_from_outside_are_not_restricted(self, store: Any) -> None:
        await self._world(store, account=self._deny())
        assert await self._flow(store, "+14155550100", "x@elsewhere") == "exact"

    async def test_in_closed_groups_only_members_are_reached(self, store: Any) -> None:
        await self._world(store, u1=self._deny("closed_groups"))
        await store.put_as(DB, "group", {"_id": "g1", "endpoints": {"d1": {"type": "device"}}})
        assert await self._flow(store, "2002") == "mirliton:restricted"
        assert await self._flow(store, "2000") == "exact"
        await store.put_as(DB, "group", {"_id": "g2", "endpoints": {"u2": {}, "u1": {}}})
        assert await self._flow(store, "2002") == "to-u2"

    @staticmethod
    async def _flow(store: Any, number: str, sender: str = f"ada@{REALM}") -> str:
        decision = await decide(store, _request(number, sender))
        assert isinstance(decision, Decision)
        assert decision.custom_channel_vars["CallFlow-ID"] == decision.flow_id
        return decision.flow_id


async def test_a_carrier_may_write_a_number_otherwise(store: Any) -> None:
    decision = await decide(store, _request("4155550100", "x@carrier"))
    assert isinstance(decision, Decision)
    assert decision.flow_id == "exact"


async def test_an_accounts_preflow_comes_first(store: Any) -> None:
    account = await store.get(DB, ACCOUNT)
    await store.put(DB, {**account, "preflow": {"always": "pre"}})
    decision = await decide(store, _request("2000"))
    assert isinstance(decision, Decision)
    assert (decision.custom_channel_vars["Preflow-ID"], decision.custom_channel_vars["CallFlow-ID"]) == ("pre", "exact")


async def test_a_forwarded_call_is_from_whom_it_was_forwarded_by(store: Any) -> None:
    await store.put_as(DB, "user", {"_id": "u9", "first_name": "f"})
    for doc_id, kind, owner in (("d1", "device", "u1"), ("u9", "user", "u9")):
        known = {"Account-ID": ACCOUNT, "Authorizing-ID": doc_id, "Inception": "+1415@carrier"}
        decision = await decide(store, _request("2000", "anybody@nowhere", custom_channel_vars=known))
        assert isinstance(decision, Decision)
        found = decision.custom_channel_vars
        assert (found["Authorizing-ID"], found["Authorizing-Type"], found["Owner-ID"]) == (doc_id, kind, owner)
        assert found["Inception"] == "+1415@carrier"


async def test_whom_a_proxy_has_let_in_is_known_by_its_token(store: Any) -> None:
    token = {"X-AUTH-Token": f"d1@{ACCOUNT}"}
    decision = await decide(store, _request("2000", "anonymous@192.0.2.7", custom_sip_headers=token))
    assert isinstance(decision, Decision)
    ccvs = decision.custom_channel_vars
    assert (ccvs["Account-ID"], ccvs["Authorizing-ID"], ccvs["Owner-ID"]) == (ACCOUNT, "d1", "u1")
    assert (ccvs["Account-Realm"], ccvs["Realm"]) == (REALM, REALM)
    assert "Inception" not in ccvs


@pytest.mark.parametrize(
    "token",
    [
        "",
        "d1",
        f"d2@{ACCOUNT}",
        f"nobody@{ACCOUNT}",
        f"exact@{ACCOUNT}",
        f"d1@{'f' * 32}",
        f"../d1@{ACCOUNT}",
        "d1@x",
        7,
    ],
    ids=str,
)
async def test_a_token_of_nobody_makes_nobody_of_a_caller(store: Any, token: Any) -> None:
    asked = _request("2000", "x@192.0.2.7", custom_sip_headers={"X-AUTH-Token": token})
    assert isinstance(await decide(store, asked), Refusal)


async def test_a_callers_presence_id_is_its_phones_or_its_owners(store: Any) -> None:
    await store.put_as(DB, "user", {"_id": "u1", "presence_id": "1001"})
    decision = await decide(store, _request("2000"))
    assert isinstance(decision, Decision)
    assert decision.custom_channel_vars["Presence-ID"] == f"1001@{REALM}"
    await store.put_as(
        DB, "device", {"_id": "d3", "owner_id": "u1", "presence_id": "desk@x.test", "sip": {"username": "c"}}
    )
    decision = await decide(store, _request("2000", f"c@{REALM}"))
    assert isinstance(decision, Decision)
    assert decision.custom_channel_vars["Presence-ID"] == "desk@x.test"
