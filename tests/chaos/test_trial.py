"""The long trial in short: a cluster of OS processes under calls; every 3 s something is killed, stopped or cut."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from broker import missing
from mirliton.supervisors.chaos.reading import load_plan
from trial.course import a_trial
from trial.evidence import judge_calls, judge_doubles, judge_records
from trial.mixture import BY_NAME
from trial.schedule import BROKER_EVERY, EVERY, HOW, SHARES, TARGETS, blows, outer_plan
from trial.town import LIMIT, LIMITED


@pytest.mark.chaos
@pytest.mark.skipif(missing() is not None, reason=missing() or "")
@pytest.mark.timeout(600)
async def test_no_call_and_no_record_is_lost_whatever_is_done_to_a_cluster(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    verdict = await a_trial(tmp_path, duration=20.0, rate=10.0, seed=1, say=say)
    say(verdict.text())
    assert verdict.problems == []
    assert verdict.calls.placed.total() > 100
    assert len(verdict.done.outer["hits"]) + len(verdict.done.actors) >= 5


def test_something_is_done_every_three_seconds_and_the_broker_restarted_every_three_minutes_at_most() -> None:
    all_blows = blows(600.0, seed=1)
    assert [blow.at for blow in all_blows] == [EVERY * number for number in range(1, 200)]
    restarts = [blow.at for blow in all_blows if blow.kind == "broker"]
    assert len(restarts) == 3
    assert all(later - earlier >= BROKER_EVERY for earlier, later in itertools.pairwise(restarts))
    assert {blow.kind for blow in all_blows} == {*SHARES, "broker"}
    assert {blow.target for blow in all_blows} == {*TARGETS, "broker"}


def test_the_plan_is_one_that_mirliton_chaos_takes(tmp_path: Path) -> None:
    all_blows = blows(600.0, seed=1)
    path = tmp_path / "plan.toml"
    path.write_text(outer_plan(all_blows, 600.0, 1, tmp_path))
    plan = load_plan(path)
    assert sum(len(attack.at) for attack in plan.attacks) == sum(blow.kind != "actors" for blow in all_blows)
    assert plan.whats == {"programs", "connections", "services"}
    assert {attack.how for attack in plan.attacks} == {each["how"] for each in HOW.values()}


# The judges must find what there is to find.


def a_call(kind: str = "answered", **facts: Any) -> dict[str, Any]:
    told = {"uuid": "a", "kind": kind, "account": BY_NAME[kind].tenants[0].account_id, "began": 0.0, "ended": 5.0}
    return {
        **told,
        "cause": "NORMAL_CLEARING",
        "answered": True,
        "by_phone": True,
        "stuck": False,
        "spoke": False,
        **facts,
    }


def a_leg(uuid: str = "a", **facts: Any) -> dict[str, Any]:
    told = {"uuid": uuid, "of": "a", "direction": "inbound", "cause": "NORMAL_CLEARING", "answered": 1.0, "ended": 5.0}
    return {**told, "phone": "alice@town1.trial", "command": "", "disposition": "recv_bye", **facts}


def a_record(uuid: str = "a", **facts: Any) -> dict[str, Any]:
    return {"call_id": uuid, "call_direction": "inbound", "hangup_cause": "NORMAL_CLEARING", **facts}


def test_a_call_that_its_phone_ends_is_fine_and_one_that_we_end_is_not() -> None:
    assert judge_calls([a_call(), a_call("busy", by_phone=False, cause="USER_BUSY", answered=False)]).by_us == []
    assert len(judge_calls([a_call(by_phone=False)]).by_us) == 1
    assert len(judge_calls([a_call(by_phone=False, answered=False, cause="UNALLOCATED_NUMBER")]).by_us) == 1
    assert len(judge_calls([a_call(stuck=True)]).stuck) == 1


def test_a_refusal_that_one_may_try_again_after_is_only_counted_and_only_before_the_answer() -> None:
    refusal = {"by_phone": False, "cause": "NORMAL_TEMPORARY_FAILURE"}
    assert judge_calls([a_call(answered=False, **refusal)]).refused == {"NORMAL_TEMPORARY_FAILURE": 1}
    assert len(judge_calls([a_call(answered=True, **refusal)]).by_us) == 1


def test_records_that_are_lost_doubled_of_nobody_or_wrong_are_found() -> None:
    calls, legs = [a_call()], [a_leg()]
    fine = judge_records(legs, calls, [a_record()])
    assert (fine.lost, fine.doubled, fine.of_nobody, fine.strange) == ([], [], [], [])
    assert judge_records(legs, calls, []).lost == ["a"]
    assert judge_records(legs, calls, [a_record(), a_record()]).doubled == ["a"]
    assert judge_records(legs, calls, [a_record(), a_record("b")]).of_nobody == ["b"]
    assert len(judge_records(legs, calls, [a_record(hangup_cause="SYSTEM_SHUTDOWN")]).strange) == 1
    assert len(judge_records(legs, calls, [a_record(pvt_provisional=True)]).strange) == 1


def test_an_agent_in_two_conversations_is_found() -> None:
    phone = {"direction": "outbound", "phone": "agent1@town1.trial"}
    one, after, meanwhile = (
        a_leg(name, answered=begin, ended=end, **phone) for name, begin, end in (("a", 1, 5), ("b", 5, 9), ("c", 4, 6))
    )
    assert judge_doubles([one, after], [], {}).agents == []
    assert len(judge_doubles([one, meanwhile], [], {}).agents) == 1


def test_more_calls_than_an_account_may_have_are_found() -> None:
    calls = [a_call("limited", uuid=str(number)) for number in range(LIMIT + 1)]
    legs = [a_leg(str(number)) for number in range(LIMIT + 1)]
    assert LIMITED.calls == LIMIT
    assert judge_doubles(legs[1:], calls[1:], {}).over_limit == []
    assert len(judge_doubles(legs, calls, {}).over_limit) == 1


def test_messages_that_are_lost_or_doubled_are_found() -> None:
    call = a_call("voicemail", spoke=True)
    account = call["account"]
    assert judge_doubles([a_leg()], [call], {account: Counter(a=1)}).messages == []
    assert len(judge_doubles([a_leg()], [call], {}).messages) == 1
    assert len(judge_doubles([a_leg()], [call], {account: Counter(a=2)}).messages) == 1
