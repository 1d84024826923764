"""Messages that real Kazoo and Kamailio nodes sent are understood."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mirliton.actors import kapi
from mirliton.actors.kapi.envelope import SHAPE as ENVELOPE
from mirliton.actors.kapi.registration import RegSuccess
from mirliton.actors.kapi.route import RouteReq, RouteWin


def load(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.mark.parametrize("name", ["inbound-onnet-callflow", "inbound-onnet-trunkstore"])
def test_a_route_request_is_read(reference: Path, name: str) -> None:
    headers = load(reference / "kazoo-messages" / "route_req" / f"{name}.json")
    request = kapi.from_headers(headers)
    assert isinstance(request, RouteReq)
    assert request.call_id == headers["Call-ID"]
    assert request.from_ == headers["From"]
    assert request.from_network_port == headers["From-Network-Port"]
    assert request.custom_channel_vars["Caller-Screen-Bit"] is True
    assert kapi.publication_of(request) == ("callmgr", "route.req.audio.account0000000000000000000000001")
    again = kapi.to_headers(request, kapi.envelope_of(headers))
    assert again == headers


@pytest.mark.parametrize("name", ["inbound-onnet-callflow", "inbound-onnet-trunkstore"])
def test_a_route_win_is_read(reference: Path, name: str) -> None:
    headers = load(reference / "kazoo-messages" / "route_win" / f"{name}.json")
    win = kapi.from_headers(headers)
    assert isinstance(win, RouteWin)
    assert win.control_queue == headers["Control-Queue"]
    assert win.custom_channel_vars["Application-Node"] == "kazoo_apps@apps001.2600hz.local"
    assert kapi.to_headers(win, kapi.envelope_of(headers)) == headers


MAILS = {
    "bill_reminder": "BillReminder",
    "deregister": "Deregister",
    "low_balance": "LowBalance",
    "new_account": "NewAccount",
    "new_user": "NewUser",
    "service_added": "ServiceAdded",
    "system_alert": "SystemAlert",
    "voicemail_to_email": "VoicemailNew",
}


@pytest.mark.parametrize(("name", "cls"), MAILS.items())
def test_a_notification_is_read_whole(reference: Path, name: str, cls: str) -> None:
    headers = load(reference / "kazoo-messages" / "notifications" / f"{name}.json")
    message = kapi.from_headers(headers)
    assert type(message).__name__ == cls
    again = kapi.to_headers(message, kapi.envelope_of(headers))
    known = kapi.definition_of(message).listed | ENVELOPE.headers
    told = {header for header, value in headers.items() if value not in (None, "", [], {})}
    assert told & known <= again.keys()


def test_a_request_for_a_carrier_is_read(reference: Path) -> None:
    request = kapi.from_headers(load(reference / "kazoo-messages" / "offnet_req" / "global.json"))
    assert isinstance(request, kapi.offnet_resource.OffnetReq)
    assert kapi.publication_of(request) == ("resources", "offnet.resource.req.audio")


@pytest.mark.parametrize("path", ["resources/global", "cdr"])
def test_what_is_no_message_is_refused_with_a_named_error(reference: Path, path: str) -> None:
    with pytest.raises(kapi.KapiError):
        kapi.from_headers(load(reference / "kazoo-messages" / f"{path}.json"))


CAPTURED = {
    "0001-nodes-advertise": None,
    "0002-directory-authn_req": "authn.authn_req",
    "0003-nodes-advertise": "nodes.advertise",
    "0004-directory-authn_resp": "authn.authn_resp",
    "0005-directory-reg_success": "registration.reg_success",
    "0006-directory-authn_req": "authn.authn_req",
    "0007-directory-authn_resp": "authn.authn_resp",
    "0008-directory-authn_req": "authn.authn_req",
    "0009-directory-authn_resp": "authn.authn_resp",
    "0010-directory-reg_success": "registration.reg_success",
    "0011-directory-authn_req": "authn.authn_req",
    "0012-directory-authn_err": "authn.authn_err",
    "0013-directory-reg_success": "registration.reg_success",
    "0014-directory-authn_req": "authn.authn_req",
    "0015-directory-authn_resp": "authn.authn_resp",
    "0016-channel-channel_status_req": "channels.channel_status_req",
    "0017-call_event-channel_status_resp": "call.channel_status_resp",
    "0018-sms-inbound": "im.inbound",
    "0019-directory-reg_sync": "registration.reg_sync",
    "0020-directory-reg_success": "registration.reg_success",
    "0021-directory-reg_success": "registration.reg_success",
    "0022-registration-search_req": "registration.search_req",
    "0023-registration-search_partial_resp": "registration.search_partial_resp",
    "0024-registration-search_partial_resp": "registration.search_partial_resp",
    "0025-registration-search_resp": "registration.search_resp",
    "0026-presence-probe": "presence.probe",
    "0027-presence-subscription": "omnipresence.subscription",
    "0028-presence-dialog_update": "presence.dialog_update",
    "0029-presence-mwi_query": "presence.mwi_query",
    "0030-presence-subscription": "omnipresence.subscription",
    "0031-presence-mwi_update": None,
    "0032-presence-reset": "presence.reset",
    "0033-directory-reg_success": "registration.reg_success",
    "0034-directory-reg_flush": "registration.reg_flush",
}
"""What each capture is; None where whoever answered Kamailio there forgot the Msg-ID, which Kazoo asks for."""


def test_every_capture_is_tried(reference: Path) -> None:
    assert CAPTURED.keys() == {path.stem for path in (reference / "kamailio-captures").glob("0*.json")}


@pytest.mark.parametrize(("name", "tag"), CAPTURED.items())
def test_kamailios_traffic_is_read_whole_and_would_be_heard(reference: Path, name: str, tag: str | None) -> None:
    capture = load(reference / "kamailio-captures" / f"{name}.json")
    body, exchange, key = capture["body"], capture["exchange"], capture["routing_keys"][0]
    if tag is None:
        with pytest.raises(kapi.InvalidMessage, match="Msg-ID"):
            kapi.from_headers(body, exchange)
        return
    message = kapi.from_headers(body, exchange)
    definition = kapi.definition_of(message)
    assert definition.tag == f"kapi.{tag}"
    unread = body.keys() - kapi.to_headers(message, kapi.envelope_of(body)).keys()
    assert unread <= {"Server-ID", "User-Agent"}  # an empty one, and one that Kazoo does not list for a subscription
    bound = [one for one in definition.bindings if one.exchange == exchange]
    assert exchange == "targeted" or any(heard(one.routing_key, key) for one in bound)


def heard(pattern: str, key: str) -> bool:
    """Whether a topic exchange gives a message with this key to a queue bound with this pattern."""
    return (
        pattern == "" or re.fullmatch(re.escape(pattern).replace(r"\*", "[^.]+").replace(r"\#", ".*"), key) is not None
    )


def test_a_registration_of_kamailio_is_read_whole(reference: Path) -> None:
    body = load(reference / "kamailio-captures" / "0033-directory-reg_success.json")["body"]
    success = kapi.from_headers(body)
    assert isinstance(success, RegSuccess)
    assert (success.username, success.realm, success.status) == ("alice", "acme.test", "Unregistered")
    assert (success.expires, success.event_timestamp, success.first_registration) == (0.0, 1795452987, False)
    assert success.source_port == "25071"
