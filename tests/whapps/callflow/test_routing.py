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
