"""A message that breaks its definition is refused, and the error says what and where."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirliton.actors import kapi
from mirliton.actors.kapi import wire
from mirliton.actors.kapi.dialplan import Answer, Bridge, Endpoint, Hangup, Noop, Play, Queue, SendDtmf, Sleep
from mirliton.actors.kapi.shape import Field

ONE_EVENT = kapi.call.ChannelAnswered
DEFINED = [
    definition
    for definition in kapi.definitions()
    if not issubclass(definition.cls, kapi.call.CallEvent) or definition.cls is ONE_EVENT
]
MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
FIELDS = [(definition, field) for definition in DEFINED for field in definition.shape.fields]


def refusal(headers: Any) -> kapi.InvalidMessage:
    with pytest.raises(kapi.InvalidMessage) as caught:
        kapi.from_headers(headers)
    return caught.value


def problems(headers: Any) -> dict[str, str]:
    return {problem.header: problem.text for problem in refusal(headers).problems}


def headers_of(definition: kapi.Definition, samples: Any, data: st.DataObject) -> dict[str, Any]:
    return kapi.to_headers(data.draw(samples(definition)))


def named(pair: Any) -> str:
    return f"{pair[0].tag}.{pair[1].name}"


@pytest.mark.parametrize("pair", [pair for pair in FIELDS if pair[1].required], ids=named)
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_missing_header_is_named(pair: tuple[kapi.Definition, Field], data: st.DataObject, samples: Any) -> None:
    definition, field = pair
    headers = headers_of(definition, samples, data)
    del headers[field.header]
    assert problems(headers)[field.header] == "required, but missing"


@pytest.mark.parametrize("pair", [pair for pair in FIELDS if not isinstance(pair[1].wire, wire.Free)], ids=named)
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_header_of_the_wrong_type_is_named(
    pair: tuple[kapi.Definition, Field], data: st.DataObject, samples: Any
) -> None:
    definition, field = pair
    headers = headers_of(definition, samples, data)
    takes_lists = isinstance(field.wire, wire.Array | wire.Terminators)
    headers[field.header] = {"not": "this"} if takes_lists else ["not this"]
    assert problems(headers)[field.header].startswith("expected ")


@pytest.mark.parametrize("pair", [pair for pair in FIELDS if isinstance(pair[1].wire, wire.Choice)], ids=named)
@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_value_that_is_none_of_the_choices_is_named_with_them(
    pair: tuple[kapi.Definition, Field], data: st.DataObject, samples: Any
) -> None:
    definition, field = pair
    assert isinstance(field.wire, wire.Choice)
    headers = headers_of(definition, samples, data) | {field.header: "neither"}
    text = problems(headers)[field.header]
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
    [("call", "command", "launch"), ("resource", "offnet_req", None), ("", "x", None)],
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


@pytest.mark.parametrize("definition", DEFINED, ids=lambda definition: definition.tag)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_json_gives_a_message_or_a_named_error(
    definition: kapi.Definition, data: st.DataObject, samples: Any, json_values: Any
) -> None:
    headers = headers_of(definition, samples, data)
    broken = data.draw(st.lists(st.sampled_from(sorted(headers.keys() | definition.shape.headers)), max_size=4))
    headers |= {header: data.draw(json_values) for header in broken}
    try:
        read = kapi.from_headers(headers)
    except kapi.KapiError as error:
        assert str(error)
    else:
        assert kapi.to_headers(read)


@MANY
@given(data=st.data())
def test_any_object_at_all_gives_a_message_or_a_named_error(data: st.DataObject, json_values: Any) -> None:
    headers = data.draw(st.dictionaries(st.text(max_size=3), json_values, max_size=4))
    with pytest.raises(kapi.KapiError):
        kapi.from_headers(headers)
