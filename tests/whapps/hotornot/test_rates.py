"""Which rate a call has, and how it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.actors.kapi import Envelope, to_headers
from mirliton.actors.kapi.rate import Req, Resp
from mirliton.actors.money import Rate, rate_of_vars
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import stamp
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.runtime import Node
from mirliton.supervisors import Supervisor, Tree, supervisor, worker
from mirliton.whapps.hotornot import app
from mirliton.whapps.hotornot.listener import HOTORNOT
from mirliton.whapps.hotornot.rates import Defaults, choose, prefixes

US: dict[str, Any] = {"_id": "us", "prefix": 1, "rate_cost": 0.02, "weight": 10}


def chosen(
    *docs: dict[str, Any], to: str = "+14155550100", defaults: Defaults | None = None, **asked: Any
) -> str | None:
    found = choose(docs, Req(to_did=to, **asked), defaults or Defaults())
    return str(found.doc["_id"]) if found is not None else None


def test_the_longest_prefix_wins_whatever_it_costs() -> None:
    california = US | {"_id": "ca", "prefix": "1415", "rate_cost": 9.0, "weight": 100}
    assert chosen(US, california) == "ca"


def test_of_one_prefix_the_weight_decides_or_the_cost() -> None:
    light = US | {"_id": "light", "weight": 1, "rate_cost": 0.05}
    assert chosen(US, light) == "light"
    assert chosen(US, light, defaults=Defaults(sort_by_weight=False)) == "us"
    assert chosen(US, US | {"_id": "cheap", "rate_cost": 0.01}) == "cheap"
    assert chosen(US | {"_id": "b"}, US | {"_id": "a"}) == "a"


def test_direction_options_routes_and_the_caller_are_respected() -> None:
    assert chosen(US | {"direction": ["inbound"]}, direction="outbound") is None
    assert chosen(US | {"direction": []}, direction="outbound") == "us"
    assert chosen(US | {"options": ["premium"]}) is None
    assert chosen(US | {"options": ["premium"]}, options=("premium", "other")) == "us"
    assert chosen(US | {"routes": [r"^\+1415\d{7}$"]}) == "us"
    assert chosen(US | {"routes": [r"^\+1900"]}) is None
    assert chosen(US | {"routes": ["(a+)+$"]}) is None  # could take for ever, so it is not run
    assert chosen(US | {"caller_id_numbers": "+1212:1415"}, from_did="+14155550111") == "us"
    assert chosen(US | {"caller_id_numbers": "+1212"}, from_did="+14155550111") is None


@pytest.mark.parametrize("doc", [{"prefix": "x"}, {"prefix": None}, {"prefix": True}, {"prefix": -1}])
def test_what_is_no_rate_is_passed_by(doc: dict[str, Any]) -> None:
    assert chosen({"_id": "bad", **doc}, US) == "us"


@given(st.text(max_size=30))
def test_any_text_has_the_prefixes_of_its_number_or_none(number: str) -> None:
    found = prefixes(number)
    assert all(number.lstrip("+").startswith(str(prefix)) for prefix in found)
    assert len(found) <= 20


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with Node("test@localhost") as made:
        parts = [
            worker(StoreServer, str(tmp_path / "s.db"), id="store", name=STORE, shutdown=10.0),
            supervisor(app.tree()),
        ]
        await made.start(Supervisor, Tree("one_for_one", parts))
        yield made


async def test_a_question_is_answered_as_kazoo_does(node: Node) -> None:
    store = StoreClient(node)
    await store.create_database("ratedeck")
    rate = US | {
        "rate_increment": 6,
        "rate_minimum": 30,
        "rate_surcharge": 0.005,
        "rate_name": "US",
        "rate_nocharge_time": 3,
    }
    await store.put("ratedeck", stamp(rate, type="rate", db="ratedeck"))
    answer = await node.call(HOTORNOT, Req(to_did="+14155550100", call_id="c"))
    assert answer == Resp(
        call_id="c",
        rate="0.02",
        rate_increment=6,
        rate_minimum="30",
        surcharge="0.005",
        base_cost="0.015",
        pvt_cost="0",
        prefix="1",
        rate_id="us",
        rate_name="US",
        rate_nocharge_time=3,
    )
    assert rate_of_vars(to_headers(answer, Envelope())) == Rate(200.0, 6, 30, 50, 3, "US")


async def test_what_a_rate_does_not_say_is_as_configured(node: Node) -> None:
    store = StoreClient(node)
    await store.create_database("ratedeck")
    await store.create_database("system_config")
    await store.put(
        "system_config", {"_id": "hotornot", "default": {"default_rate_increment": 1, "default_rate_cost": 0.5}}
    )
    await store.put("ratedeck", stamp({"_id": "de", "prefix": 49}, type="rate", db="ratedeck"))
    answer = await node.call(HOTORNOT, Req(to_did="+4930123456"))
    assert (answer.rate, answer.rate_increment, answer.rate_minimum) == ("0.5", 1, "60")


@pytest.mark.parametrize("asked", [{}, {"ratedeck_id": "system_config"}, {"ratedeck_id": "no/such:deck"}])
async def test_without_a_rate_the_answer_is_empty(node: Node, asked: dict[str, Any]) -> None:
    assert await node.call(HOTORNOT, Req(to_did="anonymous", call_id="c", **asked)) == Resp(call_id="c")
