"""Where a call goes, asked by a switch: what callflow says is what the leg does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from looked_up import CONTEXT, Lookup
from mirliton.actors.kapi.route import Route, RouteResp
from mirliton.ecallmgr.simulator.dialstring import parse_variables
from mirliton.ecallmgr.translate import Surroundings
from mirliton.ecallmgr.xml_curl import answering, dialplan
from mirliton.ecallmgr.xml_curl.dialplan import noted, park, parked

Actions = list[tuple[str, str | None]]


def noted_on(actions: Actions | None) -> dict[str, str]:
    """The variables that the leg is given; it is parked then."""
    assert actions is not None
    assert actions[-1] == ("park", None)
    found: dict[str, str] = {}
    for name, data in actions[:-1]:
        if name == "multiset":
            found |= {key: str(value) for key, value in parse_variables(data or "").items()}
    return found


async def test_a_leg_that_is_taken_is_parked_with_what_was_decided_on_it(looked: Lookup) -> None:
    looked.route = RouteResp(
        method="park",
        custom_channel_vars={"Account-ID": "acct", "CallFlow-ID": "flow", "Is-Good": True},
        custom_application_vars={"mood": "good"},
        ringback_media="%(1,2,3)",
    )
    found = noted_on(await looked.dialplan())
    assert parked(CONTEXT).items() <= found.items()
    assert found["ecallmgr_Account-ID"] == "acct"
    assert found["ecallmgr_Is-Good"] == "true"
    assert found["cav_mood"] == "good"
    assert (found["ringback"], found["transfer_ringback"]) == ("%(1,2,3)", "%(1,2,3)")
    assert found["Fetch-UUID"] == looked.request.custom_channel_vars["Fetch-ID"]
    assert looked.server.lookups.counts == {("dialplan", "found"): 1}


async def test_the_question_says_of_the_leg_what_the_switch_knows(looked: Lookup) -> None:
    await looked.dialplan(variable_ecallmgr_Realm="acme.test", variable_sip_h_X_Y="z")
    request = looked.request
    assert (request.call_id, request.from_) == ("leg-1", "alice@acme.test")
    assert (request.destination_number, request.caller_id_number) == ("1002", "1001")
    assert request.custom_channel_vars["Realm"] == "acme.test"
    assert request.switch_nodename == "fs1.local"


async def test_a_transferred_leg_is_asked_about_by_the_number_it_has_come_to(looked: Lookup) -> None:
    await looked.dialplan(Hunt_Destination_Number="4000")
    assert looked.request.destination_number == "4000"


@pytest.mark.parametrize(
    ("before", "first"), [("ring_ready", "ring_ready"), ("answer", "answer"), ("none", "multiset")]
)
async def test_a_leg_can_be_rung_or_answered_before_it_is_parked(looked: Lookup, before: Any, first: str) -> None:
    looked.route = RouteResp(method="park", pre_park=before)
    actions = await looked.dialplan()
    assert actions is not None
    assert actions[0][0] == first
    assert actions[-1] == ("park", None)


async def test_a_leg_that_nobody_may_have_is_refused(looked: Lookup) -> None:
    looked.route = RouteResp(method="error", route_error_code=403, route_error_message="not ${system(you)}")
    assert await looked.dialplan() == [("respond", "403 not $(system(you))")]
    looked.route = RouteResp(method="error")
    assert await looked.dialplan() == [("respond", "604 no available handlers")]


async def test_an_answered_leg_is_refused_by_its_end(looked: Lookup) -> None:
    looked.route = RouteResp(method="error", route_error_code=404)
    assert await looked.dialplan(Answer_State="answered") == [("hangup", "NO_ROUTE_DESTINATION")]


async def test_a_leg_is_bridged_to_routes(looked: Lookup) -> None:
    routes = (
        Route("route", route="sip:1@192.0.2.1", auth_user="me", auth_password="pass", codecs=("PCMU",)),
        Route("route", route="sip:1@192.0.2.2", progress_timeout=6.0),
    )
    looked.route = RouteResp(method="bridge", routes=routes)
    actions = await looked.dialplan()
    assert actions is not None
    (*_, (name, data)) = actions
    assert name == "bridge"
    first, second = str(data).split("|")
    assert first.endswith("sofia/sipinterface_1/1@192.0.2.1")
    assert "sip_auth_username=me" in first
    assert "sip_auth_password=pass" in first
    assert "leg_progress_timeout=6" in second
    assert "continue_on_fail=false" in str(actions[0][1])


@pytest.mark.parametrize(
    "route",
    [
        RouteResp(method="bridge"),
        RouteResp(method="bridge", routes=(Route("route", route="system:reboot"),)),
        RouteResp(method="park", custom_channel_vars={"no name": "x"}),
        RouteResp(method="park", custom_channel_vars={"A": ["list"]}),
        RouteResp(method="park", ringback_media="/etc/passwd"),
    ],
)
async def test_an_answer_that_cannot_be_carried_out_is_a_refusal(looked: Lookup, route: RouteResp) -> None:
    looked.route = route
    assert await looked.dialplan() == [("respond", "500 no usable route")]


@pytest.mark.parametrize("method", ["plan", "application", "sms"])
async def test_a_method_that_no_call_has_leaves_the_leg_parked(looked: Lookup, method: Any) -> None:
    looked.route = RouteResp(method=method)
    assert await looked.dialplan() == park_of(CONTEXT)


def park_of(context: str) -> Actions:
    return [(name, data or None) for name, data in park(context)]


async def test_another_context_is_the_switchs_own(looked: Lookup) -> None:
    assert await looked.dialplan(Hunt_Context="public") is None
    assert looked.asked == []
    assert looked.server.lookups.counts == {("dialplan", "not_found"): 1}


@pytest.mark.parametrize(
    "headers", [{"Call_Direction": "outbound"}, {"Channel_Name": "loopback/1-b"}], ids=["called", "looped"]
)
async def test_a_leg_that_nobody_has_to_decide_about_is_parked_unasked(looked: Lookup, headers: dict[str, str]) -> None:
    assert await looked.dialplan(**headers) == park_of(CONTEXT)
    assert looked.asked == []


async def test_where_nobody_answers_the_leg_is_parked_undecided(unstarted: Lookup, tmp_path: Path) -> None:
    """Its actor asks again: so a call outlives a restart of whoever routes."""
    await unstarted.start(tmp_path, routed=False, timeout=0.05)
    assert await unstarted.dialplan() == park_of(CONTEXT)


async def test_whoever_routes_is_asked_again_while_there_is_time(
    looked: Lookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialplan, "ASKED_AGAIN", 0.0)
    looked.before = ["nonsense", None]
    assert "Fetch-UUID" in noted_on(await looked.dialplan())
    assert len(looked.asked) == 3


async def test_beyond_what_can_be_under_way_legs_are_parked_undecided(
    looked: Lookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "AT_ONCE", 0)
    assert await looked.dialplan() == park_of(CONTEXT)
    assert await looked.file("acl.conf") is None
    assert looked.server.lookups.counts == {("dialplan", "shed"): 1, ("configuration", "shed"): 1}


async def test_without_the_credentials_nothing_is_answered(unstarted: Lookup, tmp_path: Path) -> None:
    await unstarted.start(tmp_path, credentials="s3cret")
    assert await unstarted.dialplan() is not None
    bare = unstarted.url.replace("switch:s3cret@", "")
    async with aiohttp.ClientSession() as http, http.post(bare, data=b"section=dialplan") as response:
        assert response.status == 401


async def test_what_is_no_lookup_is_refused(looked: Lookup) -> None:
    for body, status in (
        (b"section=x", 400),
        (b"section=dialplan&Hunt-Context=context_2", 400),
        (b"a" * 2_000_000, 413),
    ):
        async with aiohttp.ClientSession() as http, http.post(looked.url, data=body) as response:
            assert response.status == status


names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True)


@given(st.dictionaries(names, st.text(max_size=60), max_size=120))
def test_whatever_is_noted_arrives_without_becoming_syntax(channel_vars: dict[str, str]) -> None:
    answer = RouteResp(method="park", custom_channel_vars=channel_vars)
    variables = noted(answer, "the-fetch", Surroundings(context=CONTEXT))
    actions: Actions = [(name, data or None) for name, data in park(CONTEXT, variables)]
    found = noted_on(actions)
    assert found == {**parked(CONTEXT), **variables}
    assert found["Fetch-UUID"] == "the-fetch"
    assert "${" not in "".join(str(data) for _, data in actions)
