"""What we write is valid by Kazoo's own JSON schemas."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirliton.actors import kapi

UNTYPED = "Kazoo has no type test for it, and the schemas say string for whatever has none; it is {}"
OBJECT = UNTYPED.format("an object")
LIST = UNTYPED.format("a list")

DEVIATIONS: dict[str, dict[str, str]] = {
    "kapi.call.event": {"Recording": OBJECT},
    "kapi.cdr.report": {"Call-Interaction": OBJECT, "Other-Leg": OBJECT},
    "kapi.call.query_account_channels_resp": {"Channels": LIST},
    "kapi.call.query_auth_id_resp": {"Channels": LIST},
    "kapi.call.query_user_channels_resp": {"Channels": LIST},
    "kapi.dialplan.bridge": {"Export-Variables": LIST, "Export-Bridge-Variables": LIST},
    "kapi.dialplan.bridge_endpoint": {"Codecs": LIST},
    "kapi.dialplan.queue": {"Commands": "a list of objects, as the schema of all commands together says"},
    "kapi.dialplan.record_call": {"Recording-Variables": OBJECT},
    "kapi.dialplan.tones_req_tone_headers": {"Frequencies": LIST},
}

EVENTS = [d for d in kapi.definitions() if issubclass(d.cls, kapi.call.CallEvent)]
OTHERS = [d for d in kapi.definitions() if d not in EVENTS and d.tag != "kapi.error"]
SPECIAL = {
    "kapi.dialplan.error": "kapi.dialplan.dialplan",
    "kapi.route.route_req": "kapi.route.req",  # route_req has no type for Cost-Parameters
}


@pytest.fixture(scope="session")
def schema(kazoo_schema: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """Kazoo's schema less the properties where it is known to be wrong, each of which must exist."""

    def load(name: str) -> dict[str, Any]:
        found = kazoo_schema(name)
        if name == "kapi.dialplan.bridge_endpoint":  # two files have half of the types each
            found["properties"] = kazoo_schema(name + "_headers")["properties"] | found["properties"]
        if name in ("kapi.dialplan.bridge_endpoint", "kapi.route.resp_route"):
            formats = found["properties"]["Invite-Format"]["enum"]
            assert "forward" not in formats  # the definitions have these two, the schemas are older
            formats += ["endpoint", "forward"]
        for header in DEVIATIONS.get(name, {}):
            assert found["properties"].pop(header)["type"] != "object"
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


@pytest.mark.parametrize("definition", [*OTHERS, EVENTS[0]], ids=lambda definition: definition.tag)
@pytest.mark.parametrize("full", [True, False], ids=["all_headers", "some_headers"])
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_written_messages_are_valid(
    definition: kapi.Definition, full: bool, data: st.DataObject, samples: Any, valid: Callable[[str, Any], None]
) -> None:
    message = data.draw(samples(definition, anything=st.text(min_size=1, max_size=5), full=full))
    headers = json.loads(json.dumps(kapi.to_headers(message)))
    name = "kapi.call.event" if definition in EVENTS else SPECIAL.get(definition.tag, definition.tag)
    valid(name, without_none(headers))
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
