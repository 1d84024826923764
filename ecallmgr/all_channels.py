"""Answers for the channel tables of all switches, and passes on to them, wherever in the cluster they are.

There is one under CHANNELS on every ecallmgr node. A question goes to all tables and the answers are put together; what
is about one leg goes to its switch's table. A table that is just being taken over is waited for; a switch that has none
in time is named in the answer (Incomplete), never left out in silence.

Who watches all legs is told by the tables themselves: this one only sees to it that each knows the watchers, and tells
these when there is a new table. A restart forgets the watchers, who monitor it and cast WatchLegs again. Kazoo:
ecallmgr_fs_channels, of which each of its nodes has one for its own switches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from mirliton.actors.switching import (
    AskSwitches,
    AuditNow,
    Incomplete,
    LegAdmitted,
    LegLost,
    LegOwned,
    LegsMissed,
    WatchLegs,
    channels_name,
)
from mirliton.ecallmgr.queries import QUESTIONS, is_final, together
from mirliton.runtime import (
    Continue,
    Down,
    From,
    GenServer,
    NoReply,
    Ref,
    Reply,
    Response,
    TimerFired,
    TimerRef,
)

PATIENCE: Final = 4.5
"""Seconds that a switch's table may take to answer, and somebody to take the switch over meanwhile."""
LOOK_AGAIN: Final = 0.1
"""Seconds between looks for a table that is away."""
MOST_QUESTIONS: Final = 2_000
"""Questions that may be under way at once; more get an answer in which all switches are missing."""


@dataclass(slots=True)
class _Question:
    """One that is under way. `unanswered` are the switches whose tables have not answered yet."""

    request: Any
    sender: From
    unanswered: set[str]
    deadline: TimerRef
    answers: list[Any] = field(default_factory=list)


class AllChannels(GenServer):
    """Under CHANNELS."""

    mailbox_limit = 100_000
    mailbox_overflow = "drop_oldest"

    def init(self, switches: tuple[str, ...]) -> NoReply:
        self.switches = switches
        self.tables: dict[Ref, str] = {}
        """The monitors of the tables that are there."""
        self.met: set[str] = set()
        """Switches whose table was there before: of a later one events may have been missed."""
        self.watchers: dict[Ref, WatchLegs] = {}
        self.questions: dict[int, _Question] = {}
        self.asked = 0
        self.asking: dict[int, tuple[int, str]] = {}
        """Requests to tables, by their tags: for which question, and of which switch."""
        self.incomplete = 0
        return NoReply(then=Continue())

    def state(self) -> Any:
        there = set(self.tables.values())
        return {
            "switches": self.switches,
            "away": [switch for switch in self.switches if switch not in there],
            "watchers": len(self.watchers),
            "questions": len(self.questions),
            "incomplete": self.incomplete,
        }

    def handle_continue(self, argument: Any) -> None:
        for switch in self.switches:
            self._meet(switch)

    def handle_call(self, request: Any, sender: From) -> Any:
        if isinstance(request, AskSwitches):
            return Reply(self.switches)
        if not isinstance(request, QUESTIONS):
            return super().handle_call(request, sender)
        if len(self.questions) >= MOST_QUESTIONS or not self.switches:
            return Reply(self._whole(request, [], set(self.switches)))
        self.asked += 1
        deadline = self.start_timer(PATIENCE, ("late", self.asked))
        self.questions[self.asked] = _Question(request, sender, set(self.switches), deadline)
        for switch in self.switches:
            self._ask(self.asked, switch)
        return NoReply()

    def handle_cast(self, request: Any) -> Any:
        match request:
            case WatchLegs():
                self._watch(request)
            case _:
                return super().handle_cast(request)
        return None

    def handle_info(self, message: Any) -> None:
        match message:
            case Response(request, value, error):
                self._answered(request.tag, value, error)
            case LegOwned(switch="") | LegAdmitted(switch="") | AuditNow():
                for switch in self.switches:
                    self.send(channels_name(switch), message)
            case LegOwned(switch=switch) | LegAdmitted(switch=switch) | LegLost(switch=switch):
                self.send(channels_name(switch), message)
            case TimerFired(message=("again", number, switch)):
                self._ask(number, switch)
            case TimerFired(message=("late", number)):
                self._end(number)
            case TimerFired(message=("meet", switch)):
                self._meet(switch)
            case Down(ref=ref) if ref in self.tables:
                self.start_timer(LOOK_AGAIN, ("meet", self.tables.pop(ref)))
            case Down(ref=ref):
                self.watchers.pop(ref, None)
            case _:
                super().handle_info(message)

    # The tables, and who watches them

    def _meet(self, switch: str) -> None:
        name = channels_name(switch)
        if self.whereis(name) is None:
            self.start_timer(LOOK_AGAIN, ("meet", switch))
            return
        self.tables[self.monitor(name)] = switch
        for wanted in self.watchers.values():
            self.cast(name, wanted)
            if switch in self.met:
                self.send(wanted.watcher, LegsMissed(switch))
        self.met.add(switch)

    def _watch(self, wanted: WatchLegs) -> None:
        for ref in [ref for ref, each in self.watchers.items() if each.watcher == wanted.watcher]:
            self.demonitor(ref, flush=True)
            del self.watchers[ref]
        if wanted.on:
            self.watchers[self.monitor(wanted.watcher)] = wanted
        for switch in self.tables.values():
            self.cast(channels_name(switch), wanted)

    # Questions

    def _ask(self, number: int, switch: str) -> None:
        if number in self.questions:
            self.asking[self.send_request(channels_name(switch), self.questions[number].request).tag] = number, switch

    def _answered(self, tag: int, value: Any, error: Any) -> None:
        number, switch = self.asking.pop(tag)
        question = self.questions.get(number)
        if question is None:
            return
        if error is not None:
            # It is being restarted, or taken over by another node.
            self.start_timer(LOOK_AGAIN, ("again", number, switch))
            return
        question.unanswered.discard(switch)
        question.answers.append(value)
        if not question.unanswered or is_final(value):
            self._end(number)

    def _end(self, number: int) -> None:
        question = self.questions.pop(number)
        question.deadline.cancel()
        final = [answer for answer in question.answers if is_final(answer)]
        unanswered = set() if final else question.unanswered
        self.reply(question.sender, self._whole(question.request, final or question.answers, unanswered))

    def _whole(self, request: Any, answers: list[Any], unanswered: set[str]) -> Any:
        answer = together(request, answers)
        if not unanswered:
            return answer
        self.incomplete += 1
        missing = tuple(sorted(unanswered))
        self.log.warning("channels_incomplete", missing=missing, question=type(request).__name__)
        return Incomplete(answer, missing)
