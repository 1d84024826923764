"""Crash dossiers: one look tells why, without secrets, and never without bound."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.runtime import Crash, Dossiers, Exit, GenServer, Name, Pid, message, redact, summarise
from mirliton.runtime.dossier import KEPT, MESSAGES_SHOWN, Dossier

SECRET = "hunter2"


@message("test.dossier.login")
class Login:
    username: str
    password: str


class Worker(GenServer):
    def init(self) -> None:
        self.step = 3
        self.token = SECRET
        self.trace_id = "call-1"

    def handle_info(self, received: Any) -> None:
        if isinstance(received, Login):
            raise ValueError(f"no such user {received.username}")


async def a_crash(node: Any, **kw: Any) -> Dossier:
    pid = await node.start(Worker, **kw)
    node.send(pid, Login("alice", SECRET))
    node.send(pid, "next")
    await node.idle()
    dossier = node.dossiers.of(pid)
    assert dossier is not None
    return dossier


async def test_a_dossier_tells_who_died_of_what_at_which_message_in_which_state(node: Any) -> None:
    name = Name("service", "worker")
    dossier = await a_crash(node, name=name)
    told = dossier.as_dict()
    assert told["class"] == "Worker"
    assert told["names"] == ["service:worker"]
    assert told["reason"] == "ValueError: no such user alice"
    assert "raise ValueError" in told["traceback"]
    assert "'username': 'alice'" in told["last_message"]
    assert told["messages"] == ["'next'"]
    assert told["mailbox_length"] == 1
    assert told["state"]["step"] == "3"
    assert told["trace_id"] == "call-1"
    assert told["when"] == node.clock.time()
    assert told["parent"] == str(node.root)


async def test_no_secret_stands_in_a_dossier(node: Any) -> None:
    dossier = await a_crash(node)
    assert SECRET not in str(dossier.as_dict())
    assert dossier.state["token"] == "«hidden»"


async def test_a_dossier_names_the_linked(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet(trap=True)
    await a.do(lambda me: me.link(b.pid))
    node.exit(a.pid, "kill")
    assert node.dossiers.of(a.pid).links == (b.pid,)


@pytest.mark.parametrize("reason", ["normal", "shutdown"])
async def test_a_quiet_end_leaves_no_dossier(puppet: Any, node: Any, reason: str) -> None:
    a = await puppet()
    await a.let(lambda _: _raise(Exit(reason)))
    assert node.dossiers.of(a.pid) is None
    assert node.dossiers.total == 0


async def test_dossiers_are_found_by_id_and_by_pid(node: Any) -> None:
    first, second = await a_crash(node), await a_crash(node)
    assert node.dossiers.find(first.id) is first
    assert node.dossiers.of(second.pid) is second
    assert node.dossiers.find(99) is None
    assert list(node.dossiers) == [first, second]


def test_the_oldest_dossiers_make_room() -> None:
    dossiers = Dossiers()
    for n in range(KEPT + 10):
        dossiers.add(Dossier(Pid("n", 1, n), "X", "boom", 0.0))
    assert len(dossiers) == KEPT
    assert dossiers.total == KEPT + 10
    assert dossiers.find(10) is None
    assert dossiers.find(11) is not None


async def test_of_a_long_mailbox_the_beginning_is_shown_and_its_length(puppet: Any, node: Any) -> None:
    a = await puppet()
    for n in range(5000):
        node.send(a.pid, n)
    node.exit(a.pid, "boom")
    dossier = node.dossiers.of(a.pid)
    assert dossier.mail == 5000
    assert len(dossier.messages) == MESSAGES_SHOWN


async def test_a_huge_reason_is_cut(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()
    await a.let(lambda _: _raise(ValueError("x" * 100_000)))
    await b.let(lambda _: _raise(Exit(["y" * 100_000] * 100)))
    for dossier in node.dossiers:
        assert len(str(dossier.as_dict())) < 20_000


async def test_a_state_that_cannot_be_described_does_not_hide_the_crash(node: Any) -> None:
    class Awkward:
        def __repr__(self) -> str:
            raise RuntimeError("no")

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no")

        __hash__ = None  # type: ignore[assignment]

    class Slotted(GenServer):
        def init(self) -> None:
            self.awkward = Awkward()
            self.password = Awkward()

    pid = await node.start(Slotted)
    node.exit(pid, "boom")
    told = node.dossiers.of(pid).as_dict()
    assert told["reason"] == "boom"
    assert "Awkward" in told["state"]["awkward"]
    assert told["state"]["password"] == "«hidden»"


SECRET_KEYS = [
    "password",
    "Auth-Password",
    "sip_password",
    "passwd",
    "secret",
    "token",
    "Auth-Token",
    "a1_hash",
    "a1-hash",
    "credentials",
    "pin",
    "member_pins_pin",
    "digits",
    "DTMF-Digit",
]


@pytest.mark.parametrize("key", SECRET_KEYS)
@pytest.mark.parametrize(
    "shape",
    [
        lambda k, v: {k: v},
        lambda k, v: [(k, v)],
        lambda k, v: [[k, v]],
        lambda k, v: {"a": [{"b": {k: v}}]},
        lambda k, v: deque([{k: v}]),
        lambda k, v: ({k: {"nested": v}},),
    ],
)
def test_what_a_key_calls_a_secret_is_hidden_wherever_it_stands(key: str, shape: Any) -> None:
    assert SECRET not in summarise(shape(key, SECRET))


def test_a_secret_field_of_a_message_is_hidden_in_every_container() -> None:
    login = Login("alice", SECRET)
    for value in (login, [login], {"x": login}, deque([login]), {"x": (login,)}, frozenset([login])):
        assert SECRET not in summarise(value)
        assert "alice" in summarise(value)


@pytest.mark.parametrize("key", ["shopping", "spinning", "authority", "digital", "username", "tokenless_no"][:5])
def test_words_that_only_look_like_secrets_are_shown(key: str) -> None:
    assert "shown" in summarise({key: "shown"})


def test_an_empty_secret_is_shown_as_empty() -> None:
    assert redact({"password": "", "token": None}) == {"password": "", "token": None}


@given(st.recursive(st.text() | st.integers() | st.none(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
def test_a_summary_is_always_short(value: Any) -> None:
    assert len(summarise([value] * 1000)) < 200 * 13**4


def test_a_value_that_holds_itself_is_described() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert summarise(loop)


def test_a_million_items_are_not_all_looked_at() -> None:
    class Counted(list[int]):
        seen = 0

        def __iter__(self) -> Any:
            for item in super().__iter__():
                Counted.seen += 1
                yield item

    summarise(Counted(range(1_000_000)))
    assert Counted.seen <= 101


def test_a_crash_tells_its_frames_and_source_only_when_asked() -> None:
    def fail() -> None:
        raise ValueError("no")

    from mirliton.runtime import reason_of

    try:
        fail()
    except ValueError as error:
        crash = reason_of(error)
        assert error.__traceback__ is None
    assert isinstance(crash, Crash)
    assert [function for _, _, function in crash.frames][-1] == "fail"
    assert 'raise ValueError("no")' in crash.traceback()


def _raise(error: BaseException) -> None:
    raise error
