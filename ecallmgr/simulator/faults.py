"""Faults on demand: what can go wrong between a controller and its switch, or with the switch itself.

Everything here is an act of the test, the chaos run or `api simulator {"do": "fault", …}`; nothing happens
by chance. `which` picks connections: "all", "events" (those that listen) or "commands" (those that do not).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mirliton.ecallmgr.simulator.frames import GOODBYE, notice

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.connection import Connection
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

Which = Literal["all", "events", "commands"]
GARBAGE = b"\x00\xff\xfeNot a header at all\r\n: : :\nContent-Length: minus one\n\n"


class Faults:
    """The switch's faults; `clear` ends those that last."""

    def __init__(self, switch: SimulatedSwitch) -> None:
        self._switch = switch
        self.rude = False
        self.stalled = False
        self.auth_refused = False
        self._lose = 0
        self._mute = 0
        self._twice = 0
        self._slow = 0
        self._slow_by = 0.0

    def _connections(self, which: Which) -> list[Connection]:
        return [one for one in list(self._switch.connections) if which == "all" or one.listens is (which == "events")]

    # --- connections

    def drop(self, which: Which = "all", *, with_notice: bool = False) -> int:
        """Close connections at once (or, with a notice, properly); how many."""
        chosen = self._connections(which)
        for connection in chosen:
            if with_notice:
                connection.send(notice(GOODBYE))
                connection.close()
            else:
                connection.abort()
        return len(chosen)

    def stall(self, which: Which = "all") -> int:
        """Stop reading and writing; new connections are accepted and hear nothing. How many stalled now."""
        self.stalled = True
        chosen = self._connections(which)
        for connection in chosen:
            connection.stall(True)
        return len(chosen)

    def refuse_connections(self, *, rude: bool = False) -> None:
        """Nobody can connect any more: the port is closed or, `rude`, the access list says no."""
        if rude:
            self.rude = True
        else:
            self._switch.server.close()

    def refuse_auth(self) -> None:
        """Every password is wrong."""
        self.auth_refused = True

    async def clear(self) -> None:
        """Be a good switch again: listen, read, answer once and at once, lose nothing."""
        self.rude = self.stalled = self.auth_refused = False
        self._lose = self._mute = self._twice = self._slow = 0
        for connection in self._connections("all"):
            if connection.stalled:
                connection.stall(False)
        await self._switch.server.open()

    # --- answers and events

    def never_answer(self, count: int = 1) -> None:
        """The next `count` commands are executed but never answered."""
        self._mute += count

    def answer_twice(self, count: int = 1) -> None:
        """The next `count` commands are answered twice."""
        self._twice += count

    def delay_answers(self, seconds: float, count: int = 1) -> None:
        """The next `count` commands are answered `seconds` late."""
        self._slow += count
        self._slow_by = seconds

    def lose_events(self, count: int) -> None:
        """The next `count` events reach nobody (their numbers are used up)."""
        self._lose += count

    def answer_times(self) -> int:
        """How often the answer at hand goes out."""
        if self._mute:
            self._mute -= 1
            return 0
        if self._twice:
            self._twice -= 1
            return 2
        return 1

    def answer_delay(self) -> float:
        """How late the answer at hand goes out."""
        if not self._slow:
            return 0.0
        self._slow -= 1
        return self._slow_by

    def loses_event(self) -> bool:
        """Whether the event at hand is lost."""
        if not self._lose:
            return False
        self._lose -= 1
        return True

    # --- broken frames

    def send_garbage(self, data: bytes = GARBAGE, which: Which = "all") -> int:
        """Send bytes that are no frame."""
        chosen = self._connections(which)
        for connection in chosen:
            connection.send(data)
        return len(chosen)

    def send_oversized(self, size: int, which: Which = "events", *, whole: bool = False) -> int:
        """Send an event frame that announces `size` bytes; `whole` also sends them."""
        begin, end = b'{"Event-Name":"CUSTOM","x":"', b'"}'
        body = begin + b"x" * max(size - len(begin) - len(end), 0) + end if whole else b"{"
        head = f"Content-Length: {len(body) if whole else size}\nContent-Type: text/event-json\n\n"
        return self.send_garbage(head.encode() + body, which)

    def send_truncated(self, which: Which = "events") -> int:
        """Send half an event frame, then close."""
        chosen = self._connections(which)
        for connection in chosen:
            connection.send(b'Content-Length: 400\nContent-Type: text/event-json\n\n{"Event-Name":"CHANNEL_')
            connection.close()
        return len(chosen)

    # --- the switch

    async def restart(self, down_for: float = 0.0, *, keep_registrations: bool = True) -> None:
        """Die and come back: every call is gone without an event or a record, and the Core-UUID is new.

        The port stays closed for `down_for` simulated seconds.
        """
        await self._switch.crash(down_for, keep_registrations=keep_registrations)

    async def shut_down(self) -> None:
        """Stop in order: SHUTDOWN, every call ended with SYSTEM_SHUTDOWN, a notice, and the port closed."""
        await self._switch.shut_down()
