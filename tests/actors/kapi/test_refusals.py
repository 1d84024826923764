"""A message that breaks its definition is refused, and the error says what and where."""

from typing import Any

import pytest

from kapi_samples import Samples, one_of_each
from mirliton.actors import kapi
from mirliton.actors.kapi import kinds
from mirliton.actors.kapi.dialplan import Answer, Bridge, Endpoint, Hangup, Noop, Play, Queue, SendDtmf, Sleep

DEFINED = one_of_each()
each = pytest.mark.parametrize("definition", DEFINED, ids=lambda definition: definition.tag)


def refusal(headers: Any, exchange: str | None = None) -> kapi.InvalidMessage:
    with pytest.raises(kapi.InvalidMessage) as caught:
        kapi.from_headers(headers, exchange)
    return caught.value


def problems(headers: Any, exchange: str | None = None) -> dict[str, str]:
    return {problem.header: problem.text for problem in refusal(headers, exchange).problems}


TELLING = {"Event-Category", "Event-Name"}
"""Without these it is another message."""


@each
def test_a_missing_header_is_named(definition: kapi.Definition) -> None:
    headers = kapi.to_headers(Samples(1).of(definition.shape))
    for field in definition.shape.fields:
        if field.required and field.header not in TELLING:
            without = {header: value for header, value in headers.items() if header != field.header}
            assert problems(without, definition.exchange)[field.header] == "required, but missing"


@each
def test_a_header_of_the_wrong_type_is_named(definition: kapi.Definition) -> None:
    headers = kapi.to_headers(Samples(2).of(definition.shape))
    for field in definition.shape.fields:
        if not isinstance(field.wire, kinds.Free) and field.header not in TELLING:
            takes_lists = isinstance(field.wire, kinds.Array | kinds.Terminators)
            wrong = headers | {field.header: {"not": "this"} if takes_lists else ["not this"]}
            assert problems(wrong, definition.exchange)[field.header].startswith("expected ")


@each
def test_a_value_that_is_none_of_the_choices_is_named_with_them(definition: kapi.Definition) -> None:
    headers = kapi.to_headers(Samples(3).of(definition.shape))
    for field in definition.shape.fields:
        if isinstance(field.wire, kinds.Choice) and field.header not in TELLING:
            text = problems(headers | {field.header: "neither"}, definition.exchange)[field.header]
            assert "'neither'" in text
            assert all(value in text for value in field.wire.values)


@pytest.mark.parametrize("header", ["App-Name", "App-Version", "Msg-ID", "Event-Category", "Event-Name"])
def test_an_incomplete_envelope_is_refused(header: str) -> None:
    headers = kapi.to_headers(Answer("leg"))
    del headers[header]
    assert problems(headers) == {header: "required, but missing"}


def test_all_problems_are_told_at_once_and_each_once() -> None:
    headers = kapi.to_headers(Bridge("leg", (Endpoint("route"), Endpoint("route"))))
    del headers["Msg-ID"]
    headers |= {"Call-ID": ["leg"], "Timeout": "soon", "Media": "loud", "Endpoints": [{"Endpoint-Timeout": -1}, 7]}
    found = refusal(headers)
    assert [problem.header for problem in found.problems] == [
        "Msg-ID",
        "Call-ID",
        "Endpoints[0].Invite-Format",
        "Endpoints[0].Endpoint-Timeout",
        "Endpoints[1]",
        "Timeout",
        "Media",
    ]
    assert str(found).startswith("kapi.dialplan.bridge: Msg-ID: required, but missing; ")


def test_the_list_of_problems_has_an_end() -> None:
    headers = kapi.to_headers(Bridge("leg", (Endpoint("route"),))) | {"Endpoints": [{}] * 10_000}
    assert len(refusal(headers).problems) == kapi.InvalidMessage.MAX_PROBLEMS


def test_a_huge_value_is_not_repeated_in_full() -> None:
    headers = kapi.to_headers(Sleep("leg", 1.0)) | {"Time": "9" * 1_000_000}
    assert len(str(refusal(headers))) < 300
    with pytest.raises(kapi.UnknownMessage) as caught:
        kapi.from_headers(headers | {"Application-Name": "x" * 1_000_000})
    assert len(str(caught.value)) < 300


def test_a_secret_is_not_repeated_in_the_error() -> None:
    headers = kapi.to_headers(SendDtmf("leg", "1234"))
    assert "1234" not in str(refusal(headers | {"DTMFs": ["1234"]}))
    with pytest.raises(kapi.InvalidMessage) as caught:
        kapi.to_headers(SendDtmf("leg", 1234))  # type: ignore[arg-type]
    assert "1234" not in str(caught.value)


@pytest.mark.parametrize(
    ("category", "name", "application"),
    [("call", "command", "launch"), ("resource", "offnet_requests", None), ("", "x", None)],
)
def test_what_no_definition_claims_is_refused_by_name(category: str, name: str, application: str | None) -> None:
    with pytest.raises(kapi.UnknownMessage) as caught:
        kapi.definition_for(category, name, application)
    assert (caught.value.category, caught.value.name, caught.value.application) == (category, name, application)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", [None, "", ["play"]])
def test_a_command_without_a_name_is_told_so(name: Any) -> None:
    headers = kapi.to_headers(Play("leg", "file")) | {"Application-Name": name}
    assert problems(headers) == {"Application-Name": "required, but missing"}


def test_refusals_are_counted() -> None:
    unknown, bad = kapi.COUNTS.refused["?"], kapi.COUNTS.refused["kapi.dialplan.answer"]
    headers = kapi.to_headers(Answer("leg"))
    with pytest.raises(kapi.UnknownMessage):
        kapi.from_headers(headers | {"Application-Name": "launch"})
    refusal(headers | {"Insert-At": "nowhere"})
    assert kapi.COUNTS.refused["?"] == unknown + 1
    assert kapi.COUNTS.refused["kapi.dialplan.answer"] == bad + 1


@pytest.mark.parametrize("headers", [None, [], "text", 7, {1: "x"}, {"\ud800": "x"}])
def test_what_is_no_json_object_is_refused(headers: Any) -> None:
    assert "message" in problems(headers)


@pytest.mark.parametrize("value", ["\ud800", 2**63, float("nan"), float("inf"), b"bytes", object()])
def test_values_that_cannot_travel_are_refused(value: Any) -> None:
    headers = kapi.to_headers(Hangup("leg")) | {"Hangup-Cause": value}
    assert "Hangup-Cause" in problems(headers)
    headers = kapi.to_headers(kapi.dialplan.Set("leg")) | {"Custom-Channel-Vars": {"A": [{"B": value}]}}
    assert "Custom-Channel-Vars.A[0].B" in problems(headers)


def test_a_bottomless_value_is_refused() -> None:
    deep: Any = "bottom"
    for _ in range(10_000):
        deep = [deep]
    headers = kapi.to_headers(Noop("leg")) | {"Filter-Applications": deep}
    assert "nested deeper" in refusal(headers).problems[0].text


@pytest.mark.parametrize(
    ("commands", "at"),
    [
        ("answer", "Commands"),
        (["answer"], "Commands[0]"),
        ([{"Application-Name": "launch"}], "Commands[0].Application-Name"),
        ([{}], "Commands[0].Application-Name"),
        ([{"Application-Name": "queue", "Commands": []}], "Commands[0]"),
        ([{"Application-Name": "play"}], "Commands[0].Media-Name"),
    ],
)
def test_a_bad_command_in_a_queue_is_named(commands: Any, at: str) -> None:
    headers = kapi.to_headers(Queue("leg", (Answer("leg"),))) | {"Commands": commands}
    assert list(problems(headers)) == [at]


@pytest.mark.parametrize(
    ("message", "at"),
    [
        (Play("leg", ""), "Media-Name"),
        (Play("leg", None), "Media-Name"),  # type: ignore[arg-type]
        (Sleep("leg", "1"), "Time"),  # type: ignore[arg-type]
        (Sleep("leg", -1.0), "Time"),
        (Hangup("leg", insert_at="soon"), "Insert-At"),  # type: ignore[arg-type]
        (Hangup("leg", other_leg_only="yes"), "Other-Leg-Only"),  # type: ignore[arg-type]
        (Bridge("leg", (Hangup("leg"),)), "Endpoints[0]"),  # type: ignore[arg-type]
        (Bridge("leg", (Endpoint("route", to_user=7),)), "Endpoints[0].To-User"),  # type: ignore[arg-type]
        (Queue("leg", (Queue("leg", ()),)), "Commands[0]"),  # type: ignore[arg-type]
    ],
)
def test_a_message_of_ours_that_breaks_its_definition_does_not_leave(message: object, at: str) -> None:
    with pytest.raises(kapi.InvalidMessage) as caught:
        kapi.to_headers(message)
    assert [problem.header for problem in caught.value.problems] == [at]


def test_what_is_no_message_cannot_be_sent() -> None:
    with pytest.raises(TypeError, match="dict is not a Kazoo message"):
        kapi.to_headers({"Call-ID": "leg"})
