"""What we write is valid by Kazoo's own JSON schemas."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from kapi_samples import Samples
from mirliton.actors import kapi

UNTYPED = {
    "an object": "Call-Interaction Denied-Call-Restrictions Fax-Info Globals Media-Servers Node-Info Other-Leg Ports "
    "Recording Recording-Variables WhApps",
    "a list": "B-Leg-Events Channels Codecs Commands Export-Bridge-Variables Export-Variables Frequencies "
    "SIP-Invite-Parameters",
    "true or false, as the schemas say that have a type for it": "Preview",
}
"""Kazoo has no type test for these, and its schemas say string for whatever has none. They hold something else."""
LEFT_OUT = {header for headers in UNTYPED.values() for header in headers.split()}

NO_LONGER_REQUIRED = {
    "kapi.asr.error": {"Error-Code", "Error-Msg"},
    "kapi.asr.resp": {"Response-Text"},
    "kapi.metaflow.bind": {"Call", "Call-ID"},  # one of them is
    "kapi.metaflow.bind_req": {"Binding-Leg"},
    "kapi.notifications.bill_reminder": {"Payment-Token"},
    "kapi.notifications.number_feature_manual_action": {"To"},
    "kapi.pusher.push_req": {"Alert-Body"},
}
MORE_VALUES = {
    "kapi.conf.doc_update": "Event-Name",
    "kapi.dialplan.queue": "Commands",  # objects, as the schema of all commands together says
    "kapi.offnet_resource.req": "Resource-Type",
}
"""Where Kazoo's definitions (test_reference.py) have gone on, and its schemas have not."""

SPECIAL = {
    "kapi.dialplan.error": "kapi.dialplan.dialplan",
    "kapi.route.route_req": "kapi.route.req",  # route_req has no type for Cost-Parameters
    "kapi.offnet_resource.offnet_req": "kapi.offnet_resource.req",  # offnet_req has half of the types
    "kapi.omnipresence.subscription": "kapi.omnipresence.subscribe",
    "kapi.switch.command": "kapi.switch.fs_command",
}
NONE = {
    "kapi.acdc_agent.login",
    "kapi.acdc_agent.login_queue",
    "kapi.acdc_agent.login_resp",
    "kapi.acdc_agent.logout",
    "kapi.acdc_agent.logout_queue",
    "kapi.channels.channel_status_req",
    "kapi.error",
    "kapi.registration.search_partial_resp",
    "kapi.registration.search_req",
    "kapi.registration.search_resp",
}
"""Messages that Kazoo has no schema of."""

EVENTS = [d for d in kapi.definitions() if issubclass(d.cls, kapi.call.CallEvent)]
OTHERS = [d for d in kapi.definitions() if d not in EVENTS and d.tag not in NONE]


@pytest.fixture(scope="session")
def schema(kazoo_schema: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """Kazoo's schema less the properties where it is known to be wrong."""

    def load(name: str) -> dict[str, Any]:
        found = kazoo_schema(name)
        if name == "kapi.dialplan.bridge_endpoint":  # two files have half of the types each
            found["properties"] = kazoo_schema(name + "_headers")["properties"] | found["properties"]
        if name in ("kapi.dialplan.bridge_endpoint", "kapi.route.resp_route"):
            formats = found["properties"]["Invite-Format"]["enum"]
            assert "forward" not in formats  # the definitions have these two, the schemas are older
            formats += ["endpoint", "forward"]
        if name in NO_LONGER_REQUIRED:
            assert set(found["required"]) >= NO_LONGER_REQUIRED[name]
            found["required"] = sorted(set(found["required"]) - NO_LONGER_REQUIRED[name]) or ["Msg-ID"]
        if name in MORE_VALUES:
            del found["properties"][MORE_VALUES[name]]
        for header in LEFT_OUT & found.get("properties", {}).keys():
            if found["properties"][header].get("type") == "string":
                del found["properties"][header]
        return found

    return load


@pytest.fixture(scope="session")
def valid(schema: Callable[[str], dict[str, Any]]) -> Callable[[str, Any], None]:
    """Fails when a message is not valid by the schema of this name."""
    made: dict[str, Any] = {}

    def retrieve(uri: str) -> dict[str, Any]:
        return schema(uri.rpartition("/")[2])

    def check(name: str, headers: Any) -> None:
        if name not in made:
            made[name] = jsonschema_rs.Draft4Validator(schema(name), retriever=retrieve)
        problems = [f"{'.'.join(map(str, e.instance_path))}: {e.message}" for e in made[name].iter_errors(headers)]
        assert not problems, problems

    return check


def without_none(headers: Any) -> Any:
    """The message with Terminators that no key ends as the empty list the schema asks for."""
    if isinstance(headers, dict) and headers.get("Terminators") == "none":
        return headers | {"Terminators": []}
    return headers


def schema_of(definition: kapi.Definition, headers: dict[str, Any]) -> str:
    if definition in EVENTS:
        return "kapi.call.event"
    if definition.family == "frontier" and definition.fixed["Event-Name"] != "acl_flush":
        about = {"acl": "acls", "rate_limit": "ratelimits"}[headers["Event-Category"]]
        return f"kapi.frontier.{about}_{definition.tag.rpartition('.')[2]}"
    return SPECIAL.get(definition.tag, definition.tag)


@pytest.mark.parametrize("definition", [*OTHERS, EVENTS[0]], ids=lambda definition: definition.tag)
def test_written_messages_are_valid(definition: kapi.Definition, valid: Callable[[str, Any], None]) -> None:
    samples = Samples(7)
    for number in range(30):
        message = samples.of(definition.shape, full=number < 3, text_only=True)
        headers = json.loads(json.dumps(kapi.to_headers(message)))
        valid(schema_of(definition, headers), without_none(headers))
        for command in headers.get("Commands", ()):
            valid(f"kapi.dialplan.{command['Application-Name']}", without_none(command))


def test_a_message_that_breaks_its_schema_is_noticed(valid: Callable[[str, Any], None]) -> None:
    headers = kapi.to_headers(kapi.dialplan.Hangup("c1", other_leg_only=True))
    with pytest.raises(AssertionError, match="Other-Leg-Only"):
        valid("kapi.dialplan.hangup", headers | {"Other-Leg-Only": "maybe"})


def test_tones_and_routes_are_checked_down_to_their_parts(valid: Callable[[str, Any], None]) -> None:
    headers = kapi.to_headers(kapi.dialplan.Tones("c1", (kapi.dialplan.Tone((440,), 2.0, 4.0),)))
    valid("kapi.dialplan.tones", headers)
    with pytest.raises(AssertionError, match=r"Tones\.0"):
        valid("kapi.dialplan.tones", headers | {"Tones": [{"Frequencies": ["440"]}]})
    answer = kapi.to_headers(kapi.route.RouteResp("bridge", routes=(kapi.route.Route("route", route="sip:a@b"),)))
    valid("kapi.route.route_resp", answer)
