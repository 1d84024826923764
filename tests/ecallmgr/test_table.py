"""The rows of the channel table, what they say to Kazoo's queries, and the memory of legs that have gone."""

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirliton.actors.kapi.call import ChannelAnswered, ChannelCreated, ChannelDestroyed, DtmfReceived
from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.kapi.channels import (
    ChannelStatusReq,
    QueryAccountChannelsReq,
    QueryAuthIdReq,
    QueryChannelsReq,
    QueryUserChannelsReq,
)
from mirliton.ecallmgr import table as tables
from mirliton.ecallmgr.mapping import GREGORIAN_EPOCH, leg_fields
from mirliton.ecallmgr.queries import answer
from mirliton.ecallmgr.row import Row
from mirliton.ecallmgr.table import Table

NOW = 1_800_000_000.0
CREATED = 1_799_999_990_000_000


def leg(call_id="leg", *, account="a1", **more):
    channel_vars = {"Account-ID": account} if account else {}
    channel_vars |= more.pop("ccvs", {})
    return ChannelCreated(
        call_id=call_id,
        call_direction="inbound",
        custom_channel_vars=channel_vars,
        channel_created_time=CREATED,
        **more,
    )


def row(call_id="leg", **more):
    return Row("fs1", leg(call_id, **more), "run-1")


def table(*rows):
    made = Table()
    for each in rows:
        made.put(each)
    return made


# Rows


def test_a_later_event_says_more():
    known = row()
    known.learn(ChannelAnswered(call_id="leg", caller_id_name="Ada", call_direction="inbound"), "")
    assert (known.leg.caller_id_name, known.run) == ("Ada", "run-1")
    assert known.account_id == "a1", "what was noted a moment ago may not be in an event that was made before"
    known.learn(ChannelAnswered(call_id="leg", custom_channel_vars={"Account-ID": "a2"}), "run-2")
    assert (known.account_id, known.run) == ("a2", "run-2")


def test_a_digit_says_nothing_of_its_leg():
    """It is the one event that comes without the leg's variables."""
    known = row()
    before = known.leg
    known.learn(DtmfReceived(call_id="leg", dtmf_digit="1"))
    assert known.leg is before


def test_an_inferred_end():
    known = row(ccvs={"Call-Interaction-ID": "63962673319-3d61b3ea"}, caller_id_number="1001")
    known.answered, known.answered_at = True, int(NOW) - 5 + GREGORIAN_EPOCH
    event, report = known.vanished("SYSTEM_SHUTDOWN", NOW)
    assert isinstance(event, ChannelDestroyed)
    for made in (event, report):
        assert (made.call_id, made.hangup_cause, made.caller_id_number) == ("leg", "SYSTEM_SHUTDOWN", "1001")
        assert (made.timestamp, made.duration_seconds, made.billing_seconds) == (int(NOW) + GREGORIAN_EPOCH, 10, 5)
    assert report.account_id == "a1"
    assert report.call_interaction == {"Id": "63962673319-3d61b3ea", "Timestamp": 63962673319, "Key": "3d61b3ea"}
    assert report.extended_data == {"Provisional": True}


@pytest.mark.parametrize(
    ("answered", "answered_at", "billed"),
    [(False, None, 0), (True, None, None), (True, int(NOW) + 100 + GREGORIAN_EPOCH, 0)],
    ids=["never answered", "answered before anybody looked", "the switch's clock is ahead"],
)
def test_what_is_billed_of_an_inferred_end(answered, answered_at, billed):
    known = row()
    known.answered, known.answered_at = answered, answered_at
    assert known.vanished("NORMAL_UNSPECIFIED", NOW)[1].billing_seconds == billed


def test_an_inferred_end_of_a_leg_of_which_nothing_is_known():
    known = Row("fs1", ChannelCreated(call_id="leg"))
    _, report = known.vanished("NORMAL_UNSPECIFIED", NOW)
    assert (report.account_id, report.duration_seconds, report.billing_seconds) == ("", None, 0)


def test_every_field_of_a_record_that_a_leg_can_tell_is_in_an_inferred_one():
    texts = {field.name for field in fields(ChannelCreated) if field.type == "str | None"}
    told = dict.fromkeys(texts & leg_fields({}).keys(), "x")
    _, report = Row("fs1", replace(leg(), **told)).vanished("NORMAL_UNSPECIFIED", NOW)
    inferred = {"channel_state", "channel_call_state", "channel_answer_state"}
    for field in fields(CdrReport):
        if field.name in told and field.name not in inferred:
            assert getattr(report, field.name) == "x", field.name


def test_who_has_to_decide_where_a_leg_goes():
    assert row().controlled
    assert not Row("fs1", replace(leg(), call_direction="outbound")).controlled
    assert not Row("fs1", replace(leg(), channel_is_loopback=True)).controlled
    ours = {"Account-ID": "a1", "Loopback-Account-ID": "a1"}
    assert Row("fs1", replace(leg(), channel_is_loopback=True, custom_channel_vars=ours)).controlled


# The table


def test_rows_are_found_by_leg_and_account():
    made = table(row("a"), row("b", account="a2"), Row("fs2", leg("c")))
    assert {each.uuid for each in made.of_account("a1")} == {"a", "c"}
    assert (len(made), "a" in made, made.get("d")) == (3, True, None)


def test_a_leg_gets_its_account_late():
    late = row("a", account="")
    made = table(late)
    assert not made.of_account("a1")
    late.own({"Account-ID": "a1"})
    made.put(late)
    late.own({"Account-ID": "a2"})
    made.put(late)
    assert not made.of_account("a1")
    assert [each.uuid for each in made.of_account("a2")] == ["a"]


def test_ended_legs_are_not_up():
    ended = row("a")
    made = table(ended, row("b"))
    made.end(ended)
    made.end(ended)
    assert made.ended == 1
    assert [each.uuid for each in made.up()] == ["b"]
    assert [each.uuid for each in made.of_account("a1")] == ["b"]
    made.remove(ended)
    made.remove(ended)
    assert (made.ended, len(made)) == (0, 1)


def test_a_leg_that_has_gone_is_known_from_a_new_one_of_the_same_id():
    ended = row("a")
    made = table(ended)
    made.end(ended)
    made.remove(ended)
    assert made.is_gone(leg("a"))
    assert made.is_gone(ChannelCreated(call_id="a")), "an event that does not say when its leg was made"
    assert not made.is_gone(replace(leg("a"), channel_created_time=CREATED + 1))
    assert not made.is_gone(leg("b"))


def test_it_remembers_a_bounded_number(monkeypatch):
    monkeypatch.setattr(tables, "REMEMBERED", 10)
    made = Table()
    for n in range(100):
        each = row(f"leg-{n}", account=f"account-{n}")
        made.put(each)
        made.end(each)
        made.remove(each)
    assert sum(made.is_gone(leg(f"leg-{n}")) for n in range(100)) == 10
    assert len(made._gone) == 10
    assert not made._accounts
    assert not made._indexed
    assert not made._rows


def test_a_renamed_leg():
    first, second = row("a"), row("b")
    second.other_leg = "a"
    made = table(first, second)
    made.rename("a", leg("c", account=""), "run-1")
    assert "a" not in made
    assert made.get("c") is first
    assert first.account_id == "a1"
    assert {each.uuid for each in made.of_account("a1")} == {"b", "c"}
    assert second.other_leg == "c"


def test_a_leg_that_is_not_there_or_already_renamed():
    made = table(row("a"), row("b"))
    made.rename("x", leg("y"), "")
    made.rename("a", leg("b"), "")
    assert {each.uuid for each in made.up()} == {"a", "b"}


ACCOUNTS = ["", "a1", "a2"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "own", "end", "remove", "rename"]),
                          st.sampled_from(ACCOUNTS), st.sampled_from("abcd"))))  # fmt: skip
def test_the_index_by_account_is_right_whatever_happens(steps):
    made = Table()
    for uuid, step, account, other in steps:
        known = made.get(uuid)
        if step == "put":
            made.put(known or row(uuid, account=account))
        elif known is None:
            continue
        elif step == "own" and account:
            known.own({"Account-ID": account})
            made.put(known)
        elif step == "end":
            made.end(known)
        elif step == "remove" and known.ended:
            made.remove(known)
        elif step == "rename":
            made.rename(uuid, leg(other, account=""), "")
    up = {each.uuid: each.account_id for each in made.up()}
    for account in ACCOUNTS[1:]:
        found = {each.uuid for each in made.of_account(account)}
        assert found == {uuid for uuid, whose in up.items() if whose == account}
    assert made.ended == sum(each.ended for each in made._rows.values())
    assert all(each.uuid == uuid for uuid, each in made._rows.items())


# Queries


def busy_table():
    rows = [
        row("a", ccvs={"Authorizing-ID": "dev1", "Username": "Ada", "Realm": "demo.test"}),
        row("b", ccvs={"Authorizing-ID": "dev2", "Username": "bob", "Realm": "demo.test"}),
        row("c", account="a2", ccvs={"Authorizing-ID": "dev3", "Username": "ada", "Realm": "other.test"}),
        row("d", ccvs={"Authorizing-ID": "dev1"}),
    ]
    made = table(*rows)
    made.end(rows[3])
    return made


def ids(channels):
    return {channel["uuid"] for channel in channels}


def test_channels_by_device():
    assert ids(answer(busy_table(), QueryAuthIdReq("dev1")).channels) == {"a"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (QueryUserChannelsReq(authorizing_ids=("dev1", "dev2")), {"a", "b"}),
        (QueryUserChannelsReq(realm="Demo.test", username="ADA"), {"a"}),
        (QueryUserChannelsReq(realm="demo.test", usernames=("ada", "Bob")), {"a", "b"}),
        (QueryUserChannelsReq(username="ada"), set()),
        (QueryUserChannelsReq(realm="demo.test"), set()),
    ],
)
def test_channels_by_user(query, found):
    assert ids(answer(busy_table(), query).channels) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (QueryAccountChannelsReq("a1"), {"a", "b"}),
        (QueryAccountChannelsReq("a1", username="BOB"), {"b"}),
        (QueryAccountChannelsReq("a1", usernames=("x",)), set()),
        (QueryAccountChannelsReq("none"), set()),
    ],
)
def test_channels_by_account(query, found):
    assert ids(answer(busy_table(), query).channels) == found


def test_all_channels_and_their_fields():
    made = busy_table()
    assert answer(made, QueryChannelsReq()).channels.keys() == {"a", "b", "c"}
    one = answer(made, QueryChannelsReq(call_id="a", fields=("uuid", "account_id", "nonsense"))).channels
    assert one == {"a": {"uuid": "a", "account_id": "a1"}}
    assert answer(made, QueryChannelsReq(call_id="d")).channels == {}
    assert answer(made, QueryChannelsReq(call_id="x")).channels == {}
    shown = answer(made, QueryChannelsReq(call_id="a", fields="all")).channels["a"]
    assert (shown["node"], shown["direction"], shown["username"], shown["is_authorized"]) == (
        "fs1",
        "inbound",
        "Ada",
        False,
    )
    assert shown["timestamp"] == CREATED // 1_000_000 + GREGORIAN_EPOCH


def test_a_channels_status():
    made = busy_table()
    assert answer(made, ChannelStatusReq("a")).status == "active"
    made.get("a").reachable = False
    down = answer(made, ChannelStatusReq("a"))
    assert (down.status, down.username, down.switch_nodename) == ("tmpdown", "Ada", "fs1")
    for gone in ("d", "x"):
        assert answer(made, ChannelStatusReq(gone)).status == "terminated"


def test_what_is_no_query_has_no_answer():
    assert answer(busy_table(), "how many?") is None
