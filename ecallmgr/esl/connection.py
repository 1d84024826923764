"""One connection to a switch's event socket, as the asyncio loop sees it."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import ipaddress
import socket
import uuid as uuids
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, Self

from mirliton.ecallmgr.esl import commands
from mirliton.ecallmgr.esl.errors import (
    ClosedLocally,
    CommandLost,
    CommandRefused,
    CommandTimedOut,
    ConnectFailed,
    ConnectionClosed,
    ConnectionRefused,
    HubStopped,
    InvalidCommand,
    LoginTimedOut,
    NotConnected,
    ReplyOutOfTurn,
    SwitchSilent,
    TooManyInFlight,
)
from mirliton.ecallmgr.esl.events import Event
from mirliton.ecallmgr.esl.exchange import Exchange
from mirliton.ecallmgr.esl.framing import Frame, Limits
from mirliton.ecallmgr.esl.hub import Hub, shared
from mirliton.ecallmgr.esl.inbound import Settings
from mirliton.ecallmgr.esl.inbox import Inbox
from mirliton.ecallmgr.esl.link import Closed, Failed, Item, Link, Opened
from mirliton.ecallmgr.esl.liveness import Liveness
from mirliton.ecallmgr.esl.pending import API

HUB_GRACE: Final = 2.0
"""Seconds that the hub thread may be late before it is taken for stuck."""
NO_REPLY: Final = "-ERR no reply"
"""What mod_event_socket puts in place of an API command's empty output."""


class State(enum.Enum):
    """Where a connection is in its one life."""

    NEW = "new"
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclasses.dataclass(frozen=True, slots=True)
class Statistics:
    """Counters of one connection since its start."""

    bytes_read: int = 0
    events: int = 0
    undecodable: int = 0
    """Frames that said they were events and could not be read."""
    queued: int = 0
    """Items between the hub and the loop just now."""
    queued_most: int = 0
    """The most there ever were."""
    commands: int = 0
    in_flight: int = 0
    timed_out: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class _Wiring:
    """What a connection has from the start of `connect` on."""

    loop: asyncio.AbstractEventLoop
    hub: Hub
    inbox: Inbox[Item]
    link: Link
    exchange: Exchange
    opened: asyncio.Future[None]
    over: asyncio.Future[None]
    abandon: Callable[[], object]


class EventSocket:
    """A connection that subscribes, hands out events, and runs commands. It lives once and is cheap to throw away.

        switch = EventSocket("10.0.0.5", 8021, password, events=["CHANNEL_CREATE", "sofia::register"],
                             on_event=self.take, on_closed=self.lost)
        await switch.connect()
        status = await switch.api("status")

    Use two: one with `events`, one for commands, for FreeSWITCH reads no command while it sends events and sends no
    event while it runs an API command; and anything slow with `bgapi`. To reconnect, make a new one: how often and
    after what delay is its owner's affair.

    `on_event(event)` gets every event in the order the switch sent them; `on_closed(reason)` gets the ConnectionClosed
    that ended a connection after `connect` had returned: once, after the last event, also when we closed. Both are
    called in the loop that called `connect` and must not wait; what they raise goes to the loop's exception handler.
    Events may come before `connect` returns.

    All times are seconds. `liveness`: after so long without a byte the switch is pinged, after twice that the
    connection ends with SwitchSilent; None trusts the switch. `queue_limit`, `queue_bytes`: what may wait for the
    loop before the connection ends with ReaderTooSlow. `in_flight`: commands that may wait for their answers.
    `hub`: a thread of your own for it, else the process's shared one. `may_send` is asked, in that thread, just before
    anything is sent; when it says no the connection ends with NotOurs. `unacknowledged`: what the switch's system has
    not acknowledged for so long is not sent again, and the connection ends.

    When nobody refers to it any more, it closes itself. Not for use from other threads.
    """

    def __init__(
        self,
        host: str,
        port: int,
        password: str,
        *,
        events: Sequence[str] = (),
        on_event: Callable[[Event], object] | None = None,
        on_closed: Callable[[ConnectionClosed], object] | None = None,
        hub: Hub | None = None,
        connect_timeout: float = 5.0,
        command_timeout: float = 5.0,
        write_timeout: float = 5.0,
        liveness: float | None = 30.0,
        queue_limit: int = 20_000,
        queue_bytes: int = 64 * 1024 * 1024,
        in_flight: int = 256,
        limits: Limits | None = None,
        may_send: Callable[[], bool] = lambda: True,
        unacknowledged: float | None = None,
    ) -> None:
        """Raises InvalidCommand for a port, password or event name that cannot be. Opens nothing yet."""
        if not 1 <= port <= 65535:
            raise InvalidCommand("port", port, "a number from 1 to 65535 is expected")
        commands.auth(password)
        self._subscription = commands.events(events) if events else b""
        self.host = host
        self.port = port
        self.connect_timeout = connect_timeout
        self.command_timeout = command_timeout
        self._settings = Settings(
            host,
            port,
            password,
            connect_timeout,
            write_timeout,
            4 * commands.MAX_COMMAND,
            limits or Limits(),
            may_send,
            unacknowledged,
        )
        self._on_event = on_event
        self._on_closed = on_closed
        self._own_hub = hub
        self._liveness_period = liveness
        self._queue = (queue_limit, queue_bytes)
        self._in_flight = in_flight
        self._state = State.NEW
        self._reason: ConnectFailed | ConnectionClosed | None = None
        self._connected = False
        self._wired: _Wiring | None = None
        self._liveness: Liveness | None = None

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        password: str,
        *,
        events: Sequence[str] = (),
        on_event: Callable[[Event], object] | None = None,
        on_closed: Callable[[ConnectionClosed], object] | None = None,
        hub: Hub | None = None,
    ) -> Self:
        """A connection with the default times and bounds, already connected. Raises as `connect`."""
        made = cls(host, port, password, events=events, on_event=on_event, on_closed=on_closed, hub=hub)
        await made.connect()
        return made

    @property
    def state(self) -> State:
        """Where the connection is in its life."""
        return self._state

    @property
    def reason(self) -> ConnectFailed | ConnectionClosed | None:
        """Why it has ended, once it has."""
        return self._reason

    @property
    def statistics(self) -> Statistics:
        """Counters for metrics; plain numbers, cheap to read."""
        if self._wired is None:
            return Statistics()
        link, inbox, exchange = self._wired.link, self._wired.inbox, self._wired.exchange
        return Statistics(
            bytes_read=link.bytes_read,
            events=link.events,
            undecodable=link.undecodable,
            queued=len(inbox),
            queued_most=inbox.high_water,
            commands=exchange.sent,
            in_flight=len(exchange),
            timed_out=exchange.timed_out,
        )

    async def connect(self) -> None:
        """Connect, log in and subscribe. An EventSocket connects once.

        Raises ConnectFailed, ConnectionClosed (it ended at once) or CommandRefused (the subscription); then nothing is
        left open.
        """
        if self._state is not State.NEW:
            raise RuntimeError(f"{self!r} connects once; make a new one")
        self._state = State.OPENING
        try:
            wired = self._wire(await self._address())
            await self._login(wired)
            if self._subscription:
                await self._subscribe(wired)
        except BaseException as error:
            self._end(error if isinstance(error, ConnectFailed | ConnectionClosed) else ClosedLocally())
            raise
        if self._state is not State.OPEN:
            # It ended in the same turn of the loop in which it opened.
            assert self._reason is not None
            raise self._reason
        self._connected = True
        if self._liveness_period is not None:
            self._liveness = Liveness(wired.loop, self._liveness_period, self)

    async def close(self, timeout: float = 2.0) -> None:
        """Say goodbye and close; at the latest after `timeout` seconds without the switch's consent. Commands that
        still wait fail with CommandLost. On a connection that has ended, or never began, nothing happens."""
        wired = self._wired
        if wired is None or self._state is State.CLOSED:
            self._end(ClosedLocally())
            return
        self._state = State.CLOSING
        self._post(partial(wired.link.finish, timeout))
        await asyncio.wait([wired.over], timeout=timeout + HUB_GRACE)
        self._end(HubStopped(f"the hub thread did not close the connection within {timeout + HUB_GRACE:g} s"))

    def abort(self) -> None:
        """Close without a goodbye and without waiting."""
        self._fail(ClosedLocally())

    async def send(self, command: bytes, timeout: float | None = None) -> Frame:
        """Send a command made by `commands` and return the answer as it is, whether or not it refuses.

        Raises NotConnected, TooManyInFlight (nothing was sent), CommandTimedOut or CommandLost (the effect is
        unknown). Cancelling the wait does not take the command back.
        """
        label = commands.describe(command)
        if self._state is not State.OPEN or self._wired is None:
            raise NotConnected(label, self._reason)
        return await self._wired.exchange.run(command, label, self.command_timeout if timeout is None else timeout)

    async def api(self, text: str, timeout: float | None = None) -> str:
        """Run an API command and return its output without newlines at the end; empty output is "".

        Raises CommandRefused for -ERR and -USAGE, and what `send` raises.
        """
        command = commands.api(text)
        answer = await self.send(command, timeout)
        output = (answer.text if answer.content_type == API else answer.reply_text).rstrip("\n")
        if output == NO_REPLY:
            return ""
        if output.startswith(("-ERR", "-USAGE")):
            raise CommandRefused(commands.describe(command), output)
        return output

    async def bgapi(self, text: str, job_uuid: str | None = None, timeout: float | None = None) -> str:
        """Start an API command in the background; returns the job's id once the switch has accepted it.

        The result is the BACKGROUND_JOB event with this `job_uuid`, on the connection that subscribed to it. It may
        come before this returns.
        """
        job = job_uuid or str(uuids.uuid4())
        await self._accepted(commands.bgapi(text, job), timeout)
        return job

    async def execute(
        self,
        uuid: str,
        application: str,
        argument: str = "",
        *,
        event_uuid: str | None = None,
        event_lock: bool = True,
        loops: int = 1,
        timeout: float | None = None,
    ) -> str:
        """Queue an application on a leg; returns its id once the switch has accepted it.

        The result is the CHANNEL_EXECUTE_COMPLETE with this id as Application-UUID. Raises CommandRefused when there
        is no such leg, and what `send` raises.
        """
        own = event_uuid or str(uuids.uuid4())
        command = commands.execute(uuid, application, argument, event_uuid=own, event_lock=event_lock, loops=loops)
        await self._accepted(command, timeout)
        return own

    async def hangup(self, uuid: str, cause: str = "NORMAL_CLEARING", timeout: float | None = None) -> None:
        """End a leg. Raises CommandRefused when there is none, and what `send` raises."""
        await self._accepted(commands.hangup(uuid, cause), timeout)

    async def sendmsg(
        self, uuid: str, headers: Mapping[str, str], content: str = "", timeout: float | None = None
    ) -> None:
        """Send any message to a leg. Raises as `hangup`."""
        await self._accepted(commands.sendmsg(uuid, headers, content), timeout)

    async def subscribe(self, names: Sequence[str], timeout: float | None = None) -> None:
        """Subscribe to more events. Raises CommandRefused, and what `send` raises."""
        await self._accepted(commands.events(names), timeout)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<EventSocket {self.host}:{self.port} {self._state.value}>"

    async def _accepted(self, command: bytes, timeout: float | None) -> None:
        answer = await self.send(command, timeout)
        if not answer.reply_text.startswith("+OK"):
            raise CommandRefused(commands.describe(command), answer.reply_text)

    # --- opening

    async def _address(self) -> str:
        """The switch's IPv4 address (greenswitch speaks no other)."""
        if _is_ipv4(self.host):
            # Asking the resolver would start a thread.
            return self.host
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.connect_timeout):
                found = await loop.getaddrinfo(self.host, self.port, family=socket.AF_INET, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise LoginTimedOut(self.host, self.port, "resolve", self.connect_timeout) from None
        except (OSError, UnicodeError) as error:
            raise ConnectionRefused(self.host, self.port, f"no IPv4 address for the host: {error}") from error
        return str(found[0][4][0])

    def _wire(self, address: str) -> _Wiring:
        loop = asyncio.get_running_loop()
        # The hub must not keep this object alive: a connection that its owner lost has to close.
        weak = weakref.WeakMethod(self._deliver)

        def deliver(item: Item) -> None:
            method = weak()
            if method is not None:
                method(item)

        inbox: Inbox[Item] = Inbox(loop, deliver, limit=self._queue[0], limit_bytes=self._queue[1])
        hub = self._own_hub or shared.hold()
        link = Link(hub, dataclasses.replace(self._settings, host=address), inbox)
        abandon = weakref.finalize(self, _abandon, hub, link, self._own_hub is None)
        abandon.atexit = False
        exchange = Exchange(loop, partial(_write, hub, link), self._in_flight)
        self._wired = _Wiring(loop, hub, inbox, link, exchange, loop.create_future(), loop.create_future(), abandon)
        hub.post(link.open)
        return self._wired

    async def _login(self, wired: _Wiring) -> None:
        timeout = self.connect_timeout + HUB_GRACE
        await asyncio.wait([wired.opened], timeout=timeout)
        if not wired.opened.done():
            raise HubStopped(f"the hub thread did not open the connection within {timeout:g} s")
        if wired.opened.cancelled():
            # It was closed meanwhile; this is not a cancellation of the caller.
            assert self._reason is not None
            raise self._reason
        wired.opened.result()

    async def _subscribe(self, wired: _Wiring) -> None:
        try:
            answer = await wired.exchange.run(self._subscription, "event json", self.connect_timeout)
        except CommandTimedOut as error:
            raise LoginTimedOut(self.host, self.port, "subscribe", error.timeout) from None
        except CommandLost as error:
            raise error.reason from None
        if not answer.reply_text.startswith("+OK"):
            raise CommandRefused("event json", answer.reply_text)

    # --- what comes from the hub

    def _deliver(self, item: Item) -> None:
        assert self._wired is not None
        if self._state is State.CLOSED:
            return
        if isinstance(item, Event):
            if self._on_event is not None:
                self._guarded(self._on_event, item)
        elif isinstance(item, Frame):
            self._answer(item, self._wired.exchange)
        elif isinstance(item, Opened):
            if self._state is State.OPENING:
                self._state = State.OPEN
                self._wired.opened.set_result(None)
        elif isinstance(item, Failed):
            if not self._wired.opened.done():
                self._wired.opened.set_exception(self._by_name(item.error))
        else:
            assert isinstance(item, Closed)
            self._end(item.reason)

    def _by_name(self, error: ConnectFailed | ConnectionClosed) -> ConnectFailed | ConnectionClosed:
        """The hub knows the address only; the name that we were given tells an operator more."""
        if isinstance(error, ConnectFailed) and error.host != self.host:
            error.host = self.host
            error.args = (f"event socket {self.host}:{self.port}: {error.detail}",)
        return error

    def _answer(self, frame: Frame, exchange: Exchange) -> None:
        if self._state is State.CLOSING and not len(exchange):
            # The answer to our `exit`, or to a command of a connection that is being given up.
            return
        try:
            exchange.answered(frame)
        except ReplyOutOfTurn as error:
            self._fail(error)

    def _guarded(self, callback: Callable[..., object], argument: object) -> None:
        assert self._wired is not None
        try:
            callback(argument)
        except Exception as error:  # noqa: BLE001  # the owner's error; the loop's handler is where it belongs
            context = {"message": f"{callback!r} of {self!r} failed", "exception": error}
            self._wired.loop.call_exception_handler(context)

    # --- ending

    def _post(self, call: Callable[[], object]) -> None:
        assert self._wired is not None
        try:
            self._wired.hub.post(call)
        except HubStopped as error:
            self._wired.loop.call_soon(self._end, error)

    def _fail(self, reason: ConnectionClosed) -> None:
        """Have the hub close. The end is told when it has come, after the events that were read before."""
        if self._wired is not None and self._state in (State.OPENING, State.OPEN, State.CLOSING):
            self._state = State.CLOSING
            self._post(partial(self._wired.link.close, reason))

    def _end(self, reason: ConnectFailed | ConnectionClosed) -> None:
        """It has ended. Only the first reason counts."""
        if self._state is State.CLOSED:
            return
        self._state = State.CLOSED
        self._reason = reason
        if self._liveness is not None:
            self._liveness.stop()
        if self._wired is None:
            return
        closed = reason if isinstance(reason, ConnectionClosed) else ClosedLocally()
        self._wired.exchange.end(closed)
        for future in (self._wired.opened, self._wired.over):
            future.cancel()
        # Closes the hub's half if that has not happened yet, and lets go of the shared hub.
        self._wired.abandon()
        if self._connected and self._on_closed is not None:
            self._guarded(self._on_closed, closed)

    # --- for the liveness watch

    @property
    def last_read(self) -> float:
        """When the last bytes came, on time.monotonic's clock."""
        return self._wired.link.last_read if self._wired is not None else 0.0

    def ping(self, timeout: float) -> None:
        """Make the switch say something. That bytes come is all that counts."""
        if self._wired is None or self._state is not State.OPEN:
            return
        try:
            answer = self._wired.exchange.begin(commands.api("status"), "api status", timeout)
        except TooManyInFlight:
            # As many commands as may be wait for the switch already: they do what a ping does.
            return
        answer.add_done_callback(lambda future: future.cancelled() or future.exception())

    def silent(self, seconds: float) -> None:
        """End the connection: the switch has said nothing for so long."""
        self._fail(SwitchSilent(seconds))


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _write(hub: Hub, link: Link, command: bytes) -> None:
    try:
        hub.post(partial(link.write, command))
    except HubStopped:
        # The end of the hub ends this connection too, and with it the wait for the answer.
        return


def _abandon(hub: Hub, link: Link, is_shared: bool) -> None:
    try:
        hub.post(partial(link.close, ClosedLocally()))
    except HubStopped:
        # Then the connection ended with its hub.
        return
    finally:
        if is_shared:
            shared.release()
