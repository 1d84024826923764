"""Crash dossiers: one look tells why, without secrets, and never without bound."""

from __future__ import annotations

import pickle
import weakref
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventually import until
from mirliton.runtime import Crash, Dossiers, Exit, GenServer, Name, Pid, message, redact, summarise
from mirliton.runtime.dossier import KEPT, MESSAGES_SHOWN, Dossier
from mirliton.runtime.redaction import describe

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


@pytest.mark.parametrize(
    "text",
    [
        f"originate {{sip_auth_username=bob,sip_auth_password={SECRET}}}user/bob",
        f'Authorization: Digest username="bob", realm="x", response="{SECRET}"',
        f"Authorization: Basic {SECRET}",
        f"got header Bearer {SECRET} from bob",
        f"cannot reach amqp://guest:{SECRET}@localhost:5672/",
        f'{{"name": "bob", "auth_token": "{SECRET}"}}',
        f"eyJhbGciOiJIUzI1NiJ9.{SECRET}.c2lnbmF0dXJl",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"a1-hash: {SECRET}",
        f"pin={SECRET}&next=1",
    ],
)
@pytest.mark.parametrize("shape", [lambda t: t, lambda t: [t], lambda t: {"line": t}, lambda t: t.encode(), ValueError])
def test_what_looks_like_a_secret_is_hidden_inside_any_text(text: str, shape: Any) -> None:
    assert SECRET not in summarise(shape(text))
    assert SECRET not in describe(Crash("ValueError", text))
    assert SECRET not in describe(text)


@pytest.mark.parametrize(
    "text", ["sip:bob@example.com", "pinning 3 of 4", "no such user", "http://a.b/c?d=e", "x" * 500]
)
def test_an_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_a_class_may_say_itself_what_is_shown_of_it() -> None:
    class Sealed:
        def __init__(self) -> None:
            self.key = SECRET

        def __repr__(self) -> str:
            return self.key

        def __redact__(self) -> Any:
            return {"length": len(self.key), "password": self.key}

    assert "'length': 7" in summarise([Sealed()])
    assert SECRET not in summarise({"x": (Sealed(),)})


def test_a_wide_and_deep_value_is_looked_at_only_so_far() -> None:
    tree: Any = "leaf"
    for _ in range(5):
        tree = dict.fromkeys(range(100), tree)
    assert len(summarise(tree)) < 2_100


class Hoards(GenServer):
    """Has a state, a last message, mail and a reason that are all far too big to keep."""

    def init(self) -> None:
        self.big = Big()
        self.numbers = list(range(100_000))
        self.trace_id = "call-2"

    def handle_info(self, received: Any) -> None:
        raise ValueError("x" * 1_000_000)


class Big:
    """Something whose end can be seen."""


async def test_a_written_dossier_keeps_nothing_of_the_dead_alive(node: Any) -> None:
    pid = await node.start(Hoards)
    big = weakref.ref(pid.cell.actor.big)
    for _ in range(3):
        node.send(pid, {"text": "y" * 1_000_000})
    await node.idle()
    dossier = node.dossiers.of(pid)
    assert big() is not None, "the death itself only takes references"
    await until(lambda: big() is None)
    assert dossier.trace_id == "call-2"
    assert "Big object" in dossier.state["big"]
    assert dossier.mail == 2
    assert _size(dossier) < 20_000


async def test_a_thousand_crashes_leave_dossiers_of_a_bounded_size(node: Any) -> None:
    node.strict = False
    for _ in range(1000):
        node.send(node.spawn(Hoards), "go")
        await node.idle()
    written = [dossier.write() for dossier in node.dossiers]
    assert len(written) == KEPT
    assert max(_size(dossier) for dossier in node.dossiers) < 20_000


def _size(dossier: Dossier) -> int:
    seen = pickle.dumps((dossier.reason, dossier.write(), dossier.class_name))
    return len(seen)


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
