"""An EventSocket against a switch that misbehaves: each fault ends in a named error, in time, with nothing stuck."""

import asyncio
import socket
import struct
import time

import pytest

from mirliton.ecallmgr.esl import (
    AuthRefused,
    ClosedBySwitch,
    CommandLost,
    CommandRefused,
    CommandTimedOut,
    ConnectionClosed,
    ConnectionLost,
    ConnectionRefused,
    DisconnectNotice,
    EventSocket,
    Framer,
    Limits,
    LoginTimedOut,
    NotConnected,
    NotOurs,
    OversizedFrame,
    ReaderTooSlow,
    ReplyOutOfTurn,
    RudeRejection,
    State,
    StreamBroken,
    SwitchNotReading,
    SwitchSilent,
    TooManyInFlight,
    TruncatedFrame,
    decode,
)

LEG = "94b7e751-aadd-4896-aedd-eea32258180f"
NAMES = ["CHANNEL_CREATE"]


# --- connecting


async def test_nobody_listens(hub):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        refused = EventSocket("127.0.0.1", port, "x", hub=hub)
        with pytest.raises(ConnectionRefused, match=f"event socket 127.0.0.1:{port}: .*refused"):
            await refused.connect()
    assert refused.state is State.CLOSED
    assert isinstance(refused.reason, ConnectionRefused)


async def test_a_host_that_does_not_exist(hub):
    with pytest.raises(ConnectionRefused, match="no IPv4 address for the host"):
        await EventSocket("no-such-host.invalid", 8021, "x", hub=hub).connect()


async def test_errors_name_the_host_as_it_was_given(hub):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefused, match="event socket localhost:") as caught:
            await EventSocket("localhost", reserved.getsockname()[1], "x", hub=hub).connect()
    assert caught.value.host == "localhost"


async def test_the_access_list_refuses(switch, connection, owner, as_frame):
    async def script(peer):
        peer.send(as_frame("text/rude-rejection", b"Access Denied, go away.\n"))
        peer.notice()
        peer.close()

    with pytest.raises(RudeRejection, match="Access Denied, go away") as caught:
        await connection(await switch(script)).connect()
    assert caught.value.text == "Access Denied, go away.\n"
    assert owner.closed == []


async def test_the_access_list_of_an_old_switch_refuses(switch, connection):
    """Old versions forget the colon after Content-Length."""

    async def script(peer):
        peer.send(b"Content-Type: rude/rejection\nContent-Length 24\n\nAccess Denied, go away.\n")
        peer.close()

    with pytest.raises(StreamBroken, match="without a name and a colon"):
        await connection(await switch(script)).connect()


async def test_a_wrong_password(switch, connection, owner):
    async def script(peer):
        peer.send(b"Content-Type: auth/request\n\n")
        await peer.command()
        peer.reply("-ERR invalid")
        peer.notice()
        peer.close()

    with pytest.raises(AuthRefused, match="-ERR invalid") as caught:
        await connection(await switch(script), password="geheim").connect()
    assert "geheim" not in str(caught.value)
    assert owner.closed == []


async def test_an_answer_to_the_password_without_a_text(switch, connection):
    async def script(peer):
        peer.send(b"Content-Type: auth/request\n\n")
        await peer.command()
        peer.send(b"Content-Type: command/reply\n\n")
        await peer.silence()

    with pytest.raises(AuthRefused):
        await connection(await switch(script)).connect()


@pytest.mark.parametrize("stage", ["greeting", "auth", "subscribe"])
async def test_a_switch_that_accepts_and_then_says_nothing(stage, switch, connection, owner):
    async def script(peer):
        if stage != "greeting":
            peer.send(b"Content-Type: auth/request\n\n")
        if stage == "subscribe":
            await peer.command()
            peer.reply("+OK accepted")
        await peer.silence()

    started = time.monotonic()
    with pytest.raises(LoginTimedOut, match=f"no answer to {stage} within 0.2 s") as caught:
        await connection(await switch(script), events=NAMES, connect_timeout=0.2).connect()
    assert caught.value.stage == stage
    assert time.monotonic() - started < 3
    assert owner.closed == []


@pytest.mark.parametrize("greeted", [False, True])
async def test_a_switch_that_closes_during_the_login(greeted, switch, connection):
    async def script(peer):
        if greeted:
            peer.send(b"Content-Type: auth/request\n\n")
            await peer.command()
        peer.close()

    with pytest.raises(ClosedBySwitch):
        await connection(await switch(script)).connect()


async def test_a_switch_that_speaks_another_protocol(switch, connection):
    async def script(peer):
        peer.send(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n" + b"x" * 300_000)
        await peer.silence()

    with pytest.raises(StreamBroken, match="header block"):
        await connection(await switch(script)).connect()


async def test_a_subscription_that_is_refused(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await peer.command()
        peer.reply("-ERR no keywords supplied")
        await peer.until_closed()

    with pytest.raises(CommandRefused, match="event json: -ERR no keywords supplied"):
        await connection(await switch(script), events=NAMES).connect()
    assert owner.closed == []


async def test_a_login_that_is_cancelled_leaves_nothing_open(switch, connection):
    greeted = asyncio.Event()
    ended = asyncio.Event()

    async def script(peer):
        greeted.set()
        await peer.silence()
        ended.set()

    opening = connection(await switch(script))
    task = asyncio.ensure_future(opening.connect())
    await greeted.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        await ended.wait()
    assert opening.state is State.CLOSED


async def test_a_login_that_is_closed_meanwhile_is_no_cancellation(switch, connection):
    greeted = asyncio.Event()

    async def script(peer):
        greeted.set()
        await peer.silence()

    opening = connection(await switch(script))
    task = asyncio.ensure_future(opening.connect())
    await greeted.wait()
    await opening.close()
    with pytest.raises(ConnectionClosed, match="closed on request"):
        await task


# --- the end of a connection


async def test_a_disconnect_notice(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await peer.subscription()
        await connected.wait()
        peer.event("SHUTDOWN")
        peer.notice(b"The system is being shut down.\n")
        peer.close()

    connected = asyncio.Event()
    events = connection(await switch(script), events=NAMES)
    await events.connect()
    connected.set()
    reason = await owner.reason()
    assert isinstance(reason, DisconnectNotice)
    assert reason.text == "The system is being shut down.\n"
    assert [event.name for event in owner.events] == ["SHUTDOWN"]
    assert events.reason is reason
    with pytest.raises(NotConnected, match="being shut down"):
        await events.api("status")


async def test_a_linger_notice_ends_nothing(switch, connection, as_frame):
    async def script(peer):
        await peer.login()
        peer.send(as_frame("text/disconnect-notice", Content_Disposition="linger"))
        await peer.command()
        peer.response("UP")
        await peer.until_closed()

    commander = connection(await switch(script))
    await commander.connect()
    assert await commander.api("status") == "UP"
    await commander.close()


async def test_a_close_while_idle_is_told(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await connected.wait()
        peer.close()

    connected = asyncio.Event()
    idle = connection(await switch(script))
    await idle.connect()
    connected.set()
    assert isinstance(await owner.reason(), ClosedBySwitch)


async def test_a_close_while_commands_wait_ends_their_waits(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await peer.command()
        await peer.command()
        peer.close()

    commander = connection(await switch(script))
    await commander.connect()
    async with asyncio.timeout(5):
        results = await asyncio.gather(commander.api("status"), commander.hangup(LEG), return_exceptions=True)
    assert [type(result) for result in results] == [CommandLost, CommandLost]
    assert all(isinstance(result.reason, ClosedBySwitch) for result in results)
    assert str(results[0]) == "api status: the switch closed the connection"
    await owner.reason()


async def test_a_close_in_the_middle_of_a_body(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await connected.wait()
        peer.send(b"Content-Length: 1000\nContent-Type: text/event-json\n\n{cut")
        peer.close()

    connected = asyncio.Event()
    events = connection(await switch(script))
    await events.connect()
    connected.set()
    reason = await owner.reason()
    assert isinstance(reason, StreamBroken)
    assert isinstance(reason.error, TruncatedFrame)
    assert (reason.error.have, reason.error.need) == (4, 1000)


async def test_a_connection_that_is_reset(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await connected.wait()
        # Closing with linger 0 sends a reset.
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.writer.transport.abort()

    connected = asyncio.Event()
    commander = connection(await switch(script))
    await commander.connect()
    connected.set()
    reason = await owner.reason()
    assert isinstance(reason, ConnectionLost)
    assert "reset" in str(reason)


async def test_a_frame_that_is_too_large(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await peer.subscription()
        await connected.wait()
        peer.event("CHANNEL_CREATE")
        peer.send(b"Content-Length: 100001\nContent-Type: text/event-json\n\n")
        await peer.silence()

    connected = asyncio.Event()
    events = connection(await switch(script), events=NAMES, limits=Limits(body_bytes=100_000))
    await events.connect()
    connected.set()
    reason = await owner.reason()
    assert isinstance(reason, StreamBroken)
    assert isinstance(reason.error, OversizedFrame)
    assert len(owner.events) == 1


# --- odd text


async def test_text_that_is_not_utf8_is_answered_and_the_connection_goes_on(switch, connection, owner, as_frame):
    async def script(peer):
        await peer.login()
        await peer.command()
        peer.send(as_frame("api/response", b"caf\xe9 \xff\n"))
        peer.send(as_frame("text/event-json", b'{"Event-Name":"CHANNEL_CREATE","a":"caf\xe9"}'))
        await peer.command()
        peer.response("UP")
        await peer.until_closed()

    commander = connection(await switch(script))
    await commander.connect()
    assert await commander.api("uuid_getvar x y") == "caf\ufffd \ufffd"
    assert await commander.api("status") == "UP"
    assert owner.events[0].get("a") == "caf\ufffd"
    await commander.close()


async def test_an_event_that_cannot_be_read_is_counted_and_the_connection_goes_on(switch, connection, owner, as_frame):
    async def script(peer):
        await peer.login()
        peer.send(as_frame("text/event-json", b'{"Event-Name":'))
        peer.send(as_frame("text/event-xml", b"<event/>"))
        peer.send(as_frame("log/data", b"[DEBUG] x\n"))
        peer.event("CHANNEL_CREATE")
        await peer.until_closed()

    events = connection(await switch(script))
    await events.connect()
    await owner.wait(lambda: len(owner.events) == 1)
    assert events.statistics.undecodable == 2
    assert events.statistics.events == 1
    await events.close()


@pytest.mark.parametrize("name", ["hostile_header.json.txt", "hostile_info.json.txt", "bgapi_originate.json.txt"])
@pytest.mark.parametrize("piece", [7, 100_000])
async def test_a_recorded_connection_gives_the_recorded_events(name, piece, switch, connection, owner, read_capture):
    recorded = [block.data for block in read_capture(name) if block.direction == "S"]
    frames = Framer().feed(b"".join(recorded))
    expected = [decode(frame) for frame in frames if frame.content_type == "text/event-json"]
    stream = b"".join(data for data, frame in zip(recorded, frames, strict=True) if "event-json" in frame.content_type)

    async def script(peer):
        await peer.login()
        for at in range(0, len(stream), piece):
            peer.send(stream[at : at + piece])
            await asyncio.sleep(0)
        await peer.until_closed()

    events = connection(await switch(script))
    await events.connect()
    await owner.wait(lambda: len(owner.events) == len(expected))
    assert owner.events == expected
    await events.close()


# --- answers


async def test_a_command_without_an_answer_times_out_and_its_late_answer_is_dropped(switch, connection):
    asked_again = asyncio.Event()

    async def script(peer):
        await peer.login()
        await peer.command()
        await peer.command()
        await asked_again.wait()
        peer.response("late")
        peer.response("for the second")
        await peer.until_closed()

    commander = connection(await switch(script))
    await commander.connect()
    with pytest.raises(CommandTimedOut, match=r"api slow: no answer within 0\.05 s"):
        await commander.api("slow", timeout=0.05)
    second = asyncio.ensure_future(commander.api("second"))
    asked_again.set()
    assert await second == "for the second"
    assert commander.statistics.timed_out == 1
    await commander.close()


async def test_a_switch_that_never_answers_is_asked_no_more_than_so_often(switch, connection):
    async def script(peer):
        await peer.login()
        await peer.silence()

    commander = connection(await switch(script), in_flight=3, command_timeout=0.05)
    await commander.connect()
    for _ in range(3):
        with pytest.raises(CommandTimedOut):
            await commander.api("status")
    with pytest.raises(TooManyInFlight, match="3 commands wait"):
        await commander.api("status")
    await commander.close(timeout=0.1)


async def test_a_switch_that_answers_twice_is_not_believed_any_more(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await peer.command()
        peer.response("UP")
        peer.response("UP")
        await peer.silence()

    commander = connection(await switch(script))
    await commander.connect()
    assert await commander.api("status") == "UP"
    reason = await owner.reason()
    assert isinstance(reason, ReplyOutOfTurn)
    assert "no command is waiting" in str(reason)


async def test_an_answer_of_the_wrong_kind_ends_the_connection_and_all_waits(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await peer.command()
        await peer.command()
        peer.response("UP")
        await peer.silence()

    commander = connection(await switch(script))
    await commander.connect()
    results = await asyncio.gather(commander.hangup(LEG), commander.api("status"), return_exceptions=True)
    assert [type(result) for result in results] == [CommandLost, CommandLost]
    assert isinstance(await owner.reason(), ReplyOutOfTurn)


# --- slow ends


async def test_a_loop_that_is_too_slow_loses_the_connection_and_not_just_events(switch, connection, owner):
    stalled = asyncio.Event()

    async def script(peer):
        await peer.login()
        await peer.subscription()
        await stalled.wait()
        for n in range(3000):
            peer.event("CHANNEL_CREATE", Unique_ID=str(n))
        await peer.silence()

    # A loop of its own for the switch would be needed to have it send while ours stands still; but an owner whose
    # callback takes long is the same to the connection.
    def take(event):
        if not owner.events:
            time.sleep(0.3)
        owner.on_event(event)

    served = await switch(script)
    events = connection(served, events=NAMES, on_event=take, queue_limit=100)
    await events.connect()
    stalled.set()
    reason = await owner.reason()
    assert isinstance(reason, ReaderTooSlow)
    assert str(reason).startswith("reader too slow: 100 frames")
    # What was taken before comes in order and without a gap; then nothing.
    assert [event.unique_id for event in owner.events] == [str(n) for n in range(len(owner.events))]
    assert 100 <= len(owner.events) < 3000


async def test_the_bytes_that_wait_for_the_loop_are_bounded_too(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await peer.subscription()
        await connected.wait()
        for n in range(100):
            peer.event("CHANNEL_CREATE", Unique_ID=str(n), X="x" * 100_000)
        await peer.silence()

    connected = asyncio.Event()

    def take(event):
        if not owner.events:
            time.sleep(0.3)
        owner.on_event(event)

    events = connection(await switch(script), events=NAMES, on_event=take, queue_bytes=1_000_000)
    await events.connect()
    connected.set()
    reason = await owner.reason()
    assert isinstance(reason, ReaderTooSlow)
    assert reason.queued_bytes <= 1_000_000


async def test_a_switch_that_does_not_read(switch, connection, owner):
    go_on = asyncio.Event()

    async def script(peer):
        await peer.login()
        peer.writer.transport.pause_reading()
        await go_on.wait()

    commander = connection(await switch(script), write_timeout=0.2)
    await commander.connect()
    many = [asyncio.ensure_future(commander.execute(LEG, "set", "x" * 4_000_000)) for _ in range(4)]
    reason = await owner.reason()
    go_on.set()
    assert isinstance(reason, SwitchNotReading)
    assert "not taken within 0.2 s" in str(reason)
    results = await asyncio.gather(*many, return_exceptions=True)
    assert {type(result) for result in results} == {CommandLost}


async def test_what_is_not_sent_yet_is_bounded(switch, connection, owner):
    go_on = asyncio.Event()

    async def script(peer):
        await peer.login()
        peer.writer.transport.pause_reading()
        await go_on.wait()

    commander = connection(await switch(script), write_timeout=30.0)
    await commander.connect()
    many = [asyncio.ensure_future(commander.execute(LEG, "set", "x" * 4_000_000)) for _ in range(20)]
    reason = await owner.reason()
    go_on.set()
    assert isinstance(reason, SwitchNotReading)
    assert "the bound is 16777216" in str(reason)
    await asyncio.gather(*many, return_exceptions=True)


# --- liveness


async def test_a_silent_switch_is_pinged_and_then_given_up(switch, connection, owner):
    pinged = asyncio.Event()

    async def script(peer):
        await peer.login()
        assert await peer.command() == "api status"
        pinged.set()
        await peer.silence()

    commander = connection(await switch(script), liveness=0.2)
    await commander.connect()
    reason = await owner.reason()
    assert pinged.is_set()
    assert isinstance(reason, SwitchSilent)
    assert 0.4 <= reason.seconds < 2


async def test_a_switch_that_answers_the_ping_is_kept(switch, connection, owner):
    pings = 0
    enough = asyncio.Event()

    async def script(peer):
        nonlocal pings
        await peer.login()
        while True:
            command = await peer.command()
            if command == "exit":
                peer.close()
                return
            assert command == "api status"
            peer.response("UP")
            pings += 1
            if pings == 3:
                enough.set()

    commander = connection(await switch(script), liveness=0.1)
    await commander.connect()
    async with asyncio.timeout(10):
        await enough.wait()
    assert owner.closed == []
    assert commander.state is State.OPEN
    await commander.close()


async def test_a_switch_that_sends_events_is_not_pinged(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await peer.subscription()
        for _ in range(30):
            peer.event("HEARTBEAT")
            await asyncio.sleep(0.02)
        await peer.until_closed()

    served = await switch(script)
    events = connection(served, events=NAMES, liveness=0.3)
    await events.connect()
    await owner.wait(lambda: len(owner.events) == 30)
    assert served.peers[0].commands[2:] == []
    await events.close()


async def test_a_full_table_of_commands_needs_no_ping(switch, connection, owner):
    async def script(peer):
        await peer.login()
        await peer.silence()

    commander = connection(await switch(script), liveness=0.1, in_flight=1)
    await commander.connect()
    with pytest.raises(CommandLost, match="silent"):
        await commander.api("x")
    assert isinstance(await owner.reason(), SwitchSilent)


# --- leave to send


async def test_nothing_is_sent_without_leave_and_the_switch_sees_a_reset(switch, connection, owner):
    may_send = True
    ended = asyncio.get_running_loop().create_future()

    async def script(peer):
        await peer.login()
        assert await peer.command() == "api status"
        peer.writer.write(b"Content-Type: api/response\nContent-Length: 2\n\nUP")
        try:
            ended.set_result(await peer.reader.read())
        except ConnectionResetError as error:
            ended.set_result(error)

    commander = connection(await switch(script), may_send=lambda: may_send, unacknowledged=3.0)
    await commander.connect()
    assert await commander.api("status") == "UP"
    may_send = False
    with pytest.raises(CommandLost):
        await commander.execute(LEG, "answer")
    assert isinstance(await owner.reason(), NotOurs)
    assert isinstance(await ended, ConnectionResetError)


async def test_a_connection_without_leave_does_not_even_log_in(switch, connection):
    said = asyncio.get_running_loop().create_future()

    async def script(peer):
        peer.writer.write(b"Content-Type: auth/request\n\n")
        try:
            said.set_result(await peer.reader.read())
        except ConnectionResetError:
            said.set_result(b"")

    with pytest.raises((NotOurs, LoginTimedOut)):
        await connection(await switch(script), may_send=lambda: False).connect()
    assert await said == b""
