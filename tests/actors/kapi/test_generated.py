"""Thousands of messages of every family, valid and broken."""

from collections import Counter
from typing import Any

import orjson
import pytest

from kapi_samples import Samples, families
from mirliton.actors import kapi
from mirliton.actors.kapi.envelope import SHAPE as ENVELOPE
from mirliton.runtime import decode, encode

FAMILIES = families()
MANY = pytest.param(10_000, marks=pytest.mark.chaos)
"""As many of each family as a release is tried with; every run tries a few hundred."""


def through_json(headers: dict[str, Any], exchange: str) -> object:
    return kapi.from_headers(orjson.loads(orjson.dumps(headers)), exchange)


@pytest.mark.parametrize("count", [200, MANY])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_valid_comes_back_as_it_left(family: str, count: int) -> None:
    samples = Samples(1)
    for number in range(count):
        definition = FAMILIES[family][number % len(FAMILIES[family])]
        message = samples.of(definition.shape, full=number < len(FAMILIES[family]))
        assert through_json(kapi.to_headers(message), definition.exchange) == message
        if number % 10 == 0:
            assert decode(encode(message)) == message


@pytest.mark.parametrize("count", [200, MANY])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_broken_is_refused_with_what_is_wrong_and_where(family: str, count: int) -> None:
    samples = Samples(2)
    outcomes: Counter[str] = Counter()
    for number in range(count):
        definition = FAMILIES[family][number % len(FAMILIES[family])]
        whole = kapi.to_headers(samples.of(definition.shape))
        known = tuple(sorted(definition.listed | {"Msg-ID", "App-Name", "Server-ID", "Call-ID"}))
        broken = samples.broken(whole, known)
        changed = {header for header in known if broken.get(header) is not whole.get(header)}
        outcomes[outcome(broken, definition, changed)] += 1
    assert outcomes["refused"]
    assert outcomes.keys() <= {"refused", "read", "unknown"}


def outcome(headers: dict[str, Any], definition: kapi.Definition, changed: set[str]) -> str:
    """What came of reading these headers, of which some were changed: a refusal names only those."""
    try:
        read = kapi.from_headers(headers, definition.exchange)
    except kapi.UnknownMessage as error:
        assert (error.category, error.name) == (headers["Event-Category"], headers["Event-Name"])
        return "unknown"
    except kapi.InvalidMessage as error:
        assert error.problems
        for problem in error.problems:
            named = {part.split(".")[0].split("[")[0] for part in problem.header.split(" / ")}
            # a group of which one is required is named whole, and a queue's commands get its Call-ID
            assert named & changed or changed & {"Call-ID", *EVENT}, f"{definition.tag}: {problem}"
            assert problem.text
        return "refused"
    assert type(read) is definition.cls or changed & set(EVENT)
    assert kapi.to_headers(read)  # what gets in can be sent on
    return "read"


EVENT = ("Event-Category", "Event-Name", "Application-Name", "Media-Transfer-Method")


@pytest.mark.parametrize("family", FAMILIES)
def test_each_has_a_place_to_be_published_or_says_what_it_lacks(family: str) -> None:
    samples = Samples(3)
    for definition in FAMILIES[family]:
        for _ in range(20):
            message = samples.of(definition.shape)
            try:
                place = kapi.publication_of(message, to="queue")
            except kapi.NoRoutingKey as error:
                assert error.field
            else:
                assert place.exchange == definition.exchange
                assert kapi.EXCHANGES[place.exchange] == "fanout" or place.routing_key


def test_any_object_at_all_gives_a_message_or_a_named_error() -> None:
    samples = Samples(4)
    for _ in range(2_000):
        headers = samples.vars() | {
            header: samples.json() for header in ENVELOPE.headers if samples.random.random() < 0.5
        }
        with pytest.raises(kapi.KapiError):
            kapi.from_headers(headers)
