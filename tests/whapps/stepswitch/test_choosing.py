"""Which carriers take a number, in which order, and what they are sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import Bridge, Endpoint
from mirliton.actors.kapi.offnet_resource import OffnetReq
from mirliton.ecallmgr.dialling import bridge
from mirliton.ecallmgr.plan import Surroundings
from mirliton.whapps.numbers.rules import rules_of
from mirliton.whapps.stepswitch.choosing import candidates
from mirliton.whapps.stepswitch.endpoints import endpoint_of
from mirliton.whapps.stepswitch.formatters import FROM, TO, format_field
from mirliton.whapps.stepswitch.resource import resources_of

RULES = rules_of({})
NUMBER = "+14155550100"


def _resource(name: str, **fields: Any) -> dict[str, Any]:
    gateways = [{"server": f"{name}.example"}]
    return {
        "_id": name,
        "pvt_type": "resource",
        "name": name,
        "gateways": gateways,
        "rules": [r"^\+1(\d{10})$"],
        **fields,
    }


def _asked(**fields: Any) -> OffnetReq:
    known: dict[str, Any] = {
        "application_name": "bridge",
        "resource_type": "audio",
        "to_did": NUMBER,
        "account_id": "a" * 32,
        "account_realm": "acme.example",
        "outbound_caller_id_name": "Acme",
        "outbound_caller_id_number": "+14155550999",
        "call_id": "c1",
    }
    return OffnetReq(**{**known, **fields})


def _chosen(
    *docs: Any, number: str = NUMBER, fails: Any = lambda route_id: False, trusted: bool = True, **asked: Any
) -> list[str]:
    found = candidates(resources_of(docs, is_global=trusted), _asked(**asked), number, RULES, fails)
    return [f"{candidate.resource.id} {candidate.number}" for candidate in found]


def _endpoint(
    doc: Any, number: str = NUMBER, config: Any = None, emergency: bool = False, **asked: Any
) -> Endpoint | None:
    (first, *_) = candidates(resources_of([doc], is_global=True), _asked(**asked), number, RULES)
    return endpoint_of(first, _asked(**asked), config or {}, number=number, kind="did_us", emergency=emergency)


class TestChoosing:
    def test_the_lightest_comes_first(self) -> None:
        docs = [_resource("a"), _resource("b", weight_cost=1), _resource("c", weight_cost=99)]
        assert _chosen(*docs) == ["b 4155550100", "a 4155550100", "c 4155550100"]

    @pytest.mark.parametrize(
        ("rules", "sent"),
        [
            ([r"^\+1(\d{10})$"], "4155550100"),
            ([r"^\+44", r"^\+1415"], NUMBER),
            ([r"^(\+1)?(\d+)$"], "+1"),
            ([r"^\+44"], None),
            ([], None),
            (["("], None),
            (["(", 5, r"^\+1(\d+)$"], "4155550100"),
        ],
        ids=str,
    )
    def test_a_rule_says_which_numbers_and_what_is_sent(self, rules: Any, sent: str | None) -> None:
        assert _chosen(_resource("a", rules=rules)) == ([f"a {sent}"] if sent else [])

    def test_a_tenants_rule_that_may_take_long_is_not_run(self) -> None:
        slow = _resource("a", rules=[r"^(\+?\d+)+x$"])
        assert _chosen(slow, trusted=False) == []
        assert _chosen(_resource("a"), trusted=False) == ["a 4155550100"]

    @pytest.mark.parametrize(
        ("fields", "flags", "taken"),
        [
            ({}, (), True),
            ({}, ("fax",), False),
            ({"flags": ["fax", "x"]}, ("fax",), True),
            ({"flags": ["fax"]}, ("fax", "x"), False),
            ({"flags": ["fax"]}, (), True),
            ({"flags": ["fax"], "require_flags": True}, (), False),
            ({"ignore_flags": True}, ("fax",), True),
            ({"enabled": False}, (), False),
            ({"pvt_deleted": True}, (), False),
            ({"cid_rules": [r"^\+1415"]}, (), True),
            ({"cid_rules": [r"^\+44"]}, (), False),
            ({"gateways": []}, (), False),
            ({"gateways": [{"server": "x", "enabled": False}]}, (), False),
            ({"gateways": "x", "rules": "y", "flags": 5}, (), False),
        ],
        ids=str,
    )
    def test_flags_callers_and_gateways_decide_too(self, fields: Any, flags: Any, taken: bool) -> None:
        assert bool(_chosen(_resource("a", **fields), flags=flags)) is taken

    def test_a_carrier_may_be_split_by_kinds_of_number(self) -> None:
        kinds = {
            "did_us": {"weight_cost": 5, "prefix": "9"},
            "international": {"enabled": False},
            "emergency": {"emergency": True},
        }
        doc = _resource("a", rules=[], classifiers=kinds)
        assert _chosen(doc, _resource("b")) == [f"a 9{NUMBER}", "b 4155550100"]
        assert _chosen(doc, number="+442079460000") == []
        assert _chosen(doc, number="911") == ["a 911"]

    def test_help_is_called_by_those_who_bring_it(self) -> None:
        docs = [
            _resource("a", rules=["^911$", r"^\+1"], weight_cost=1),
            _resource("e", rules=["^911$"], emergency=True),
        ]
        assert _chosen(*docs, number="911") == ["e 911"]
        assert _chosen(docs[0], number="911") == ["a 911"], "better by anybody than not at all"
        assert _chosen(_resource("e", emergency=True)) == [], "which take nothing else"

    def test_who_fails_just_now_comes_last(self) -> None:
        docs = [_resource("a", weight_cost=1), _resource("b")]
        assert _chosen(*docs, fails=lambda route_id: route_id == "a/0") == ["b 4155550100", "a 4155550100"]

    def test_gateways_come_in_order_or_by_chance_but_the_same_for_one_call(self) -> None:
        gateways = [{"server": f"g{number}.example"} for number in range(8)]

        def routes(call_id: str, **fields: Any) -> list[str]:
            resources = resources_of([_resource("a", gateways=gateways, **fields)], is_global=True)
            return [found.route_id for found in candidates(resources, _asked(call_id=call_id), NUMBER, RULES)]

        assert routes("c1") == [f"a/{number}" for number in range(8)]
        by_chance = {"gateway_strategy": "random"}
        assert routes("c1", **by_chance) == routes("c1", **by_chance)
        assert sorted(routes("c1", **by_chance)) == sorted(routes("c2", **by_chance))
        assert len({tuple(routes(f"c{number}", **by_chance)) for number in range(20)}) > 1


class TestAGateway:
    @pytest.mark.parametrize(
        ("gateway", "route"),
        [
            ({}, "sip:4155550100@a.example"),
            ({"port": 5080}, "sip:4155550100@a.example:5080"),
            ({"prefix": "9", "suffix": "*"}, "sip:94155550100*@a.example"),
            ({"invite_format": "1npan"}, "sip:14155550100@a.example"),
            ({"route": "77@carrier.example"}, "sip:77@carrier.example"),
            ({"route": "sips:77@carrier.example"}, "sips:77@carrier.example"),
            ({"server": None}, None),
            ({"endpoint_type": "skype"}, None),
        ],
        ids=str,
    )
    def test_where_it_is(self, gateway: Any, route: str | None) -> None:
        endpoint = _endpoint(_resource("a", gateways=[{"server": "a.example", **gateway}]))
        assert (endpoint.route if endpoint is not None else None) == route

    def test_who_it_is_told_calls(self) -> None:
        asked = {"emergency_caller_id_number": "+1911", "emergency_caller_id_name": "Room 5"}
        endpoint = _endpoint(_resource("a"), **asked)
        assert endpoint is not None
        assert (endpoint.outbound_caller_id_name, endpoint.outbound_caller_id_number) == ("Acme", "+14155550999")
        helped = _endpoint(_resource("a"), emergency=True, privacy_hide_number=True, **asked)
        assert helped is not None
        assert (helped.outbound_caller_id_name, helped.outbound_caller_id_number) == ("Room 5", "+1911")
        assert helped.privacy_hide_number is None
        by_default = _endpoint(_resource("a"), emergency=True, config={"default_emergency_cid_number": "+15"})
        assert by_default is not None
        assert by_default.outbound_caller_id_number == "+15"

    @pytest.mark.parametrize(
        ("fields", "asked", "uri"),
        [
            ({}, {}, None),
            ({"format_from_uri": True}, {}, "sip:+14155550999@acme.example"),
            ({"format_from_uri": True, "from_uri_realm": "c.example"}, {}, "sip:+14155550999@c.example"),
            (
                {"format_from_uri": True, "from_account_realm": True},
                {"from_uri_realm": "x"},
                "sip:+14155550999@acme.example",
            ),
            ({}, {"format_from_uri": True, "from_uri_realm": "own.example"}, "sip:+14155550999@own.example"),
            ({"format_from_uri": True, "from_uri_realm": "bad realm>"}, {}, None),
        ],
        ids=str,
    )
    def test_its_from_may_be_of_another_realm(self, fields: Any, asked: Any, uri: str | None) -> None:
        endpoint = _endpoint(_resource("a", **fields), **asked)
        assert endpoint is not None
        assert endpoint.custom_channel_vars.get("From-URI") == uri

    def test_numbers_are_written_as_it_wants_them(self) -> None:
        formatters = {
            "outbound_caller_id_number": {"regex": r"^\+1(\d{10})$", "prefix": "0"},
            "to": [{"regex": "^9", "value": "no"}, {"prefix": "5", "direction": "inbound"}, {"suffix": "#"}],
            "caller_id_name": {"strip": True},
        }
        endpoint = _endpoint(_resource("a", formatters=formatters))
        assert endpoint is not None
        assert endpoint.route == "sip:4155550100#@a.example"
        assert (endpoint.outbound_caller_id_number, endpoint.outbound_caller_id_name) == ("04155550999", None)

    def test_parameters_of_its_invite(self) -> None:
        wanted = {
            "static": ["npid", "bad param;x"],
            "dynamic": [
                "custom_channel_vars.tns_cic",
                {"key": "custom_sip_headers.x_auth_ip", "tag": "src"},
                "zone",
                5,
            ],
        }
        doc = _resource("a", gateways=[{"server": "a.example", "invite_parameters": wanted}])
        asked = {
            "requestor_custom_channel_vars": {"TNS-CIC": "77"},
            "requestor_custom_sip_headers": {"X-AUTH-IP": "10.0.0.1"},
        }
        endpoint = _endpoint(doc, **asked)
        assert endpoint is not None
        assert endpoint.sip_invite_parameters == ("npid", "77", "src=10.0.0.1")

    def test_the_leg_is_known_as_the_carriers(self) -> None:
        endpoint = _endpoint(_resource("a"))
        assert endpoint is not None
        known = endpoint.custom_channel_vars
        assert (known["Resource-ID"], known["Authorizing-Type"], known["Global-Resource"]) == ("a", "resource", "true")
        assert (known["Account-ID"], known["DID-Classifier"]) == ("a" * 32, "did_us")

    def test_kazoos_own_example_is_understood(self, reference: Path) -> None:
        docs = json.loads((reference / "kazoo-messages" / "resources" / "global.json").read_text())
        found = candidates(resources_of(docs, is_global=True), _asked(), NUMBER, RULES)
        endpoints = [endpoint_of(one, _asked(), {}, number=NUMBER, kind="did_us", emergency=False) for one in found]
        assert found
        for endpoint in endpoints:
            assert endpoint is not None
            bridge(Bridge("94b7e751-aadd-4896-aedd-eea32258180f", (endpoint,)), Surroundings())


def test_a_formatter_writes_as_the_gateway_is_invited() -> None:
    formatters = {
        "to_did": {"regex": r"^\+?1?(\d{10})$", "match_invite_format": True},
        "from": "wrong",
        "caller_id_number": 7,
    }
    assert format_field(formatters, TO, NUMBER, "outbound", "1npan") == "14155550100"
    assert format_field(formatters, FROM, NUMBER, "outbound") == NUMBER
