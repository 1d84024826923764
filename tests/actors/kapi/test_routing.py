"""Messages go to Kazoo's exchanges under Kazoo's routing keys."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirliton.actors import kapi
from mirliton.actors.kapi import call, cdr, channels, dialplan, registration, route
from mirliton.actors.kapi.routing import segment


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("azAZ09-~_", "azAZ09-~_"),
        ("acme.test", "acme%2Etest"),
        ("1-28204@127.0.0.1", "1-28204%40127%2E0%2E0%2E1"),
        ("two words", "two+words"),
        ("a+b/c%d", "a%2Bb%2Fc%25d"),
        ("é", "%C3%A9"),
        ("*", "*"),
        ("#", "#"),
        ("*97", "%2A97"),
        ("", ""),
    ],
)
def test_a_segment_is_encoded_as_kazoo_does(text: str, encoded: str) -> None:
    assert segment(text) == encoded


@given(st.text())
@settings(deadline=None)
def test_no_text_can_start_a_segment_of_its_own_or_hold_a_wildcard(text: str) -> None:
    made = segment(text)
    assert "." not in made
    assert made in ("*", "#") or not {"*", "#"} & set(made)


REQUEST = route.RouteReq("leg", from_="bob@acme.test", to="100@acme.test", request="100@acme.test")
REGISTERED = registration.RegSuccess("bob", "acme.test", "sip:bob@10.0.0.1", expires=60.0, event_timestamp=1)


@pytest.mark.parametrize(
    ("message", "exchange", "key"),
    [
        (REQUEST, "callmgr", "route.req.audio.acme%2Etest.bob"),
        (call.ChannelAnswered("a.b"), "callevt", "call.CHANNEL_ANSWER.a%2Eb"),
        (call.DtmfReceived("leg", origination_call_id="first"), "callevt", "call.DTMF.first"),
        (
            call.ChannelCreated("leg", origination_call_id="first", channel_is_loopback=True),
            "callevt",
            "call.CHANNEL_CREATE.leg",
        ),
        (call.UsurpControl("leg", "fetch"), "callevt", "call.usurp_control.leg"),
        (call.UsurpPublisher("leg", "reference"), "callevt", "call.usurp_publisher.leg"),
        (channels.ChannelStatusReq("a@b"), "callevt", "call.status_req.a%40b"),
        (channels.QueryAuthIdReq("device"), "callevt", "call.status_req.device"),
        (channels.QueryAccountChannelsReq("account"), "callevt", "call.status_req.account"),
        (channels.QueryChannelsReq(), "callevt", "call.status_req.channels"),
        (channels.QueryUserChannelsReq(), "callevt", "call.status_req."),
        (channels.QueryUserChannelsReq("acme.test", "bob"), "callevt", "call.status_req.bob%3Aacme%2Etest"),
        (
            channels.QueryUserChannelsReq("acme", usernames=("eve", "bob")),
            "callevt",
            "call.status_req.eve%3Aacme",
        ),
        (cdr.CdrReport("account", "a.b"), "cdr", "cdr.report.account.a%2Eb"),
        (REGISTERED, "registrar", "registration.success.acme%2Etest.bob"),
        (registration.RegQuery("acme.test", "bob"), "registrar", "registration.query.acme%2Etest.bob"),
        (registration.RegQuery("acme.test"), "registrar", "registration.query.acme%2Etest.*"),
        (registration.RegFlush("acme.test"), "registrar", "registration.flush.acme%2Etest"),
        (registration.RegSync(), "registrar", "registration.sync"),
        (dialplan.DialplanError("e", "m", "CS_EXECUTE", "ACTIVE", "leg"), "callevt", "call.dialplan.leg"),
    ],
)
def test_a_message_goes_where_kazoos_goes(message: object, exchange: str, key: str) -> None:
    assert kapi.publication_of(message) == (exchange, key)
    assert kapi.EXCHANGES[exchange] == "topic"


LATER = [
    (kapi.authn.AuthnReq("acme.test", "bob", "f@r", "t@r"), "callmgr", "authn.req.acme%2Etest"),
    (kapi.presence.Subscription("sip:bob@acme.test", 60.0), "presence", "subscriptions.acme%2Etest"),
    (kapi.omnipresence.Subscription("sip:bob@acme.test", 60.0), "omnipresence", "subscribe.acme%2Etest.bob"),
    (kapi.presence.DialogUpdate("sip:bob@acme.test", "t", call_id="a.b"), "presence", "dialog.acme%2Etest.a%2Eb"),
    (kapi.presence.DialogUpdate("f", "t", presence_id="bob@acme"), "presence", "dialog.acme.*"),
    (kapi.presence.MwiUpdate(1, 0, to="sip:bob@acme"), "presence", "mwi_updates.acme.bob"),
    (kapi.presence.MwiUnsolicitedUpdate(1, 0, to="bob@acme"), "presence", "mwi_unsolicited_updates.acme"),
    (kapi.presence.Reset("acme", "bob"), "presence", "presence.reset.acme.bob"),
    (kapi.im.Inbound("m.1", "hi", "a", "b", "sms", route_type="onnet"), "im", "sms.inbound.onnet.m%2E1"),
    (kapi.conf.DocUpdate("id", "db", "doc_edited", type="user"), "configuration", "doc_edited.db.user.id"),
    (kapi.metaflow.Bind(call={"Call-ID": "c", "Account-ID": "a"}), "metaflow", "metaflow.bind.a.c"),
    (kapi.metaflow.Bind(call_id="c"), "metaflow", "metaflow.bind.*.c"),
    (kapi.callflow.ActionExecute("c", {}, {"module": "menu"}), "kapps", "callflow.action.menu"),
    (kapi.pivot.PivotReq({"From": "bob@acme"}, "http://x"), "callmgr", "pivot.req.acme"),
    (kapi.konami.Transferred("b", "t", {"Call-ID": "c"}), "kapps", "konami.transferred.c"),
    (kapi.acdc_agent.Login("a", "g"), "kapps", "acdc.agent.action.login.a.g"),
    (kapi.acdc_agent.StatsReq("a"), "kapps", "acdc.agent.stats_req.a"),
    (kapi.acdc_agent.StatsReq("a", "g"), "kapps", "acdc.agent.stats_req.a.g"),
    (kapi.acdc_stats.CurrentCallsReq("a"), "kapps", "acdc_stats.query_call.a.all"),
    (kapi.acdc_queue.MemberCallCancel("c", "a", "q"), "callmgr", "acdc.member.call_result.a.q.c"),
    (kapi.conference.Lock("room"), "conference", "conference.command.room"),
    (
        kapi.conference.Event("add-member", "room", "i", custom_channel_vars={"Account-ID": "a"}),
        "conference",
        "conference.event.add-member.a.room.*",
    ),
    (kapi.notifications.LowBalance("a", 1), "notifications", "notifications.account.low_balance"),
    (kapi.nodes.Advertise(10.0), "nodes", ""),
    (kapi.frontier.Req("acme", "acl"), "frontier", "sbc_config"),
    (kapi.asr.Req("e", "a", "p", "c", "q"), "callctl", "asr.req"),
]


@pytest.mark.parametrize(("message", "exchange", "key"), LATER, ids=lambda value: type(value).__qualname__)
def test_the_other_families_go_where_kazoos_go(message: object, exchange: str, key: str) -> None:
    assert kapi.publication_of(message) == (exchange, key)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (kapi.presence.Subscription("bob", 60.0), "user"),
        (kapi.presence.Update("", "early"), "presence_id"),
        (kapi.metaflow.Bind(call={"Call-ID": 7}), "call_id"),
        (kapi.callflow.ActionExecute("c", {}, ["menu"]), "data.module"),
        (kapi.pivot.PivotReq({"From": ["bob"]}, "http://x"), "call.From"),
        (kapi.konami.Transferred("b", "t", {}), "call.Call-ID"),
    ],
)
def test_what_a_key_is_cut_from_must_be_there(message: object, field: str) -> None:
    with pytest.raises(kapi.NoRoutingKey) as caught:
        kapi.publication_of(message)
    assert caught.value.field == field


def test_where_the_message_has_no_key_the_publisher_gives_one() -> None:
    assert kapi.publication_of(kapi.delegate.Job({}), to="delegate.pivot.key") == ("kapps", "delegate.pivot.key")
    with pytest.raises(kapi.DestinationNeeded):
        kapi.publication_of(kapi.leader.Req())


@pytest.mark.parametrize(
    ("message", "exchange"),
    [
        (dialplan.Answer("leg"), "callctl"),
        (route.RouteResp("park"), "targeted"),
        (route.RouteWin("leg", "control"), "targeted"),
        (channels.QueryChannelsResp({}), "targeted"),
    ],
)
def test_commands_and_answers_go_to_the_queue_that_is_named(message: object, exchange: str) -> None:
    assert kapi.publication_of(message, to="their queue") == (exchange, "their queue")
    assert kapi.EXCHANGES[exchange] == "direct"
    with pytest.raises(kapi.DestinationNeeded, match="name the queue"):
        kapi.publication_of(message)


def test_the_account_of_a_request_routes_it_before_its_realm() -> None:
    vars_ = {"Account-ID": "acc"}
    request = route.RouteReq("leg", "bob@acme.test", "t", "r", resource_type="video", custom_channel_vars=vars_)
    assert kapi.publication_of(request).routing_key == "route.req.video.acc"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (call.ChannelAnswered(""), "call_id"),
        (dialplan.DialplanError("e", "m", "CS_EXECUTE", "ACTIVE"), "call_id"),
        (channels.QueryUserChannelsReq("acme"), "username"),
        (channels.QueryUserChannelsReq(username="bob"), "realm"),
        (route.RouteReq("leg", "", "t", "r"), "from_"),
    ],
)
def test_a_message_without_what_its_key_is_made_of_has_none(message: object, field: str) -> None:
    with pytest.raises(kapi.NoRoutingKey) as caught:
        kapi.publication_of(message)
    assert caught.value.field == field
