"""A leg's document: Kazoo's names, ids by the month in which the leg began, and accounts that are none."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.kapi.errors import KapiError
from mirliton.actors.store.documents import GREGORIAN_OFFSET
from mirliton.whapps.cdr.document import ANONYMOUS, NEWEST, OLDEST, account_of, began, document, provisional

ACCOUNT = "0123456789abcdef0123456789abcdef"
NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC).timestamp()


def at(*moment):
    return int(datetime.datetime(*moment, tzinfo=datetime.UTC).timestamp())


def report(call_id="leg-1", account_id=ACCOUNT, *, created=NOW - 10, **more):
    micros = int(created * 1_000_000) if created is not None else None
    return CdrReport(account_id, call_id, channel_created_time=micros, **more)


def test_a_document_has_kazoos_names():
    made = document(
        report(
            timestamp=int(NOW) + GREGORIAN_OFFSET,
            call_direction="inbound",
            caller_id_number="1001",
            to="1002@demo.test",
            from_="1001@demo.test",
            duration_seconds=10,
            billing_seconds=7,
            ringing_seconds=3,
            hangup_cause="NORMAL_CLEARING",
            call_interaction={"Id": "63962673319-3d61b3ea", "Timestamp": 63962673319, "Key": "3d61b3ea"},
            custom_channel_vars={"Account-ID": ACCOUNT, "Owner-ID": "u1", "Media-Recordings": ["m1"]},
        ),
        NOW,
    )
    assert made["_id"] == "202611-leg-1"
    assert (made["call_id"], made["account_id"], made["call_direction"]) == ("leg-1", ACCOUNT, "inbound")
    assert (made["caller_id_number"], made["to"], made["from"]) == ("1001", "1002@demo.test", "1001@demo.test")
    assert (made["duration_seconds"], made["billing_seconds"], made["ringing_seconds"]) == (10, 7, 3)
    assert made["timestamp"] == made["pvt_created"] == int(NOW) + GREGORIAN_OFFSET
    assert made["custom_channel_vars"] == {"account_id": ACCOUNT, "owner_id": "u1", "media_recordings": ["m1"]}
    assert (made["interaction_id"], made["interaction_time"]) == ("63962673319-3d61b3ea", 63962673319)
    assert made["interaction_key"] == "3d61b3ea"
    assert (made["pvt_type"], made["pvt_account_id"]) == ("cdr", ACCOUNT)
    assert made["pvt_account_db"].endswith("-202611")
    assert not {"msg_id", "event_name", "event_category", "server_id"} & made.keys()
    assert "pvt_provisional" not in made


def test_the_same_report_makes_the_same_document():
    assert document(report(), NOW) == document(report(), NOW)


def test_an_inferred_end_is_marked():
    inferred = report(extended_data={"Provisional": True})
    assert provisional(inferred)
    assert document(inferred, NOW)["pvt_provisional"] is True
    for other in (None, {}, {"Provisional": False}, "Provisional", ["Provisional"]):
        assert not provisional(report(extended_data=other))


# Months


@pytest.mark.parametrize(
    ("created", "now", "month"),
    [
        (at(2026, 10, 31, 23, 59, 59), at(2026, 11, 1, 0, 0, 10), "202610"),
        (at(2026, 10, 31, 23, 59, 59) + 0.999, at(2026, 11, 1), "202610"),
        (at(2026, 11, 1), at(2026, 11, 1), "202611"),
        (at(2025, 12, 31, 23, 59, 59), at(2026, 1, 1, 1), "202512"),
        (at(2026, 2, 28, 12), at(2026, 3, 2), "202602"),
    ],
)
def test_it_belongs_to_the_month_in_which_the_leg_began(created, now, month):
    made = document(report(created=created), now)
    assert made["_id"] == f"{month}-leg-1"
    assert made["pvt_account_db"].endswith(f"-{month}")


def test_a_leg_that_does_not_say_when_it_began_counts_by_its_end():
    end = at(2026, 10, 5)
    assert began(report(created=None, timestamp=end + GREGORIAN_OFFSET), NOW) == end
    assert began(report(created=None), NOW) == NOW
    assert document(report(created=None), NOW)["timestamp"] == int(NOW) + GREGORIAN_OFFSET


@pytest.mark.parametrize("created", [1.0, NOW - OLDEST - 1, NOW + NEWEST + 1, 2**53, 0])
def test_a_time_that_cannot_be_is_not_believed(created):
    end = at(2026, 11, 20)
    assert began(report(created=created, timestamp=end + GREGORIAN_OFFSET), NOW) == end
    assert began(report(created=created, timestamp=5), NOW) == NOW


# Accounts


@pytest.mark.parametrize(
    "account_id",
    [
        "",
        "x",
        ACCOUNT[:-1],
        ACCOUNT + "0",
        ACCOUNT.upper(),
        "g" * 32,
        "../" * 10 + "ab",
        ACCOUNT[:-1] + "/",
        " " * 32,
        "é" * 32,
    ],
)
def test_a_leg_of_no_account_is_anonymous(account_id):
    leg = report(account_id=account_id, custom_channel_vars={"Account-ID": account_id} if account_id else {})
    assert account_of(leg) is None
    made = document(leg, NOW)
    assert made["_id"] == "202611-leg-1"
    assert "account_id" not in made
    assert "pvt_account_id" not in made
    assert made.get("pvt_account_db", ANONYMOUS) == ANONYMOUS


# Hostile values


@pytest.mark.parametrize("call_id", ["a/b", "../x", "_design", "ä", "x" * 200, "a b", "%2F", "a\u0000b"])
def test_any_leg_id_makes_an_id(call_id):
    made = document(report(call_id), NOW)
    assert made["_id"] == f"202611-{call_id}"


@pytest.mark.parametrize("empty", [{"call_id": ""}, {"hangup_cause": object()}, {"duration_seconds": []}])
def test_a_report_that_breaks_its_definition_is_refused(empty):
    with pytest.raises(KapiError):
        document(report(**{"call_id": "leg", **empty}), NOW)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=20), values, max_size=6), st.text(max_size=40), st.text(max_size=40))
def test_whatever_phones_say_a_document_is_made(channel_vars, name, cause):
    made = document(report(custom_channel_vars=channel_vars, caller_id_name=name, hangup_cause=cause), NOW)
    assert made["_id"] == "202611-leg-1"
    assert (made["pvt_type"], made["pvt_account_id"]) == ("cdr", ACCOUNT)
    assert not [key for key in made if key.startswith("_") and key != "_id"]
