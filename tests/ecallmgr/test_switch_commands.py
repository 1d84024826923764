"""What is sent to a switch for what is asked of it, and what its answers mean."""

import asyncio
import json

import pytest

from mirliton.actors.kapi import dialplan as kz
from mirliton.actors.switching import (
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    HOLD_VARIABLE,
    Accepted,
    Dispatch,
    NoSuchLeg,
    Refused,
    Settle,
    SetVariables,
    Snapshot,
)
from mirliton.ecallmgr.errors import SwitchNotUsable
from mirliton.ecallmgr.esl.errors import CommandTimedOut
from mirliton.ecallmgr.esl.framing import Framer
from mirliton.ecallmgr.plan import Surroundings
from mirliton.ecallmgr.switch_commands import BESIDE, SETVARS, SwitchCommands, Turns, parsed, refusal_in, setvars
from told_socket import OK, ToldSocket

LEG = "94b7e751-aadd-4896-aedd-eea32258180f"
ID = "3d61b3ea-0000-4000-8000-1234567890ab"


@pytest.fixture
def socket():
    return ToldSocket()


@pytest.fixture
def commands(socket):
    return SwitchCommands(socket, "fs1", Surroundings())


def answered(text, kind="command/reply"):
    if kind == "command/reply":
        return Framer().feed(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())[0]
    body = text.encode()
    return Framer().feed(b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body) + body)[0]


def applications(socket):
    return [
        (said.application, said.argument, said.headers["Event-UUID"]) for said in socket.said if said.kind == "sendmsg"
    ]


# Commands


async def test_a_command_is_noted_then_given_and_its_end_noted_behind_it(commands, socket):
    assert await commands.dispatch(Dispatch(LEG, kz.Play(LEG, "a.wav"), ID, "menu/2")) == Accepted(ID, True)
    assert [said.kind for said in socket.said] == ["api", "sendmsg", "sendmsg"]
    assert socket.variables == {COMMAND_VARIABLE: ID, CHECKPOINT_VARIABLE: "menu/2"}
    [(play, medium, play_id), (note, noted, note_id)] = applications(socket)
    assert (play, medium, play_id) == ("playback", "a.wav", ID)
    assert (note, noted) == ("set", f"{DONE_VARIABLE}={ID}")
    assert note_id.startswith(BESIDE)
    assert all(said.headers["event-lock"] == "true" for said in socket.said if said.kind == "sendmsg")


async def test_without_a_checkpoint_the_last_one_stays(commands, socket):
    await commands.dispatch(Dispatch(LEG, kz.Answer(LEG), ID))
    assert socket.variables == {COMMAND_VARIABLE: ID}


async def test_a_command_that_is_done_at_once_is_noted_as_done_at_once(commands, socket):
    assert await commands.dispatch(Dispatch(LEG, kz.SetTerminators(LEG, ("#",)), ID)) == Accepted(ID, False)
    assert socket.variables == {"playback_terminators": "#", COMMAND_VARIABLE: ID, DONE_VARIABLE: ID}
    assert not applications(socket)


async def test_only_the_last_of_several_applications_ends_the_command(commands, socket):
    await commands.dispatch(Dispatch(LEG, kz.Set(LEG, {}, {"a": "1", "b": "2"}), ID))
    [first, last, note] = applications(socket)
    assert first[2].startswith(BESIDE)
    assert last[2] == ID
    assert note[1] == f"{DONE_VARIABLE}={ID}"


async def test_an_endless_application_ends_with_the_note_behind_it(commands, socket):
    """Each of its turns ends with an event, and none of those is the command's end."""
    assert await commands.dispatch(Dispatch(LEG, kz.Play(LEG, "a.wav", endless_playback=True), ID)) == Accepted(
        ID, True
    )
    [play, note] = applications(socket)
    assert play[2].startswith(BESIDE)
    assert socket.said[-2].headers["loops"] == "-1"
    assert note[2] == ID


async def test_hold_goes_on_and_the_next_command_ends_it(commands, socket):
    assert await commands.dispatch(Dispatch(LEG, kz.Hold(LEG), ID)) == Accepted(ID, False)
    assert socket.variables == {HOLD_VARIABLE: "true", COMMAND_VARIABLE: ID, DONE_VARIABLE: ID}
    socket.said.clear()
    await commands.dispatch(Dispatch(LEG, kz.Play(LEG, "a.wav"), "next", interrupt=True))
    assert (socket.said[0].verb, socket.said[0].rest) == ("uuid_break", f"{LEG} all")
    assert socket.variables == {HOLD_VARIABLE: "", COMMAND_VARIABLE: "next"}


async def test_a_command_beside_the_queue_leaves_no_note(commands, socket):
    assert await commands.dispatch(Dispatch(LEG, kz.Hangup(LEG), "")) == Accepted("", False)
    assert [(said.verb, said.rest) for said in socket.said] == [("uuid_kill", f"{LEG} NORMAL_CLEARING")]
    socket.said.clear()
    assert await commands.dispatch(Dispatch(LEG, kz.Respond(LEG, 486), "")) == Accepted("", False)
    [(name, code, event)] = applications(socket)
    assert (name, code) == ("respond", "486")
    assert event.startswith(BESIDE)


async def test_what_cannot_be_translated_is_refused_and_nothing_is_sent(commands, socket):
    for request in (
        Dispatch(LEG, kz.Play(LEG, "/etc/passwd"), ID),
        Dispatch("no leg", kz.Answer(LEG), ID),
        Dispatch(LEG, kz.Answer(LEG), "no id!"),
        Dispatch(LEG, kz.Answer(LEG), ID, "a checkpoint\nof two lines"),
        Dispatch(LEG, kz.Sleep(LEG, "soon"), ID),
        Dispatch(LEG, kz.Set(LEG, None), ID),
        Dispatch(LEG, None, ID),
    ):
        answer = await commands.dispatch(request)
        assert isinstance(answer, Refused), request
        assert answer.text
        assert answer.command_id == request.command_id
    assert not socket.said


async def test_the_first_refusal_of_the_switch_is_told(commands, socket):
    socket.answer = lambda said: answered("-ERR invalid session id [x]") if said.kind == "sendmsg" else OK
    answer = await commands.dispatch(Dispatch(LEG, kz.Play(LEG, "a.wav"), ID))
    assert answer == Refused(ID, "-ERR invalid session id [x]")
    assert len(socket.said) == 3, "all of it was sent back to back"


async def test_a_switch_that_does_not_answer_is_no_refusal(commands, socket):
    socket.answer = lambda said: CommandTimedOut("sendmsg", 1.0) if said.kind == "sendmsg" else OK
    with pytest.raises(CommandTimedOut):
        await commands.dispatch(Dispatch(LEG, kz.Play(LEG, "a.wav"), ID))


async def test_phones_are_looked_up_where_they_are_rung(commands, socket):
    socket.knows["sofia_contact */bob@demo.test"] = "sofia/sipinterface_1/sip:bob@10.0.0.9\n"
    bob = kz.Endpoint("username", to_user="bob", to_realm="demo.test")
    nobody = kz.Endpoint("username", to_user="nobody", to_realm="demo.test")
    await commands.dispatch(Dispatch(LEG, kz.Bridge(LEG, (bob, nobody)), ID))
    [(name, dialled, _), _] = applications(socket)
    assert (name, dialled) == ("bridge", "sofia/sipinterface_1/sip:bob@10.0.0.9|error/user_not_registered")


# Settling, variables


async def test_settling_notes_that_a_command_is_done(commands, socket):
    assert await commands.settle(Settle(LEG, ID)) == Accepted(ID, False)
    [(name, note, event)] = applications(socket)
    assert (name, note) == ("set", f"{DONE_VARIABLE}={ID}")
    assert event.startswith(BESIDE)
    socket.said.clear()
    await commands.settle(Settle(LEG, ID, interrupt=True))
    assert [said.verb or said.application for said in socket.said] == ["uuid_break", "set"]


async def test_settling_for_what_is_no_leg_is_refused(commands, socket):
    assert isinstance(await commands.settle(Settle("no leg", ID, interrupt=True)), Refused)
    assert isinstance(await commands.settle(Settle(LEG, "no id!")), Refused)
    assert not socket.said


async def test_variables_are_set_at_once(commands, socket):
    variables = {"ecallmgr_Account-ID": "a", "ecallmgr_Realm": "x;y", "name": "O'Brien", "blank": "a b", "none": ""}
    assert await commands.set_variables(SetVariables(LEG, variables)) == Accepted("", False)
    assert socket.variables == {**variables, "name": "O\u2019Brien"}


async def test_a_name_that_no_variable_can_have_is_refused(commands, socket):
    assert isinstance(await commands.set_variables(SetVariables(LEG, {"a": "1", "b c": "2"})), Refused)
    assert not socket.said


def test_many_variables_take_several_commands():
    """FreeSWITCH takes 64 at once and makes one value of the rest."""
    variables = {f"v{n}": str(n) for n in range(SETVARS * 2 + 1)}
    made = setvars(LEG, variables)
    assert len(made) == 3
    assert all(command.count(b";") < 64 for command in made)


@pytest.mark.parametrize("value", ["a;b", "it's", "back\\slash", " led by a blank", "in the middle ARRAY::x"])
def test_values_that_would_not_pass_among_many_are_set_alone(value):
    socket = ToldSocket()
    made = setvars(LEG, {"plain": "1", "hard": value})
    assert len(made) == 2
    for command in made:
        asyncio.run(socket.send(command))
    assert socket.variables == {"plain": "1", "hard": value}


# Looking


def dumped(**headers):
    return json.dumps({"Event-Name": "CHANNEL_DATA", "Unique-ID": LEG, "Core-UUID": "run-1", **headers})


async def test_a_look_at_a_leg(commands, socket):
    socket.knows[f"uuid_dump {LEG} json"] = dumped(
        **{
            "Answer-State": "answered",
            "Call-Direction": "inbound",
            "variable_current_application": "playback",
            "variable_signal_bond": "other-leg",
            f"variable_{COMMAND_VARIABLE}": ID,
            "variable_ecallmgr_Account-ID": "a1",
            "variable_password": "not ours",
        }
    )
    seen = await commands.dump(LEG)
    assert isinstance(seen, Snapshot)
    assert (seen.switch, seen.run, seen.application, seen.answered) == ("fs1", "run-1", "playback", True)
    assert seen.variables == {COMMAND_VARIABLE: ID, "signal_bond": "other-leg"}
    assert (seen.bridged_to, seen.leg.call_id) == ("other-leg", LEG)
    assert seen.leg.custom_channel_vars == {"Account-ID": "a1"}


async def test_a_look_at_a_fresh_leg(commands, socket):
    socket.knows[f"uuid_dump {LEG} json"] = dumped(**{"Answer-State": "ringing"})
    seen = await commands.dump(LEG)
    assert (seen.application, seen.answered, seen.bridged_to, seen.variables) == ("", False, None, {})


async def test_a_leg_that_the_switch_does_not_know(commands):
    assert await commands.dump(LEG) == NoSuchLeg(LEG)
    assert await commands.dump("no leg") == NoSuchLeg("no leg")


@pytest.mark.parametrize(
    "told", ["", "nonsense", "[]", '"x"', "{}", '{"Unique-ID": "another"}', '{"Unique-ID": ["x"]}']
)
async def test_an_answer_that_is_none_does_not_pass_for_a_leg(commands, socket, told):
    socket.knows[f"uuid_dump {LEG} json"] = told
    with pytest.raises(SwitchNotUsable):
        await commands.dump(LEG)


async def test_the_legs_of_a_switch(commands, socket):
    listed = {"row_count": 2, "rows": [{"uuid": "a"}, {"uuid": "b"}]}
    socket.knows["show channels as json"] = json.dumps(listed)
    assert await commands.legs() == ("a", "b")
    socket.knows["show channels as json"] = '{"row_count": 0}'
    assert await commands.legs() == ()


@pytest.mark.parametrize(
    "told",
    [
        "",
        "-ERR",
        "{}",
        "[]",
        "null",
        '{"row_count": 2}',
        '{"row_count": 2, "rows": [{"uuid": "a"}]}',
        '{"row_count": 1, "rows": {}}',
    ],
)
async def test_an_answer_that_is_none_does_not_pass_for_no_legs(commands, socket, told):
    """All calls would be taken for ended."""
    socket.knows["show channels as json"] = told
    with pytest.raises(SwitchNotUsable):
        await commands.legs()


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ("+OK", "command/reply", None),
        ("+OK accepted", "api/response", None),
        ("", "api/response", None),
        ("-ERR no reply", "api/response", None),
        ("-ERR no such channel\n", "api/response", "-ERR no such channel"),
        ("-USAGE: uuid_x <uuid>\n", "api/response", "-USAGE: uuid_x <uuid>"),
        ("-ERR invalid session id", "command/reply", "-ERR invalid session id"),
        ("-ERR " + "x" * 5000, "command/reply", "-ERR " + "x" * 495),
    ],
)
def test_what_is_a_refusal(text, kind, why):
    assert refusal_in(answered(text, kind)) == why


def test_answers_in_json():
    assert parsed('{"a": 1}', "x") == {"a": 1}
    with pytest.raises(SwitchNotUsable, match="its answer to x is no JSON"):
        parsed("[", "x")


# Turns


async def test_work_for_one_leg_is_done_in_turn_and_for_others_beside_it():
    turns = Turns()
    doors = {name: asyncio.Event() for name in "abc"}
    began = []

    async def work(name):
        began.append(name)
        await doors[name].wait()
        return name

    tasks = [
        asyncio.create_task(turns.take(leg, lambda name=name: work(name)))
        for leg, name in [("1", "a"), ("1", "b"), ("2", "c")]
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert began == ["a", "c"]
    for door in doors.values():
        door.set()
    assert await asyncio.gather(*tasks) == ["a", "b", "c"]
    assert began == ["a", "c", "b"]
    assert len(turns) == 0


@pytest.mark.parametrize("which", [0, 1])
async def test_work_that_fails_or_is_given_up_lets_the_next_go_on(which):
    turns = Turns()
    door = asyncio.Event()

    async def wait():
        await door.wait()

    async def fail():
        raise ValueError

    tasks = [asyncio.create_task(turns.take("leg", wait)), asyncio.create_task(turns.take("leg", fail))]
    last = asyncio.create_task(turns.take("leg", lambda: asyncio.sleep(0, "done")))
    await asyncio.sleep(0)
    tasks[which].cancel()
    door.set()
    async with asyncio.timeout(5):
        assert await last == "done"
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(turns) == 0
