"""Answers find their commands by order; late ones do not slip."""

import pytest

from mirliton.ecallmgr.esl import Frame, ReplyOutOfTurn, TooManyInFlight
from mirliton.ecallmgr.esl.pending import Kind, PendingCommands


def response(text: str = "+OK\n") -> Frame:
    return Frame("api/response", {}, text.encode())


def reply(text: str = "+OK", **headers: str) -> Frame:
    return Frame("command/reply", {"Reply-Text": text, **{k.replace("_", "-"): v for k, v in headers.items()}})


def table(limit: int = 8) -> PendingCommands[str]:
    return PendingCommands(limit)


def add(
    pending: PendingCommands[str], who: str, kind: Kind = Kind.API, *, now: float = 0.0, timeout: float = 5.0, **more
):
    return pending.add(f"api {who}", kind, now=now, timeout=timeout, waiter=who, **more)


def test_answers_go_to_the_commands_in_their_order():
    pending = table()
    for who in "abc":
        add(pending, who)
    assert [pending.answered(response()).waiter for _ in "abc"] == ["a", "b", "c"]
    assert len(pending) == 0


def test_a_late_answer_is_not_taken_for_the_next_commands():
    pending = table()
    add(pending, "slow", timeout=1.0)
    add(pending, "next", timeout=10.0)
    assert [who for _, who in pending.expire(1.0)] == ["slow"]
    assert pending.expire(1.0) == []
    assert pending.answered(response("for slow")).waiter is None
    assert pending.answered(response("for next")).waiter == "next"


def test_deadlines_are_those_of_the_commands_that_wait():
    pending = table()
    assert pending.next_deadline() is None
    add(pending, "a", timeout=9.0)
    add(pending, "b", now=1.0, timeout=1.0)
    assert pending.next_deadline() == 2.0
    assert pending.expire(1.9) == []
    assert [who for _, who in pending.expire(2.0)] == ["b"]
    assert pending.next_deadline() == 9.0


def test_the_number_in_flight_is_bounded_and_counts_the_overdue():
    pending = table(2)
    add(pending, "a", timeout=1.0)
    add(pending, "b", timeout=1.0)
    pending.expire(2.0)
    with pytest.raises(TooManyInFlight, match="api c: not sent, 2 commands wait"):
        add(pending, "c")
    pending.answered(response())
    add(pending, "c")


def test_an_answer_that_nobody_waits_for_is_out_of_turn():
    with pytest.raises(ReplyOutOfTurn, match="no command is waiting"):
        table().answered(reply())


def test_an_answer_of_another_kind_is_out_of_turn():
    pending = table()
    add(pending, "a", Kind.API)
    with pytest.raises(ReplyOutOfTurn, match="refuses nothing"):
        pending.answered(reply("+OK"))
    assert pending.answered(reply("-ERR permission denied")).waiter == "a"
    add(pending, "b", Kind.COMMAND)
    with pytest.raises(ReplyOutOfTurn, match="an api/response for 'api b'"):
        pending.answered(response())


def test_the_answer_for_another_job_is_out_of_turn():
    pending = table()
    add(pending, "a", Kind.COMMAND, job_uuid="job-1")
    with pytest.raises(ReplyOutOfTurn, match="'job-2'"):
        pending.answered(reply("+OK Job-UUID: job-2", Job_UUID="job-2"))
    assert pending.answered(reply("+OK Job-UUID: job-1", Job_UUID="job-1")).waiter == "a"
    add(pending, "b", Kind.COMMAND)
    with pytest.raises(ReplyOutOfTurn):
        pending.answered(reply("+OK Job-UUID: job-1", Job_UUID="job-1"))
    add(pending, "c", Kind.COMMAND, job_uuid=None)
    assert pending.answered(reply()).waiter == "b"
    assert pending.answered(reply("+OK", Job_UUID="any")).waiter == "c"


def test_at_the_end_those_who_still_wait_are_told():
    pending = table()
    add(pending, "late", timeout=1.0)
    add(pending, "a")
    add(pending, "b")
    pending.expire(1.0)
    assert [who for _, who in pending.abandon()] == ["a", "b"]
    assert len(pending) == 0
