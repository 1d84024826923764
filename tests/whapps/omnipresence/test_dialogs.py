"""Which calls are told of, and what is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.actors import kapi
from mirliton.actors.kapi.call import (
    ChannelAnswered,
    ChannelBridged,
    ChannelCreated,
    ChannelDestroyed,
    ChannelHeld,
)
from mirliton.whapps.omnipresence.dialogs import EXPIRES, ORDER, Dialogs
from mirliton.whapps.omnipresence.wording import LONGEST, LONGEST_CALL, address, call, plain

OWN = {"Account-ID": "a" * 32, "Authorizing-ID": "d1", "Authorizing-Type": "device", "Realm": "acme.test"}
KINDS = (ChannelCreated, ChannelAnswered, ChannelBridged, ChannelHeld, ChannelDestroyed)


def leg(kind=ChannelCreated, call_id="leg", **fields):
    known = {
        "call_direction": "inbound",
        "from_": "alice@acme.test",
        "to": "2000@acme.test",
        "custom_channel_vars": OWN,
    }
    return kind(call_id, **{**known, **fields})


def test_a_call_goes_from_early_to_confirmed_to_terminated():
    dialogs = Dialogs()
    told = [dialogs.heard(leg(kind)).update() for kind in (ChannelCreated, ChannelAnswered, ChannelDestroyed)]
    assert [each.state for each in told] == list(ORDER)
    assert {each.presence_id for each in told} == {"alice@acme.test"}
    assert (told[0].direction, told[0].to, told[0].expires) == ("initiator", "sip:2000@acme.test", EXPIRES)
    assert len(dialogs) == 0


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(["x", "y"])), max_size=20))
def test_each_state_is_told_once_and_none_goes_back(events):
    dialogs, told = Dialogs(), {"x": [], "y": []}
    for kind, call_id in events:
        news = dialogs.heard(leg(kind, call_id))
        if news is not None:
            told[call_id].append(ORDER.index(news.state))
    for states in told.values():
        assert states == sorted(set(states))


def test_a_phone_that_is_called_is_the_recipient():
    rung = leg(call_direction="outbound", from_="2000@acme.test", to="bob@acme.test")
    update = Dialogs().heard(rung).update()
    assert (update.presence_id, update.direction, update.to_user) == ("bob@acme.test", "recipient", "2000")


@pytest.mark.parametrize(
    ("presence_id", "watched"), [("1001", "1001@acme.test"), ("1001@other.test", "1001@other.test")]
)
def test_a_presence_id_is_watched_before_the_username(presence_id, watched):
    assert Dialogs().heard(leg(presence_id=presence_id)).presence_id == watched


@pytest.mark.parametrize(
    "vars", [{}, {"Account-ID": "a"} | {"Authorizing-Type": "resource"}], ids=["nobody's", "a carrier's"]
)
def test_only_an_accounts_own_phones_have_lamps(vars):
    assert Dialogs().heard(leg(custom_channel_vars=vars)) is None


def test_a_call_whose_end_nobody_told_ends_by_the_table():
    dialogs = Dialogs()
    dialogs.heard(leg(call_id="x"))
    dialogs.heard(leg(call_id="y"))
    before = dialogs.ids()
    dialogs.heard(leg(call_id="came while the table was asked"))
    [ended] = dialogs.listed({"y": {}}, before)
    assert (ended.call_id, ended.state, len(dialogs)) == ("x", "terminated", 2)
    assert dialogs.heard(leg(ChannelAnswered, "x")) is None
    assert dialogs.listed({"x": CHANNEL, "y": CHANNEL}, dialogs.ids() - {"came while the table was asked"}) == []


CHANNEL = {
    "account_id": "a" * 32, "authorizing_type": "device", "realm": "acme.test", "direction": "inbound",
    "from": "alice@acme.test", "to": "2000@acme.test", "answered": True,
}  # fmt: skip


def test_calls_that_are_up_at_a_start_are_told_from_the_table():
    dialogs = Dialogs()
    [found] = dialogs.listed({"x": CHANNEL, "of nobody": {**CHANNEL, "account_id": None}}, frozenset())
    assert (found.presence_id, found.state, found.initiator) == ("alice@acme.test", "confirmed", True)
    assert dialogs.heard(leg(ChannelDestroyed, "x")).state == "terminated"


@given(st.text(max_size=2000), st.text(max_size=2000), st.text(max_size=300))
def test_whatever_a_phone_says_kamailio_has_room_for_it(call_id, text, tag):
    news = Dialogs().heard(leg(call_id=call_id or "x", to=f"{text}@acme.test", from_tag=tag, to_tag=text))
    headers = kapi.to_headers(news.update())
    assert len(headers["Call-ID"]) <= LONGEST_CALL
    for name in ("From-Tag", "To-Tag", "To-User", "From-User"):
        assert len(headers.get(name, "")) <= LONGEST
    for name in ("Call-ID", "From-Tag", "To-Tag", "To-User", "To", "From", "Presence-ID"):
        assert not set("<>&\"'\\\n\0") & set(headers.get(name, ""))


@given(st.lists(st.text(max_size=300), unique=True, max_size=20))
def test_different_calls_keep_different_names(names):
    assert len({call(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sip:Bob@Acme.test:5060;x=y", ("Bob", "acme.test")),
        ("bob@acme.test", ("bob", "acme.test")),
        ("bob", None),
        ("@x", None),
        ("x@", None),
        (None, None),
    ],
)
def test_an_address_is_user_and_realm(text, found):
    assert address(text) == found


def test_plain_text_stays():
    assert plain("alice.b+1") == "alice.b+1"
