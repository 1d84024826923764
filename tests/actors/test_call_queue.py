"""The commands of a call that wait their turn."""

import pytest

from mirliton.actors.call_queue import MOST_CALLERS, MOST_WAITING, Command, CommandQueue, progress
from mirliton.actors.kapi.call import ChannelCreated
from mirliton.actors.switching import COMMAND_VARIABLE, DONE_VARIABLE, Execute, Snapshot


def command(command_id):
    return Command(Execute(command_id, None))


def queue(*command_ids):
    made = CommandQueue()
    for command_id in command_ids:
        made.add(command(command_id), "tail")
    return made


def order(made):
    return [each.id for each in made]


def test_first_come_first_served():
    made = queue("a", "b", "c")
    assert made.next().id == "a"
    assert made.next() is None, "one is under way"
    assert made.finish().id == "a"
    assert [made.next().id, made.finish().id, made.next().id] == ["b", "b", "c"]
    assert made.finish().id == "c"
    assert made.next() is None
    assert made.finish() is None


def test_where_a_command_wants_to_be():
    made = queue("a", "b", "c")
    made.next()
    assert made.add(command("first"), "head") == []
    assert order(made) == ["a", "first", "b", "c"]
    assert [each.id for each in made.add(command("only"), "flush")] == ["first", "b", "c"]
    assert order(made) == ["a", "only"]


def test_commands_are_found_by_id():
    made = queue("a", "b")
    made.next()
    assert made.find("a") is made.current
    assert made.find("b").id == "b"
    assert made.find("c") is None


def test_it_is_full():
    made = queue(*map(str, range(MOST_WAITING)))
    assert made.full
    assert len(made) == MOST_WAITING
    made.next()
    assert not made.full


def test_the_end_of_the_call():
    made = queue("a", "b")
    made.next()
    assert [each.id for each in made.clear()] == ["a", "b"]
    assert (made.current, len(made)) == (None, 0)


def test_of_too_many_who_wait_for_a_result_the_oldest_has_given_up():
    made = command("a")
    for caller in range(MOST_CALLERS + 3):
        made.wait(caller)
    assert made.callers == list(range(3, MOST_CALLERS + 3))


@pytest.mark.parametrize(
    ("noted", "done", "application", "stands"),
    [
        ("", "", "park", "unknown"),
        ("other", "other", "park", "unknown"),
        ("other", "", "playback", "unknown"),
        ("a", "", "playback", "running"),
        ("a", "other", "bridge", "running"),
        ("a", "", "park", "noted"),
        ("a", "", "", "noted"),
        ("a", "", "set", "noted"),
        ("a", "other", "export", "noted"),
        ("a", "a", "park", "done"),
        ("a", "a", "playback", "done"),
        ("other", "a", "park", "done"),
    ],
)
def test_how_far_a_command_has_come(noted, done, application, stands):
    variables = {COMMAND_VARIABLE: noted, DONE_VARIABLE: done}
    seen = Snapshot("fs1", ChannelCreated("leg"), {k: v for k, v in variables.items() if v}, application, answered=True)
    assert progress("a", seen) == stands
