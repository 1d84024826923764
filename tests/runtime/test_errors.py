"""The runtime's errors: one tree, facts as fields, texts that can be read."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from mirliton.runtime import (
    AlreadyStarted,
    CallTimeout,
    Crash,
    Exit,
    MailboxFull,
    Name,
    NameTaken,
    NodeDown,
    Pid,
    PreviousIncarnation,
    RuntimeFault,
    ServerDied,
    Shutdown,
    StartError,
    errors,
    reason_of,
)

PID = Pid("node@host", 1, 7)


def test_every_error_is_a_runtime_fault_and_stands_in_the_picture() -> None:
    for name, cls in inspect.getmembers(errors, inspect.isclass):
        if cls.__module__ == errors.__name__ and issubclass(cls, Exception):
            assert issubclass(cls, RuntimeFault)
            assert name in (errors.__doc__ or "")


def test_exit_is_no_exception_that_a_handler_would_catch() -> None:
    assert not issubclass(Exit, Exception)
    assert Exit().reason == "normal"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (CallTimeout(PID, 2.5), "call to node@host.1.7: no answer within 2.5 s"),
        (ServerDied(PID, "boom"), "the server ended with 'boom' before it answered"),
        (ServerDied(PID, Crash("ValueError", "no", (("f", 1, "g"),))), "ended with ValueError: no before"),
        (ServerDied(PID, Shutdown("x")), "Shutdown(detail='x')"),
        (StartError("Worker", ("bad_return_value", 1)), "Worker did not start: ('bad_return_value', 1)"),
        (AlreadyStarted("Worker", PID), "already_started"),
        (MailboxFull("service:x", 3), "the mailbox of service:x holds its limit of 3 messages"),
        (NameTaken(Name("call", "a"), PID), "call:a is registered to node@host.1.7"),
        (NodeDown(PID, "node@host"), "node 'node@host' is out of reach"),
        (PreviousIncarnation(PID), "node@host.1.7: belongs to a previous incarnation of its node"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_says_what_it_is_about(error: RuntimeFault, says: str) -> None:
    assert says in str(error)


def test_no_error_text_runs_away() -> None:
    assert len(str(ServerDied(PID, ["x" * 10_000] * 100))) < 700


@pytest.mark.parametrize(
    ("raised", "kind"),
    [(ValueError("no"), "ValueError"), (NameTaken(Name("a", "b"), PID), "mirliton.runtime.errors.NameTaken")],
)
def test_the_reason_of_an_error_names_its_class(raised: Exception, kind: str) -> None:
    reason: Any = reason_of(raised)
    assert (reason.kind, reason.text) == (kind, str(raised))


def test_the_reason_of_an_exit_is_its_own() -> None:
    assert reason_of(Exit(("any", "term"))) == ("any", "term")
