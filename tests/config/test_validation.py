"""Documents are judged in Crossbar's terms, all errors at once."""

from typing import Any

import pytest

from mirliton.config import ValidationError, crossbar_body, validate
from mirliton.config.rules import MAX_SHOWN, SECRETS
from mirliton.config.validation import MAX_ERRORS, MAX_REGEX, is_regex

AN_ID = "0123456789abcdef0123456789abcdef"


def a_user(**fields: Any) -> dict[str, Any]:
    return {"first_name": "Ada", "last_name": "Lovelace", **fields}


def rules(name: str, document: object) -> dict[str, set[str]]:
    return {field: set(found) for field, found in crossbar_body(validate(name, document)).items()}


def test_a_good_document_has_no_errors() -> None:
    user = a_user(
        email="ada@example.com",
        username="ada.l+1@x_y-z",
        caller_id={"internal": {"name": "Ada", "number": "1001"}},
        call_recording={"any": {"onnet": {"enabled": True, "time_limit": 60}}},
        formatters={"to": [{"regex": r"^\+?(\d{10})$", "prefix": "+1"}], "from": {"strip": True}},
        metaflows={"numbers": {"2": {"module": "transfer", "data": {"target": "1002"}}}},
        hotdesk={"pin": "1234"},
    )
    assert validate("users", user) == ()


def test_all_errors_come_at_once() -> None:
    user = {"first_name": "", "enabled": "yes", "priv_level": "god", "email": "nobody", "username": "a b"}
    assert rules("users", user) == {
        "last_name": {"required"},
        "first_name": {"minLength"},
        "enabled": {"type"},
        "priv_level": {"enum"},
        "email": {"wrong_format"},
        "username": {"pattern"},
    }


@pytest.mark.parametrize(
    ("name", "document", "field", "rule", "facts"),
    [
        ("users", {"first_name": "A"}, "last_name", "required", {"value": "last_name"}),
        ("users", a_user(enabled="x"), "enabled", "type", {"target": "boolean", "value": "x"}),
        (
            "users",
            a_user(first_name=""),
            "first_name",
            "minLength",
            {"target": 1, "cause": "", "value": ""},
        ),
        (
            "users",
            a_user(hotdesk={"id": "1" * 16}),
            "hotdesk.id",
            "maxLength",
            {"target": 15, "cause": "1" * 16, "value": "1" * 16},
        ),
        (
            "users",
            a_user(priv_level="god"),
            "priv_level",
            "enum",
            {"target": ["user", "admin"], "value": "god"},
        ),
        ("menus", {"name": "m", "retries": 0}, "retries", "minimum", {"target": 1, "value": 0}),
        ("menus", {"name": "m", "retries": 11}, "retries", "maximum", {"target": 10, "value": 11}),
        ("callflows.ring_group", {"endpoints": []}, "endpoints", "minItems", {"target": 1}),
        ("callflows", {"numbers": ["1", "1"]}, "numbers", "uniqueItems", {}),
        (
            "accounts",
            {"name": "a", "realm": "a b c d"},
            "realm",
            "pattern",
            {"target": r"^[.\w-]+$", "value": "a b c d"},
        ),
        (
            "vmboxes",
            {"mailbox": "1", "name": "v", "notify_email_addresses": ["x@example.com", "x"]},
            "notify_email_addresses.1",
            "wrong_format",
            {"format": "email", "value": "x"},
        ),
        ("call_recording", {"some": {}}, "some", "additionalProperties", {}),
        (
            "vmboxes",
            {"mailbox": "1", "name": "v", "operator_number": True},
            "operator_number",
            "not_one_schema_valid",
            {
                "target": [
                    "operator_number must be of type integer",
                    "operator_number must be of type string",
                ],
                "value": True,
            },
        ),
        (
            "devices",
            {"name": "d", "provision": {"combo_keys": {"1": 5}}},
            "provision.combo_keys.1",
            "type",
            {"target": "null, object", "value": 5},
        ),
    ],
)
def test_each_rule_shows_its_facts(
    name: str, document: dict[str, Any], field: str, rule: str, facts: dict[str, Any]
) -> None:
    found = crossbar_body(validate(name, document))[field][rule]
    assert isinstance(found.pop("message"), str)
    assert found == facts


def test_headers_that_fit_no_form_are_one_error() -> None:
    device = {"name": "d", "sip": {"custom_sip_headers": {"in": {"X-A": 1}}}}
    assert rules("devices", device) == {"sip.custom_sip_headers": {"any_schemas_not_valid"}}


def test_every_unexpected_field_is_named() -> None:
    errors = validate("api_auth", {"api_key": "k" * 64, "a": 1, "b": 2})
    assert {(error.field, error.rule) for error in errors} == {
        ("a", "additionalProperties"),
        ("b", "additionalProperties"),
    }


def test_a_dot_in_a_key_does_not_look_like_a_step() -> None:
    assert rules("dialplans", {"^1.5$": 3}) == {"^1%2E5$": {"type"}}


def test_a_document_that_is_no_object_is_one_error() -> None:
    for document in ([], "text", 3, None, True):
        (error,) = validate("accounts", document)
        assert (error.path, error.rule) == ((), "type")
        assert str(error) == "the document: must be of type object (type)"


def test_the_same_field_and_rule_shows_once_in_crossbars_shape() -> None:
    first, second = (ValidationError(("a",), "type", text) for text in ("one", "two"))
    assert crossbar_body([first, second]) == {"a": {"type": {"message": "one"}}}


# Patterns and formats


@pytest.mark.parametrize("realm", ["good.example.com\n", "exämple.com", "a b.com", "a.com\r\nX-Evil: 1"])
def test_a_realm_holds_nothing_that_would_end_a_header(realm: str) -> None:
    assert "pattern" in rules("accounts", {"name": "a", "realm": realm})["realm"]


def test_formatter_names_are_matched_as_perl_does() -> None:
    assert rules("formatters", {"from_1": 3}) == {"from_1": {"not_one_schema_valid"}}
    assert validate("formatters", {"from-1": 3}) == ()


@pytest.mark.parametrize("address", ["Ada <ada@example.com>", "a@b@c", "a@b\r\nBcc: x@y.z", "@", ""])
def test_an_address_is_an_address_and_nothing_more(address: str) -> None:
    assert "email" in rules("users", a_user(email=address))


@pytest.mark.parametrize("regex", ["(", "a{2,1}", "(?P<n>", "*", "(" * 1500 + ")" * 1500, "a" * (MAX_REGEX + 1)])
def test_an_expression_that_cannot_be_used_is_refused(regex: str) -> None:
    assert not is_regex(regex)
    assert rules("formatters", {"to": {"regex": regex}}) == {"to": {"not_one_schema_valid"}}


# Callflows and metaflows


def an_action(module: str, data: Any = None, **children: Any) -> dict[str, Any]:
    return {"module": module, "data": {} if data is None else data, "children": children}


def test_the_data_of_an_action_is_judged_by_its_module() -> None:
    flow = an_action("menu", {"id": AN_ID}, **{"1": an_action("user", {"id": AN_ID, "timeout": "20"})})
    assert rules("callflows", {"flow": flow}) == {"flow.children.1.data.timeout": {"type"}}


def test_an_action_that_does_not_exist_is_an_error_at_its_module() -> None:
    flow = an_action("menu", _=an_action("../../secrets"))
    (error,) = validate("callflows", {"flow": flow})
    assert (error.field, error.rule, error.details) == (
        "flow.children._.module",
        "error",
        {"value": "../../secrets"},
    )


def test_the_schema_of_all_actions_is_not_an_action() -> None:
    assert rules("callflows", {"flow": an_action("action", {"module": 3})}) == {"flow.module": {"error"}}


def test_what_an_action_lacks_is_named() -> None:
    flow = {"data": {}, "children": {"_": {"module": "hangup"}}}
    assert rules("callflows", {"flow": flow}) == {
        "flow.module": {"required"},
        "flow.children._.data": {"required"},
    }


def test_an_action_is_judged_alone_too() -> None:
    assert rules("callflows.action", an_action("response", {"code": "x"})) == {"data.code": {"type"}}


def test_metaflows_are_judged_wherever_they_stand() -> None:
    metaflows = {"patterns": {r"^2(\d+)$": {"module": "transfer", "data": {"transfer_type": "thrown"}}}}
    field = r"patterns.^2(\d+)$.data.transfer_type"
    for name, prefix, document in (
        ("metaflows", "", metaflows),
        ("users", "metaflows.", a_user(metaflows=metaflows)),
        ("callflows", "metaflow.", {"metaflow": metaflows}),
    ):
        assert rules(name, document) == {prefix + field: {"enum"}}


def test_modules_of_callflows_and_metaflows_are_kept_apart() -> None:
    metaflows = {"numbers": {"1": {"module": "voicemail"}}}
    assert rules("metaflows", metaflows) == {"numbers.1.module": {"error"}}


@pytest.mark.parametrize("module", [None, 3, [], {}, "", "x" * 65])
def test_a_module_that_is_no_name_is_an_error(module: Any) -> None:
    assert "flow.module" in rules("callflows", {"flow": {"module": module, "data": {}}})


# What errors must not do


@pytest.mark.parametrize("field", sorted(SECRETS & {"password", "pin"}))
def test_a_secret_is_not_repeated(field: str) -> None:
    document = {"name": "d", "mailbox": "1", "sip": {field: "abc"}, field: "abc"}
    for name in ("devices", "vmboxes"):
        for error in validate(name, document):
            assert "abc" not in str(error.body())


def test_a_secret_inside_an_object_is_not_repeated_either() -> None:
    errors = validate("devices", {"name": "d", "sip": [{"password": "hunter2"}]})
    assert errors
    assert "hunter2" not in str([error.body() for error in errors])


def test_a_long_value_is_repeated_in_part() -> None:
    (error,) = validate("accounts", {"name": "x" * 100_000})
    assert len(error.details["value"]) == MAX_SHOWN + 1
    assert len(str(error.body())) < 2000


def test_more_errors_than_anybody_reads_are_cut_off() -> None:
    errors = validate("accounts", {"name": "a", "flags": [1] * 5000})
    assert len(errors) == MAX_ERRORS + 1
    assert errors[-1].path == ()
    assert errors[-1].details == {"target": MAX_ERRORS}
