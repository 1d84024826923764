"""Messages that real Kazoo and Kamailio nodes sent are understood."""

import json
from pathlib import Path
from typing import Any

import pytest

from mirliton.actors import kapi
from mirliton.actors.kapi.channels import ChannelStatusResp
from mirliton.actors.kapi.registration import RegFlush, RegSuccess, RegSync
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


@pytest.mark.parametrize("path", ["offnet_req/global", "resources/global", "notifications/deregister", "cdr"])
def test_what_is_not_ours_yet_is_refused_with_a_named_error(reference: Path, path: str) -> None:
    with pytest.raises(kapi.KapiError):
        kapi.from_headers(load(reference / "kazoo-messages" / f"{path}.json"))


CAPTURED = {
    "0005-directory-reg_success": RegSuccess,
    "0010-directory-reg_success": RegSuccess,
    "0013-directory-reg_success": RegSuccess,
    "0017-call_event-channel_status_resp": ChannelStatusResp,
    "0019-directory-reg_sync": RegSync,
    "0033-directory-reg_success": RegSuccess,
    "0034-directory-reg_flush": RegFlush,
}


@pytest.mark.parametrize(("name", "cls"), CAPTURED.items())
def test_kamailios_traffic_is_read_and_goes_where_it_went(reference: Path, name: str, cls: type) -> None:
    capture = load(reference / "kamailio-captures" / f"{name}.json")
    message = kapi.from_headers(capture["body"])
    assert type(message) is cls
    key = capture["routing_keys"][0]
    assert kapi.publication_of(message, to=key) == (capture["exchange"], key)


def test_a_registration_of_kamailio_is_read_whole(reference: Path) -> None:
    body = load(reference / "kamailio-captures" / "0033-directory-reg_success.json")["body"]
    success = kapi.from_headers(body)
    assert isinstance(success, RegSuccess)
    assert (success.username, success.realm, success.status) == ("alice", "acme.test", "Unregistered")
    assert (success.expires, success.event_timestamp, success.first_registration) == (0.0, 1795452987, False)
    assert success.source_port == "25071"
