"""Defining messages: what a class becomes, and which definitions cannot be."""

from dataclasses import FrozenInstanceError
from typing import Annotated

import pytest

from mirliton.actors import kapi
from mirliton.actors.kapi import call, dialplan
from mirliton.actors.kapi._family import kapi as define
from mirliton.actors.kapi.dialplan import Bridge, Endpoint, Hangup
from mirliton.actors.kapi.passage import Edge
from mirliton.actors.kapi.shape import Shape
from mirliton.actors.kapi.spelling import header_of
from mirliton.actors.kapi.wire import Header
from mirliton.runtime import decode, encode, message


@pytest.mark.parametrize(
    ("field", "header"),
    [
        ("call_id", "Call-ID"),
        ("from_", "From"),
        ("custom_sip_headers", "Custom-SIP-Headers"),
        ("enable_t38_fax_request", "Enable-T38-Fax-Request"),
        ("freeswitch_hostname", "FreeSWITCH-Hostname"),
        ("prepend_cid_name", "Prepend-CID-Name"),
        ("b_leg_events", "B-Leg-Events"),
        ("dtmfs", "DTMFs"),
        ("request_from_pid", "Request-From-PID"),
    ],
)
def test_a_fields_name_becomes_kazoos_spelling(field: str, header: str) -> None:
    assert header_of(field) == header


def test_a_message_is_frozen_and_slotted() -> None:
    hangup = Hangup("leg")
    with pytest.raises(FrozenInstanceError):
        hangup.call_id = "other"  # type: ignore[misc]
    assert not hasattr(hangup, "__dict__")


def test_a_repr_shows_what_was_said_and_no_secrets() -> None:
    endpoint = Endpoint("route", auth_user="u", auth_password="sesame")
    text = repr(Bridge("leg", (endpoint,), timeout=20.0))
    assert text == (
        "Bridge(call_id='leg', endpoints=(Endpoint(invite_format='route', auth_user='u', auth_password=***),), "
        "timeout=20.0)"
    )
    assert "4" not in repr(call.DtmfReceived("leg", dtmf_digit="4", digits_dialed="4", application_response="4"))


def test_every_command_has_a_leg_a_place_in_the_queue_and_a_name_to_call_it_by() -> None:
    commands = [
        one for one in kapi.definitions() if (one.fixed.get("Event-Category"), one.exchange) == ("call", "callctl")
    ]
    assert len(commands) == 50
    for definition in commands:
        assert {"call_id", "insert_at", "msg_id"} <= {field.name for field in definition.shape.fields}
        assert issubclass(definition.cls, dialplan.Command)
        assert dialplan.application_name(definition.cls) == definition.tag.removeprefix("kapi.dialplan.")


def test_every_event_is_a_call_event_and_knows_kazoos_name_for_it() -> None:
    assert isinstance(call.ChannelAnswered("leg"), call.CallEvent)
    assert call.event_name(call.ChannelAnswered("leg")) == "CHANNEL_ANSWER"
    assert call.event_name(call.ChannelDestroyed) == "CHANNEL_DESTROY"


def test_the_tag_of_a_message_begins_with_kapi() -> None:
    assert all(definition.tag.startswith("kapi.") for definition in kapi.definitions())


def test_two_messages_cannot_have_the_same_event() -> None:
    with pytest.raises(ValueError, match="have the same"):

        @define("test.reg_sync", "directory", "registrar", "registration.sync")
        class Again:
            pass


def test_what_is_published_for_all_says_what_to_bind() -> None:
    with pytest.raises(ValueError, match="routing key"):
        define("test.a", "test", "callevt", lambda message: "test.a")
    with pytest.raises(ValueError, match="routing key"):
        define("test.b", "test", "callevt")


def test_a_field_without_a_form_on_the_wire_is_refused_when_it_is_defined() -> None:
    @message("test.kapi.weighed")
    class Weighed:
        weight: float

    with pytest.raises(TypeError, match="no form on the wire"):
        Shape(Weighed)


@message("test.kapi.either")
class Either:
    this: str | None = None
    that: Annotated[str | None, Header("The-Other")] = None


def test_at_least_one_of_a_group_is_required() -> None:
    shape = Shape(Either, one_of=(("This", "The-Other"),))
    for headers, complaint in [({}, ["This / The-Other"]), ({"This": ""}, ["This / The-Other"]), ({"This": "x"}, [])]:
        edge = Edge()
        found = shape.read(headers, "", edge)
        assert [problem.header for problem in edge.problems] == complaint
        edge = Edge()
        shape.write(Either(**found), "", edge)
        assert [problem.header for problem in edge.problems] == complaint


def test_a_group_of_headers_that_no_field_has_is_refused_when_it_is_defined() -> None:
    with pytest.raises(TypeError, match="Neither"):
        Shape(Either, one_of=(("This", "Neither"),))


def test_a_category_that_is_not_given_is_listed_by_a_field() -> None:
    with pytest.raises(TypeError, match="Unheard has no field that lists its categories"):

        @define("test.unheard", None, "callevt", "test.unheard")
        class Unheard:
            body: str


def test_what_is_optional_for_several_messages_is_said_once_and_by_name() -> None:
    alert = kapi.notifications.SystemAlert("disk", "full", to="ops@acme.test")
    assert kapi.from_headers(kapi.to_headers(alert)) == alert
    assert decode(encode(alert)) == alert
    hangup = Hangup("leg", "USER_BUSY", insert_at="now", msg_id="m")
    assert decode(encode(hangup)) == hangup


@pytest.mark.parametrize(
    ("cls", "known", "bindings"),
    [
        (kapi.registration.RegSuccess, {}, [("registrar", "registration.success.*.*")]),
        (kapi.registration.RegSuccess, {"realm": "acme.test"}, [("registrar", "registration.success.acme%2Etest.*")]),
        (
            kapi.authn.AuthnReq,
            {},
            [("callmgr", "authn.req.*"), ("registrar", "authn.endpoint.req.*")],
        ),
        (kapi.route.RouteReq, {}, [("callmgr", "route.req.#")]),
        (kapi.nodes.Advertise, {}, [("nodes", "")]),
        (kapi.authn.AuthnResp, {}, []),
        (kapi.rate.Resp, {}, [("callmgr", "rate.resp.broadcast")]),
        (kapi.im.Inbound, {"event_category": "sms"}, [("im", "sms.inbound.*.*")]),
    ],
)
def test_a_message_says_what_to_bind_to_get_it(
    cls: type, known: dict[str, str], bindings: list[tuple[str, str]]
) -> None:
    assert list(kapi.bindings_of(cls, **known)) == bindings
