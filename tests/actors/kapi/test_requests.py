"""Requests wait for one answer, or for several, until there are enough or the time is up."""

import pytest

from mirliton.actors import kapi
from mirliton.actors.kapi.errors import TooManyRequests
from mirliton.actors.kapi.inbox import Received
from mirliton.actors.kapi.requests import MAX_ANSWERS, Requests


def answer(msg_id: str = "m", count: int = 0, *, deferred: bool = False) -> Received:
    envelope = kapi.Envelope(msg_id=msg_id, defer_response=True if deferred else None)
    return Received(kapi.registration.RegQueryResp(count=count), envelope, "targeted")


def test_a_call_ends_with_the_first_answer() -> None:
    requests = Requests()
    request = requests.call("m", deadline=2.0)
    first = answer()
    assert requests.take(answer("other")) is None
    assert requests.take(first) is request
    assert (request.answers, request.complete, len(requests)) == ([first], True, 0)
    assert requests.take(answer()) is None
    assert requests.unmatched == 2
    assert requests.expire(10.0) == []


def test_a_deferred_answer_counts_only_if_no_better_one_comes() -> None:
    requests = Requests()
    better, left = requests.call("m", deadline=2.0), requests.call("n", deadline=2.0)
    for msg_id in ("m", "n"):
        assert requests.take(answer(msg_id, deferred=True)) is None
    good = answer("m", 1)
    assert requests.take(good) is better
    assert better.answers == [good]
    assert requests.expire(2.0) == [left]
    assert (left.complete, left.answers[0].envelope.defer_response) == (True, True)


def test_a_call_that_nobody_answers_ends_at_its_deadline() -> None:
    requests = Requests()
    late, soon = requests.call("late", deadline=3.0), requests.call("soon", deadline=1.0)
    assert requests.next_deadline == 1.0
    assert requests.expire(0.9) == []
    assert requests.expire(1.0) == [soon]
    assert (soon.answers, soon.complete, requests.next_deadline) == ([], False, 3.0)
    assert requests.expire(5.0) == [late]
    assert requests.next_deadline is None


def test_a_collection_ends_with_the_last_that_was_wanted() -> None:
    requests = Requests()
    request = requests.collect("m", 3, deadline=2.0)
    assert [requests.take(answer(count=number)) for number in range(3)] == [None, None, request]
    assert [one.message.count for one in request.answers] == [0, 1, 2]
    assert request.complete


def test_a_collection_may_say_itself_when_it_has_enough() -> None:
    requests = Requests()
    request = requests.collect("m", lambda answers: sum(a.message.count for a in answers) >= 10, deadline=2.0)
    assert requests.take(answer(count=4)) is None
    assert requests.take(answer(count=6)) is request


def test_a_collection_whose_time_is_up_has_what_came() -> None:
    requests = Requests()
    request = requests.collect("m", 5, deadline=2.0)
    requests.take(answer(count=1))
    assert requests.expire(2.5) == [request]
    assert (len(request.answers), request.complete) == (1, False)


def test_an_answer_of_another_kind_does_not_count() -> None:
    requests = Requests()
    request = requests.call("m", deadline=2.0, fits=lambda got: isinstance(got.message, kapi.registration.RegQueryResp))
    wrong = Received(kapi.registration.RegQueryError(), kapi.Envelope(msg_id="m"))
    assert requests.take(wrong) is None
    assert requests.unfit == 1
    assert requests.take(answer()) is request


def test_who_has_gone_is_not_waited_for() -> None:
    requests = Requests()
    request = requests.call("m", deadline=2.0)
    requests.forget(request)
    requests.forget(request)
    assert (len(requests), requests.next_deadline) == (0, None)
    assert requests.take(answer()) is None


def test_the_table_has_a_bound_and_a_name_waits_once() -> None:
    requests = Requests(limit=2)
    first = requests.call("a", deadline=2.0)
    with pytest.raises(ValueError, match="'a' waits already"):
        requests.call("a", deadline=2.0)
    requests.call("b", deadline=2.0)
    with pytest.raises(TooManyRequests, match="2 requests"):
        requests.call("c", deadline=2.0)
    requests.forget(first)
    requests.call("c", deadline=2.0)


def test_ended_requests_do_not_pile_up_under_long_deadlines() -> None:
    requests = Requests(limit=10)
    for number in range(1_000):
        requests.call(str(number), deadline=1e9)
        assert requests.take(answer(str(number)))
    assert len(requests._deadlines) <= 21


def test_a_flood_of_answers_to_one_request_has_a_bound() -> None:
    requests = Requests()
    request = requests.collect("m", MAX_ANSWERS * 2, deadline=2.0)
    for _ in range(MAX_ANSWERS + 5):
        requests.take(answer())
    assert (len(request.answers), requests.unfit) == (MAX_ANSWERS, 5)
