"""The wire form of messages: msgpack with a registry of types. Nothing is pickled, nothing is imported on request.

A message becomes an extension holding its tag and its field values in order; a Pid, a Name, a NameAt, a Via, a tuple
and a process class have extensions of their own. An unknown tag, a frame that is too deep or cut short is refused with
a named error and harms nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgpack

from mirliton.runtime.addresses import Name, NameAt, Pid, Via
from mirliton.runtime.errors import (
    CodecError,
    MalformedFrame,
    NotSerialisable,
    StrictModeViolation,
    UnknownMessageType,
)
from mirliton.runtime.messages import type_named, type_of
from mirliton.runtime.protocol import ExitSignal

MAX_FRAME: Final = 16 * 1024 * 1024
"""Bytes of one frame; larger ones are refused unread."""
MAX_DEPTH: Final = 64

_MESSAGE, _PID, _NAME, _TUPLE, _EXIT, _CLASS, _VIA, _NAME_AT = range(1, 9)

_process_classes: dict[str, type] = {}


def register_process_class(cls: type) -> None:
    """Let child specs that start `cls` travel: by name, and only to nodes that have imported it themselves."""
    _process_classes[f"{cls.__module__}:{cls.__qualname__}"] = cls


def process_classes_in(belongs: Callable[[str], bool]) -> dict[str, type]:
    """The process classes, by their names on the wire, of the modules that `belongs` says yes to."""
    return {name: cls for name, cls in _process_classes.items() if belongs(cls.__module__)}


def exchange_process_classes(out: Iterable[str], put: Mapping[str, type]) -> None:
    """Take process classes out and put others in their place (a hot upgrade does)."""
    for name in out:
        _process_classes.pop(name, None)
    _process_classes.update(put)


def encode(value: object) -> bytes:
    """The frame of `value`. Raises NotSerialisable."""
    try:
        return bytes(msgpack.packb(value, default=_pack, strict_types=True, use_bin_type=True))
    except CodecError:
        raise
    except (ValueError, OverflowError, RecursionError, TypeError, UnicodeEncodeError) as error:
        raise NotSerialisable(f"{type(value).__qualname__} ({error})", value) from error


def decode(frame: bytes) -> Any:
    """The value of a frame. Raises MalformedFrame or UnknownMessageType."""
    if len(frame) > MAX_FRAME:
        raise MalformedFrame(f"{len(frame)} bytes are more than the {MAX_FRAME} allowed")
    return _unpack(frame, 0)


def check_strict(value: object) -> None:
    """Raise StrictModeViolation when `value` does not come out of the codec as it went in."""
    copy = decode(encode(value))
    if not same(value, copy):
        raise StrictModeViolation(value, copy)


def same(value: object, copy: object) -> bool:
    """Whether a copy that came out of the codec is what went in, every type in it included (1 and True are equal)."""
    if type(value) is not type(copy):
        return False
    if isinstance(value, list | tuple) and isinstance(copy, list | tuple):
        return len(value) == len(copy) and all(map(same, value, copy))
    if isinstance(value, dict) and isinstance(copy, dict):
        return len(value) == len(copy) and all(map(same, value, copy)) and all(map(same, value.values(), copy.values()))
    if isinstance(value, ExitSignal) and isinstance(copy, ExitSignal):
        return value.sender == copy.sender and same(value.reason, copy.reason)
    entry = type_of(value)
    if entry is not None:
        return all(same(getattr(value, name), getattr(copy, name)) for name in entry.fields)
    return value == copy


def _pack(value: object) -> msgpack.ExtType:
    cls = type(value)
    entry = type_of(value)
    if entry is not None:
        body = [entry.tag, *[getattr(value, name) for name in entry.fields]]
        return msgpack.ExtType(_MESSAGE, encode(body))
    if cls is Pid:
        assert isinstance(value, Pid)
        return msgpack.ExtType(_PID, encode([value.node, value.incarnation, value.serial]))
    if cls is Name:
        assert isinstance(value, Name)
        return msgpack.ExtType(_NAME, encode([value.kind, value.key]))
    if cls is Via:
        assert isinstance(value, Via)
        return msgpack.ExtType(_VIA, encode([value.registry, value.key]))
    if cls is NameAt:
        assert isinstance(value, NameAt)
        return msgpack.ExtType(_NAME_AT, encode([value.name, value.node]))
    if cls is tuple:
        assert isinstance(value, tuple)
        return msgpack.ExtType(_TUPLE, encode(list(value)))
    if cls is ExitSignal:
        assert isinstance(value, ExitSignal)
        return msgpack.ExtType(_EXIT, encode([value.sender, value.reason]))
    if isinstance(value, type) and _process_classes.get(f"{value.__module__}:{value.__qualname__}") is value:
        return msgpack.ExtType(_CLASS, encode(f"{value.__module__}:{value.__qualname__}"))
    if isinstance(value, str | int | float | bytes | list | dict):
        raise NotSerialisable("a subclass of a plain type", value)
    raise NotSerialisable(cls.__qualname__, value)


def _unpack(frame: bytes, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise MalformedFrame(f"nested deeper than {MAX_DEPTH}")

    def extension(code: int, data: bytes) -> Any:
        return _extension(code, _unpack(data, depth + 1))

    try:
        return msgpack.unpackb(frame, ext_hook=extension, raw=False, strict_map_key=False, max_ext_len=MAX_FRAME)
    except CodecError:
        raise
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        raise MalformedFrame(str(error) or type(error).__name__) from error


def _extension(code: int, body: Any) -> Any:
    if code == _MESSAGE:
        return _message(body)
    if code == _TUPLE and isinstance(body, list):
        return tuple(body)
    if code == _PID and _shape(body, str, int, int):
        return Pid(*body)
    if code == _NAME and _shape(body, str, str):
        return Name(*body)
    if code == _NAME_AT and _shape(body, Name, str):
        return NameAt(*body)
    if code == _VIA and _shape(body, Pid | Name, object):
        return _via(*body)
    if code == _EXIT and _shape(body, Pid, object):
        return ExitSignal(*body)
    if code == _CLASS:
        found = _process_classes.get(body) if isinstance(body, str) else None
        if found is None:
            raise UnknownMessageType(body)
        return found
    raise MalformedFrame(f"extension {code} with a body of type {type(body).__name__}")


def _via(registry: Any, key: Any) -> Via:
    try:
        return Via(registry, key)
    except TypeError as error:
        raise MalformedFrame(f"the key of a Via: {error}") from error


def _shape(body: Any, *types: Any) -> bool:
    return (
        isinstance(body, list)
        and len(body) == len(types)
        and all(isinstance(value, kind) for value, kind in zip(body, types, strict=True))
    )


def _message(body: Any) -> Any:
    if not isinstance(body, list) or not body:
        raise MalformedFrame("a message without a tag")
    entry = type_named(body[0])
    values = body[1:]
    if not entry.required <= len(values) <= len(entry.fields):
        raise MalformedFrame(
            f"{entry.tag!r} has {len(entry.fields)} fields ({entry.required} required), the frame has {len(values)}"
        )
    try:
        return entry.make(*values)
    except Exception as error:
        # Its own check (__post_init__) may raise what it likes.
        raise MalformedFrame(f"{entry.tag!r}: {error!r}") from error
