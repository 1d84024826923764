"""The wire form of messages: what comes out is what went in, and junk is refused with a named error."""

from __future__ import annotations

import contextlib
import math
import string
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.runtime import (
    Call,
    CodecError,
    Crash,
    Down,
    ExitSignal,
    From,
    GenServer,
    MalformedFrame,
    Name,
    NotSerialisable,
    Pid,
    Ref,
    Shutdown,
    StrictModeViolation,
    TimerFired,
    UnknownMessageType,
    decode,
    encode,
    message,
)
from mirliton.runtime.codec import MAX_DEPTH, MAX_FRAME, check_strict


@message("test.codec.point")
class Point:
    x: Any
    y: Any = None


@message("test.codec.empty")
class Empty:
    pass


@message("test.codec.picky")
class Picky:
    n: Any

    def __post_init__(self) -> None:
        if self.n.bit_length() > 8:
            raise KeyError(self.n)


class Served(GenServer):
    pass


text = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
pids = st.builds(Pid, text, st.integers(0, 2**63 - 1), st.integers(-1, 2**63 - 1))
names = st.builds(Name, text, text)
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | text
    | st.binary()
    | pids
    | names
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(text, inner, max_size=4)
        | st.builds(Point, inner, inner)
        | st.builds(Shutdown, inner)
        | st.builds(ExitSignal, pids, inner)
        | st.builds(Down, st.builds(Ref, text, st.integers(0, 99)), pids | names, inner)
        | st.builds(TimerFired, st.builds(Ref, text, st.integers(0, 99)), inner)
        | st.builds(Call, st.builds(From, text, st.integers(0, 99), st.none() | pids), inner)
    )


values = st.recursive(plain, containers, max_leaves=20)


# What is kept


@given(values)
def test_a_value_comes_out_as_it_went_in(value: Any) -> None:
    copy = decode(encode(value))
    assert copy == value
    assert type(copy) is type(value)
    check_strict(value)


@given(values)
def test_equal_values_have_equal_frames(value: Any) -> None:
    assert encode(decode(encode(value))) == encode(value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, -0.0, 2**64 - 1, -(2**63), "", b"", (), [], {}, Empty()])
def test_values_at_the_edges_are_kept(value: Any) -> None:
    copy = decode(encode(value))
    assert copy == value
    assert type(copy) is type(value)


def test_nan_is_kept() -> None:
    assert math.isnan(decode(encode(math.nan)))


def test_true_stays_true_and_one_stays_one() -> None:
    assert decode(encode([True, 1, 1.0])) == [True, 1, 1.0]
    assert [type(v) for v in decode(encode([True, 1, 1.0]))] == [bool, int, float]


def test_a_crash_travels_with_its_frames() -> None:
    crash = Crash("ValueError", "no", (("file.py", 3, "function"),))
    assert decode(encode(crash)) == crash


def test_a_field_left_out_by_an_older_node_gets_its_default() -> None:
    frame = encode(Point(1))
    shorter = msgpack.packb(msgpack.ExtType(1, msgpack.packb(["test.codec.point", 1])))
    assert decode(shorter) == decode(frame) == Point(1, None)


def test_a_process_class_travels_by_name() -> None:
    assert decode(encode([Served])) == [Served]


# What is refused


class Slim(str):
    """A str that is not one."""


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        2**64,
        -(2**63) - 1,
        1j,
        print,
        int,
        Slim("x"),
        ValueError("x"),
        "\ud800",
        bytearray(b"x").__iter__(),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [v], lambda v: {"k": v}, Point, lambda v: (1, (v,))])
def test_what_the_codec_does_not_know_is_refused(value: Any, wrap: Any) -> None:
    with pytest.raises(NotSerialisable):
        encode(wrap(value))


def test_a_list_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(NotSerialisable):
        encode(loop)


def test_messages_nested_too_deep_are_refused_by_a_codec_error() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH + 1):
        value = Point(value)
    with pytest.raises(CodecError):
        decode(encode(value))


def test_nested_just_within_the_bound_is_kept() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH // 2 - 1):
        value = Point(value)
    assert decode(encode(value)) == value


def test_an_unregistered_message_is_refused_by_its_tag() -> None:
    frame = msgpack.packb(msgpack.ExtType(1, msgpack.packb(["no.such.message", 1])))
    with pytest.raises(UnknownMessageType) as caught:
        decode(frame)
    assert caught.value.tag == "no.such.message"


def test_a_process_class_that_is_not_known_here_is_refused() -> None:
    frame = msgpack.packb(msgpack.ExtType(6, msgpack.packb("os:system")))
    with pytest.raises(UnknownMessageType):
        decode(frame)


def test_a_frame_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(MalformedFrame, match="more than"):
        decode(b"\xc1" * (MAX_FRAME + 1))


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        b"\x91",
        b"\x01\x02",
        b"\xa5ab",
        b"\xa2\xff\xfe",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\x81\x90\x01",
        b"\x91" * 5000,
        msgpack.packb(msgpack.ExtType(99, b"\x01")),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb([]))),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb(7))),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb(["test.codec.point"]))),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb(["test.codec.point", 1, 2, 3]))),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb([[], 1]))),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb(["test.codec.picky", 1e9]))),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb(["test.codec.picky", 99999]))),
        msgpack.packb(msgpack.ExtType(2, msgpack.packb(["node", 1]))),
        msgpack.packb(msgpack.ExtType(2, msgpack.packb(["node", "1", 2]))),
        msgpack.packb(msgpack.ExtType(3, msgpack.packb(["only"]))),
        msgpack.packb(msgpack.ExtType(4, msgpack.packb("no list"))),
        msgpack.packb(msgpack.ExtType(5, msgpack.packb([1, 2]))),
        msgpack.packb(msgpack.ExtType(6, msgpack.packb(["list"]))),
    ],
    ids=lambda frame: frame[:12].hex(),
)
def test_a_malformed_frame_is_refused_with_a_named_error(frame: bytes) -> None:
    with pytest.raises(CodecError):
        decode(frame)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_codec_error(frame: bytes) -> None:
    _decode_or_refuse(frame)


def test_no_single_byte_changed_or_cut_raises_anything_but_a_codec_error() -> None:
    frame = encode(Point(Pid("n", 1, 2), [Name("a", "b"), {"k": (1, b"x", None)}]))
    for place in range(len(frame)):
        for byte in range(256):
            _decode_or_refuse(bytes([*frame[:place], byte, *frame[place + 1 :]]))
        _decode_or_refuse(frame[:place])


@given(values, st.data())
def test_a_mutated_frame_raises_nothing_but_a_codec_error(value: Any, data: Any) -> None:
    frame = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        match data.draw(st.sampled_from(["flip", "cut", "insert", "double"])):
            case "flip" if frame:
                frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
            case "cut":
                del frame[data.draw(st.integers(0, len(frame))) :]
            case "insert":
                frame.insert(data.draw(st.integers(0, len(frame))), data.draw(st.integers(0, 255)))
            case "double":
                frame += bytes(frame)
    _decode_or_refuse(bytes(frame))


def _decode_or_refuse(frame: bytes) -> None:
    with contextlib.suppress(CodecError):
        decode(frame)


# Strict mode


@pytest.mark.parametrize("value", [Point({1: "int key"}), Point([("a", 1)])])
def test_strict_mode_accepts_what_is_kept(value: Any) -> None:
    check_strict(value)


def test_strict_mode_tells_a_value_that_the_codec_changes() -> None:
    class Odd(int):
        pass

    with pytest.raises(NotSerialisable):
        check_strict(Point(Odd(1)))
    with pytest.raises(StrictModeViolation):
        check_strict(Point(math.nan))


async def test_in_strict_mode_the_sender_is_told_of_an_unsendable_message(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()
    with pytest.raises(NotSerialisable):
        await a.do(lambda me: me.send(b.pid, Point(object())))
    with pytest.raises(NotSerialisable):
        await a.do(lambda me: me.call(b.pid, object()))
    assert b.messages == []
    assert len(node.strict_violations) == 2
    node.strict_violations.clear()


async def test_in_strict_mode_a_message_changed_after_the_send_fails_its_receiver(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()

    def act(me: GenServer) -> None:
        items = [1]
        me.send(b.pid, Point(items))
        items.append(2)

    await a.do(act)
    await node.idle()
    assert node.dossiers.of(b.pid).reason.kind.endswith("StrictModeViolation")
    assert len(node.strict_violations) == 1
    node.strict_violations.clear()


async def test_in_strict_mode_an_unsendable_reply_fails_the_server(node: Any) -> None:
    from mirliton.runtime import Reply, ServerDied

    class Server(GenServer):
        def handle_call(self, request: Any, sender: Any) -> Any:
            return Reply(object())

    pid = await node.start(Server)
    with pytest.raises(ServerDied, match="NotSerialisable"):
        await node.call(pid, 1)
    assert len(node.strict_violations) == 1
    node.strict_violations.clear()


def test_frames_are_small() -> None:
    assert len(encode(Point(1, 2))) < 30
    assert len(encode(string.ascii_letters)) == len(string.ascii_letters) + 2
