"""Pids and names: equality, hashing, text, and their life as Thespian addresses."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thespian.actors import ActorAddress

from mirliton.runtime import ExitSignal, Name, NameAt, Pid, decode, encode

texts = st.text(max_size=3)
numbers = st.integers(0, 3)


@given(texts, numbers, numbers, texts, numbers, numbers)
def test_pids_are_equal_when_all_their_parts_are(a: str, b: int, c: int, x: str, y: int, z: int) -> None:
    left, right = Pid(a, b, c), Pid(x, y, z)
    assert (left == right) == ((a, b, c) == (x, y, z))
    assert (left != right) is not (left == right)
    if left == right:
        assert hash(left) == hash(right)


@given(texts, texts, texts, texts)
def test_names_are_equal_when_kind_and_key_are(a: str, b: str, x: str, y: str) -> None:
    left, right = Name(a, b), Name(x, y)
    assert (left == right) == ((a, b) == (x, y))
    assert (left != right) is not (left == right)
    if left == right:
        assert hash(left) == hash(right)


@pytest.mark.parametrize(
    "address", [Pid("node@host", 255, 7), Name("call", "abc"), Name("call", "abc").at("node@host")]
)
def test_addresses_are_thespians_and_unlike_them_hashable(address: Any) -> None:
    assert isinstance(address, ActorAddress)
    assert {address: 1}[address] == 1
    assert address.actorAddressString == str(address)
    assert address.addressDetails == str(address)


@pytest.mark.parametrize(
    "address", [Pid("node@host", 255, 7), Name("call", "abc"), Name("call", "abc").at("node@host")]
)
def test_addresses_survive_copying(address: Any) -> None:
    assert pickle.loads(pickle.dumps(address)) == address


def test_a_name_is_no_pid_and_neither_is_a_stock_address() -> None:
    assert Pid("n", 1, 2) != Name("n", "1")
    assert Name("a", "b") != ActorAddress("a:b")
    assert Pid("n", 1, 2) != ActorAddress("<n.1.2>")
    assert Pid("n", 1, 2).__eq__(None) is False


def test_a_name_at_a_node_is_another_address_than_the_name_and_than_that_at_another_node() -> None:
    here = Name("call", "abc").at("node@host")
    assert here == NameAt(Name("call", "abc"), "node@host")
    assert here != Name("call", "abc")
    assert here != Name("call", "abc").at("other@host")
    assert decode(encode(here)) == here


def test_the_text_of_an_address_tells_what_it_is() -> None:
    assert str(Pid("node@host", 255, 7)) == "node@host.ff.7"
    assert repr(Pid("node@host", 255, 7)) == "<node@host.ff.7>"
    assert str(Name("call", "abc")) == "call:abc"
    assert repr(Name("call", "abc")) == "Name('call', 'abc')"
    assert str(Name("call", "abc").at("node@host")) == "call:abc@node@host"
    assert repr(Name("call", "abc").at("node@host")) == "NameAt(Name('call', 'abc'), 'node@host')"


def test_addresses_can_be_matched_by_their_parts() -> None:
    match Name("call", "abc"), Pid("n", 1, 2), ExitSignal(Pid("n", 1, 2), "boom"):
        case Name("call", key), Pid(node, 1, serial), ExitSignal(Pid(), reason):
            assert (key, node, serial, reason) == ("abc", "n", 2, "boom")
        case _:
            pytest.fail("no match")
