"""The shared secret, and how it changes without a stop."""

from __future__ import annotations

import pytest

from mirliton.runtime.transport.keys import Keyring

OLD, NEW = "the old secret of the cluster", "the new secret of the cluster"


def accepts(receiver: Keyring, sender: Keyring) -> bool:
    key_id, signature = sender.sign(b"content")
    return receiver.knows(key_id) and receiver.verify(key_id, signature, b"content")


def test_two_nodes_understand_each_other_at_every_step_of_a_rotation() -> None:
    one, other = Keyring(OLD), Keyring(OLD)
    for step in ((OLD, NEW), (NEW, OLD), (NEW,)):
        one.change(*step)
        assert accepts(one, other)
        assert accepts(other, one)
        other.change(*step)
        assert accepts(one, other)
        assert accepts(other, one)


def test_after_the_rotation_the_old_secret_opens_nothing() -> None:
    assert not accepts(Keyring(NEW), Keyring(OLD))


@pytest.mark.parametrize("secrets", [(), (OLD, NEW, OLD + NEW), (OLD, OLD), ("short",)])
def test_secrets_that_make_no_sense_are_refused(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="secret"):
        Keyring(*secrets)


def test_a_keyring_does_not_show_its_secrets() -> None:
    assert OLD not in repr(Keyring(OLD))
