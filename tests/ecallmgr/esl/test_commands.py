"""Commands are whole, one at a time, and no value can end its line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.ecallmgr.esl import InvalidCommand, commands

LEG = "94b7e751-aadd-4896-aedd-eea32258180f"

BAD = ["a\nb", "a\rb", "a\0b", "\n", "a\n\nexit", "a\r\nEvent-UUID: x"]


def test_commands_are_written_as_the_switch_reads_them():
    assert commands.auth("s3 cret") == b"auth s3 cret\n\n"
    assert commands.api("uuid_dump x json") == b"api uuid_dump x json\n\n"
    assert commands.bgapi("status", "job-1") == b"bgapi status\nJob-UUID: job-1\n\n"
    assert commands.noevents() == b"noevents\n\n"
    assert commands.exit_() == b"exit\n\n"
    assert commands.event_filter("Unique-ID", "a b") == b"filter Unique-ID a b\n\n"
    assert commands.hangup(LEG, "USER_BUSY") == (
        f"sendmsg {LEG}\ncall-command: hangup\nhangup-cause: USER_BUSY\n\n".encode()
    )
    assert (
        commands.execute(LEG, "playback", "tone_stream://%(300,0,440)", event_uuid="q-1")
        == (
            f"sendmsg {LEG}\ncall-command: execute\nexecute-app-name: playback\n"
            "execute-app-arg: tone_stream://%(300,0,440)\nEvent-UUID: q-1\nevent-lock: true\n\n"
        ).encode()
    )
    assert commands.execute(LEG, "answer", event_uuid="q-2", event_lock=False, loops=3) == (
        f"sendmsg {LEG}\ncall-command: execute\nexecute-app-name: answer\nEvent-UUID: q-2\nloops: 3\n\n".encode()
    )


def test_subclasses_come_last_for_all_behind_custom_is_taken_for_one():
    written = commands.events(["sofia::register", "CHANNEL_CREATE", "conference::maintenance", "DTMF"])
    assert written == b"event json CHANNEL_CREATE DTMF CUSTOM sofia::register conference::maintenance\n\n"
    assert commands.events(["CUSTOM", "DTMF"]) == b"event json DTMF CUSTOM\n\n"


@pytest.mark.parametrize("names", [[], ["ALL"], ["all"], ["A B"], ["A\nexit"], [""], ["CUSTOM sofia::register"]])
def test_what_is_no_event_name_is_refused(names):
    with pytest.raises(InvalidCommand, match="event name"):
        commands.events(names)


def test_long_arguments_travel_as_content():
    argument = "é" * 600
    head, _, content = commands.execute(LEG, "playback", argument, event_uuid="q").partition(b"\n\n")
    assert content == argument.encode()
    assert b"\nContent-Type: text/plain\nContent-Length: 1200" in head
    assert b"execute-app-arg" not in head


@pytest.mark.parametrize("argument", [" x", "ARRAY::a|:b"])
def test_arguments_that_a_header_would_change_travel_as_content(argument):
    command = commands.execute(LEG, "set", argument, event_uuid="q")
    assert command.endswith(b"\n\n" + argument.encode())
    assert b"execute-app-arg" not in command


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    ("field", "build"),
    [
        ("password", commands.auth),
        ("event name", lambda bad: commands.events([bad])),
        ("header name", lambda bad: commands.event_filter(bad, "x")),
        ("filter value", lambda bad: commands.event_filter("X", bad)),
        ("api command", commands.api),
        ("api command", lambda bad: commands.bgapi(bad, "j")),
        ("job_uuid", lambda bad: commands.bgapi("status", bad)),
        ("uuid", lambda bad: commands.execute(bad, "answer", event_uuid="q")),
        ("application", lambda bad: commands.execute(LEG, bad, event_uuid="q")),
        ("argument", lambda bad: commands.execute(LEG, "set", bad, event_uuid="q")),
        ("argument", lambda bad: commands.execute(LEG, "set", "x" * 5000 + bad, event_uuid="q")),
        ("event_uuid", lambda bad: commands.execute(LEG, "set", event_uuid=bad)),
        ("uuid", commands.hangup),
        ("cause", lambda bad: commands.hangup(LEG, bad)),
        ("X-Header", lambda bad: commands.sendmsg(LEG, {"X-Header": bad})),
        ("header name", lambda bad: commands.sendmsg(LEG, {bad: "x"})),
        ("content", lambda bad: commands.sendmsg(LEG, {}, bad)),
    ],
)
def test_no_value_ends_its_line(field, build, bad):
    with pytest.raises(InvalidCommand) as caught:
        build(bad)
    assert caught.value.field == field


@pytest.mark.parametrize("bad", ["", " ", "a b", "a'b", "../x", "-x", "a" * 256, "${uuid}", "a;b", "é"])
def test_what_is_no_id_is_refused(bad):
    with pytest.raises(InvalidCommand, match="an id of 1 to 255"):
        commands.identifier(bad)


@pytest.mark.parametrize("good", [LEG, "job-0001", "1-17501@127.0.0.1", "a" * 255])
def test_ids_may_be_sip_call_ids(good):
    assert commands.identifier(good) == good


def test_a_job_id_that_the_switch_would_cut_is_refused():
    assert commands.bgapi("status", "a" * 36)
    with pytest.raises(InvalidCommand, match="at most 36 characters"):
        commands.bgapi("status", "a" * 37)


@pytest.mark.parametrize("application", ["", "play back", "set:", "9x", "a" * 65, "é"])
def test_what_is_no_application_is_refused(application):
    with pytest.raises(InvalidCommand, match="application"):
        commands.execute(LEG, application, event_uuid="q")


@pytest.mark.parametrize("argument", ["%[a=b]x", "%^[a=b]x"])
def test_an_argument_cannot_set_variables_for_its_execution(argument):
    with pytest.raises(InvalidCommand, match="which sets variables"):
        commands.execute(LEG, "playback", argument, event_uuid="q")


@pytest.mark.parametrize("loops", [0, -1, 1_000_001, True, "2"])
def test_loops_are_a_number_of_times(loops):
    with pytest.raises(InvalidCommand, match="loops"):
        commands.execute(LEG, "playback", "x", event_uuid="q", loops=loops)


@pytest.mark.parametrize("cause", ["", "normal_clearing", "NORMAL CLEARING", "16"])
def test_what_is_no_cause_is_refused(cause):
    with pytest.raises(InvalidCommand, match="cause"):
        commands.hangup(LEG, cause)


@pytest.mark.parametrize("text", ["", "  ", " status"])
def test_an_api_command_begins_with_its_name(text):
    with pytest.raises(InvalidCommand, match="api command"):
        commands.api(text)


def test_a_command_the_switch_would_cut_is_refused():
    assert len(commands.execute(LEG, "set", "x" * 4_000_000, event_uuid="q")) > 4_000_000
    with pytest.raises(InvalidCommand, match="at most 4194304 bytes"):
        commands.execute(LEG, "set", "x" * 4_200_000, event_uuid="q")


def test_an_error_shows_the_value_but_no_password_and_no_megabyte():
    with pytest.raises(InvalidCommand) as caught:
        commands.auth("geheim\n")
    assert "geheim" not in str(caught.value)
    with pytest.raises(InvalidCommand) as caught:
        commands.execute(LEG, "set", "x" * 1_000_000 + "\n", event_uuid="q")
    assert len(str(caught.value)) < 300


def test_a_command_is_described_without_its_values():
    assert commands.describe(commands.auth("geheim")) == "auth"
    assert commands.describe(commands.api("status")) == "api status"
    assert commands.describe(commands.api(f"uuid_setvar {LEG} pin 1234")) == f"api uuid_setvar {LEG}"
    assert commands.describe(commands.api("global_setvar pin=1234")) == "api global_setvar"
    assert commands.describe(commands.execute(LEG, "set", "pin=1234", event_uuid="q")) == f"sendmsg {LEG} set"
    assert commands.describe(commands.hangup(LEG)) == f"sendmsg {LEG}"


@given(st.text(), st.text(), st.text(), st.text())
def test_whatever_is_asked_one_whole_command_comes_out_or_an_error(uuid, application, argument, event_uuid):
    try:
        command = commands.execute(uuid, application, argument, event_uuid=event_uuid)
    except InvalidCommand:
        return
    head, _, content = command.partition(b"\n\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    assert len(content) == (int(length[1]) if length else 0)
    assert head.count(b"\n") <= 7
