"""An EventSocket against a switch that follows a script: the ordinary day."""

import asyncio

import pytest

from mirliton.ecallmgr.esl import (
    ClosedLocally,
    CommandLost,
    CommandRefused,
    EventSocket,
    InvalidCommand,
    NotConnected,
    State,
    commands,
)

LEG = "94b7e751-aadd-4896-aedd-eea32258180f"
NAMES = ["CHANNEL_CREATE", "BACKGROUND_JOB", "sofia::register"]


async def test_it_logs_in_subscribes_and_hands_out_events_in_order(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await peer.subscription()
        for n in range(1000):
            peer.event("CHANNEL_CREATE", Unique_ID=f"leg-{n}")
        await peer.until_closed()

    served = await switch(script)
    events = connection(served, events=NAMES)
    await events.connect()
    assert events.state is State.OPEN
    assert served.peers[0].commands[1] == "event json CHANNEL_CREATE BACKGROUND_JOB CUSTOM sofia::register"
    await owner.wait(lambda: len(owner.events) == 1000)
    assert [event.unique_id for event in owner.events] == [f"leg-{n}" for n in range(1000)]
    assert events.statistics.events == 1000
    await events.close()


async def test_commands_are_answered_in_order_between_events(switch, connection, owner):
    async def script(peer):
        await peer.login()
        for n in range(50):
            assert await peer.command() == f"api echo {n}"
        for n in range(50):
            peer.event("HEARTBEAT")
            peer.response(f"{n}\n")
        await peer.until_closed()

    commander = connection(await switch(script))
    await commander.connect()
    answers = await asyncio.gather(*(commander.api(f"echo {n}") for n in range(50)))
    assert answers == [str(n) for n in range(50)]
    await owner.wait(lambda: len(owner.events) == 50)
    assert commander.statistics.commands == 50
    assert commander.statistics.in_flight == 0
    await commander.close()


async def test_every_kind_of_command_is_written_and_accepted(switch, connection):
    async def script(peer):
        await peer.login()
        await peer.command()
        peer.reply("+OK Job-UUID: job-1", Job_UUID="job-1")
        for _ in range(5):
            await peer.command()
            peer.reply()
        await peer.command()
        peer.reply("+OK filter added. [a]=[b]")
        await peer.until_closed()

    served = await switch(script)
    commander = connection(served)
    await commander.connect()
    assert await commander.bgapi("originate user/1 &park()", "job-1") == "job-1"
    assert await commander.execute(LEG, "answer", event_uuid="cmd-1") == "cmd-1"
    assert len(await commander.execute(LEG, "playback", "a.wav")) == 36
    await commander.hangup(LEG, "USER_BUSY")
    await commander.sendmsg(LEG, {"call-command": "unicast"}, "content")
    await commander.subscribe(["DTMF"])
    answer = await commander.send(commands.event_filter("a", "b"))
    assert answer.reply_text == "+OK filter added. [a]=[b]"
    written = served.peers[0].commands
    assert written[1] == "bgapi originate user/1 &park()\nJob-UUID: job-1"
    assert "Event-UUID: cmd-1\nevent-lock: true" in written[2]
    assert written[4].endswith("hangup-cause: USER_BUSY")
    assert written[5].endswith("Content-Length: 7\n\ncontent")
    await commander.close()


async def test_refusals_are_errors_with_the_switchs_words(switch, connection):
    async def script(peer):
        await peer.login()
        await peer.command()
        peer.response("-ERR No such channel!\n")
        await peer.command()
        peer.response("-USAGE: <uuid>\n")
        await peer.command()
        peer.reply("-ERR permission denied")
        await peer.command()
        peer.reply(f"-ERR invalid session id [{LEG}]")
        await peer.command()
        peer.reply("-ERR permission denied")
        await peer.command()
        peer.response("-ERR no reply\n")
        await peer.until_closed()

    commander = connection(await switch(script))
    await commander.connect()
    for command, says in (
        (commander.api(f"uuid_kill {LEG}"), f"api uuid_kill {LEG}: -ERR No such channel!"),
        (commander.api("uuid_kill"), "-USAGE: <uuid>"),
        (commander.api("reload"), "permission denied"),
        (commander.hangup(LEG), r"-ERR invalid session id \["),
        (commander.bgapi("reload"), "permission denied"),
    ):
        with pytest.raises(CommandRefused, match=says):
            await command
    # mod_event_socket's way of saying that a command printed nothing.
    assert await commander.api("uuid_flush_dtmf x") == ""
    await commander.close()


async def test_a_value_that_cannot_be_sent_is_refused_before_anything_is_sent(switch, connection):
    async def script(peer):
        await peer.login()
        assert await peer.command() == "api status"
        peer.response("UP")
        await peer.until_closed()

    commander = connection(await switch(script))
    await commander.connect()
    for command in (
        commander.api("status\n\napi shutdown"),
        commander.execute(LEG, "set", "a=b\nEvent-UUID: c"),
        commander.hangup("x y"),
    ):
        with pytest.raises(InvalidCommand):
            await command
    assert await commander.api("status") == "UP"
    await commander.close()


async def test_settings_that_cannot_be_are_refused_at_once():
    with pytest.raises(InvalidCommand, match="port 70000"):
        EventSocket("127.0.0.1", 70000, "x")
    with pytest.raises(InvalidCommand, match="password"):
        EventSocket("127.0.0.1", 8021, "a\nb")
    with pytest.raises(InvalidCommand, match="event name"):
        EventSocket("127.0.0.1", 8021, "x", events=["ALL"])


async def test_large_commands_arrive_whole(switch, connection):
    size = 3_000_000

    async def script(peer):
        await peer.login()
        command = await peer.command()
        assert command.endswith("\n\n" + "x" * size)
        peer.reply()
        assert await peer.command() == "api status"
        peer.response("UP")
        await peer.until_closed()

    commander = connection(await switch(script))
    await commander.connect()
    await commander.execute(LEG, "set", "x" * size, timeout=20.0)
    assert await commander.api("status") == "UP"
    await commander.close()


async def test_closing_says_goodbye_and_is_told_once(switch, connection, owner):
    async def script(peer):
        await peer.login()
        assert await peer.command() == "exit"
        peer.reply("+OK bye")
        peer.notice()
        peer.close()

    commander = connection(await switch(script))
    await commander.connect()
    await commander.close()
    assert commander.state is State.CLOSED
    assert isinstance(await owner.reason(), ClosedLocally)
    await commander.close()
    commander.abort()
    with pytest.raises(NotConnected, match="api status: not sent, closed on request"):
        await commander.api("status")
    assert len(owner.closed) == 1


async def test_closing_does_not_wait_for_a_switch_that_does_not_answer(switch, connection, owner):
    asked = asyncio.Event()

    async def script(peer):
        await peer.login()
        await peer.command()
        asked.set()
        await peer.silence()

    commander = connection(await switch(script))
    await commander.connect()
    waiting = asyncio.ensure_future(commander.api("status"))
    await asked.wait()
    async with asyncio.timeout(5):
        await commander.close(timeout=0.1)
    with pytest.raises(CommandLost, match="closed on request"):
        await waiting
    assert isinstance(owner.closed[0], ClosedLocally)


async def test_a_connection_can_be_used_as_a_context(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await peer.command()
        peer.response("UP")
        await peer.until_closed()

    async with connection(await switch(script)) as commander:
        assert await commander.api("status") == "UP"
    assert isinstance(owner.closed[0], ClosedLocally)


async def test_it_connects_once_and_does_nothing_before(switch, connection):
    async def script(peer):
        await peer.login()
        await peer.until_closed()

    served = await switch(script)
    commander = connection(served)
    with pytest.raises(NotConnected, match="has not been opened"):
        await commander.api("status")
    assert commander.statistics.commands == 0
    await commander.connect()
    with pytest.raises(RuntimeError, match="connects once"):
        await commander.connect()
    await commander.close()
    unused = connection(served)
    await unused.close()
    assert unused.state is State.CLOSED


async def test_an_owners_error_goes_to_the_loop_and_stops_nothing(switch, hub, owner):
    async def script(peer):
        await peer.login()
        await peer.subscription()
        peer.event("CHANNEL_CREATE", Unique_ID="1")
        peer.event("CHANNEL_CREATE", Unique_ID="2")
        await peer.until_closed()

    def take(event):
        owner.on_event(event)
        raise ValueError("owner's fault")

    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    served = await switch(script)
    events = EventSocket("127.0.0.1", served.port, "ClueCon", events=NAMES, on_event=take, hub=hub, liveness=None)
    await events.connect()
    await owner.wait(lambda: len(owner.events) == 2)
    assert [str(error) for error in told] == ["owner's fault", "owner's fault"]
    await events.close()


async def test_cancelling_a_wait_leaves_the_order_of_answers_as_it_is(switch, connection):
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def script(peer):
        await peer.login()
        await peer.command()
        await peer.command()
        asked.set()
        await go_on.wait()
        peer.response("first")
        peer.response("second")
        await peer.until_closed()

    commander = connection(await switch(script))
    await commander.connect()
    first = asyncio.ensure_future(commander.api("one"))
    second = asyncio.ensure_future(commander.api("two"))
    await asked.wait()
    first.cancel()
    await asyncio.wait([first])
    go_on.set()
    assert await second == "second"
    await commander.close()


async def test_open_connects_in_one_step(switch, owner):
    async def script(peer):
        await peer.login()
        await peer.subscription()
        peer.event("CHANNEL_CREATE")
        await peer.until_closed()

    served = await switch(script)
    opened = await EventSocket.open("localhost", served.port, "ClueCon", events=NAMES, on_event=owner.on_event)
    await owner.wait(lambda: len(owner.events) == 1)
    await opened.close()
