"""Hears of new calls: decides who takes them, and starts an executor for each that is won. Kazoo: cf_listener.

Under too much load new calls are refused with 503 (`overload.py`); not those to emergency services, and not legs by
which a call that is up goes on.

It keeps nothing. A question that it was at work on when it was killed is asked again by the call; a win for a call that
has an executor already changes nothing.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.channels import ChannelStatusReq
from mirliton.actors.kapi.route import RouteReq, RouteResp, RouteWin
from mirliton.actors.store import StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.switching import LOOPED_ACCOUNT, channels_name, executor_name
from mirliton.ecallmgr.switch_http import Media
from mirliton.runtime import CallTimeout, Completed, From, GenServer, Name, NoReply, TimerFired
from mirliton.supervisors import Refused, StartChild, Tree, worker
from mirliton.whapps.callflow.executor import Executor
from mirliton.whapps.callflow.overload import Bounds, Gate
from mirliton.whapps.callflow.routing import Decision, decide
from mirliton.whapps.numbers.rules import NumberRules, number_rules

OVERLOADED: Final = 503
LOOK_EVERY: Final = 0.1
"""Seconds between two looks at the load."""
IDLE: Final = 10.0
"""Seconds without a question after which nobody looks until the next."""
COUNT_EVERY: Final = 10
"""Looks from one count of the calls to the next."""
LOOK_TIMEOUT: Final = 2.0
MOST_TABLES: Final = 64
RULES_FOR: Final = 30.0
"""Seconds for which the rules of numbers are not read again."""
EXECUTORS: Final = Name("supervisor", "executors")
EXECUTOR_KIND: Final = executor_name("").kind


def executor_tree(call_id: str, media: Media) -> Tree:
    """An executor's own small supervisor: five restarts in ten seconds, then the call's actor has it started afresh."""
    return Tree(
        "one_for_one",
        [
            worker(
                Executor,
                call_id,
                media,
                name=executor_name(call_id),
                restart="transient",
                significant=True,
            )
        ],
        intensity=5,
        period=10.0,
        auto_shutdown="any_significant",
    )


class Listener(GenServer):
    """Under ROUTER."""

    def init(self, media: Media, bounds: Bounds | None = None) -> None:
        self.media = media
        self.gate = Gate(bounds or Bounds())
        self.tables: dict[str, None] = {}
        """Switches that have asked, whose channel tables tell the delay."""
        self.looks = 0
        self.looking: float | None = None
        """When the question was asked that is under way."""
        self.decided = 0
        self.won = 0
        self.starting: set[str] = set()
        self.rules: NumberRules | None = None
        self.rules_read = 0.0
        self.asked_at: float | None = None
        """When a question last came; None while the load is not looked at, since none has come for a while."""

    def state(self) -> Any:
        load = {"calls": self.gate.calls, "delay": self.gate.delay, "closed": self.gate.closed}
        return {"decided": self.decided, "won": self.won, "starting": len(self.starting), **load, **self.gate.refused}

    def handle_call(self, request: Any, sender: From) -> Any:
        if isinstance(request, RouteReq):
            self.decided += 1
            self._meets(request.switch_nodename)
            self.background(self._decide(request), sender)
            return NoReply()
        return super().handle_call(request, sender)

    def handle_cast(self, request: Any) -> Any:
        match request:
            case RouteWin(call_id):
                self._start(call_id)
            case _:
                return super().handle_cast(request)
        return None

    def handle_info(self, message: Any) -> None:
        match message:
            case Completed(tag=From() as sender, value=RouteResp() as answer, error=None):
                self.reply(sender, answer)
            case Completed(tag=From(), error=error):
                # No answer: the call asks again, and refuses itself when it has asked often enough.
                self.log.warning("route_not_decided", error=str(error))
            case TimerFired(message="look"):
                self._look()
            case Completed(tag=("looked", begun), error=error):
                self._looked(begun, error)
            case Completed(tag=("start", call_id), value=value, error=error):
                self.starting.discard(call_id)
                if error is not None or isinstance(value, Refused):
                    self.log.warning("executor_not_started", call_id=call_id, error=str(error or value))
            case _:
                super().handle_info(message)

    async def _decide(self, request: RouteReq) -> RouteResp:
        try:
            rules = await self._number_rules()
            if self._turns_away(request, rules):
                return RouteResp(method="error", route_error_code=OVERLOADED, route_error_message="overloaded")
            decision = await decide(StoreClient(self), request, rules)
        except StoreError as error:
            self.log.warning("route_not_decided", call_id=request.call_id, error=str(error))
            raise
        if isinstance(decision, Decision):
            return RouteResp(method="park", custom_channel_vars=decision.custom_channel_vars, pre_park="none")
        self.log.info("route_refused", call_id=request.call_id, code=decision.code, text=decision.text)
        return RouteResp(method="error", route_error_code=decision.code, route_error_message=decision.text)

    # Load

    def _meets(self, switch: str | None) -> None:
        """A question has come from this switch."""
        if self.asked_at is None:
            self.looks = 0
            self._count()
            self.start_timer(LOOK_EVERY, "look")
        self.asked_at = self.node.clock.now()
        if switch and switch not in self.tables:
            self.tables[switch] = None
            if len(self.tables) > MOST_TABLES:
                del self.tables[next(iter(self.tables))]

    def _turns_away(self, request: RouteReq, rules: NumberRules) -> bool:
        """Whether there is too much load for this call."""
        if request.custom_channel_vars.get(LOOPED_ACCOUNT):
            return False
        number = request.destination_number or ""
        if rules.classify(rules.e164(number)).emergency:
            return False
        why = self.gate.refuses()
        if why is not None:
            self.log.warning(
                "call_refused_overloaded", call_id=request.call_id, why=why, delay=round(self.gate.delay, 3)
            )
        return why is not None

    def _look(self) -> None:
        now = self.node.clock.now()
        if self.asked_at is None or (now - self.asked_at > IDLE and not self.gate.closed):
            self.asked_at = None
            return
        self.start_timer(LOOK_EVERY, "look")
        self.looks += 1
        if self.looks % COUNT_EVERY == 0:
            self._count()
        if self.looking is not None:
            return
        switches = list(self.tables)
        if not switches:
            return
        self.looking = now
        table = channels_name(switches[self.looks % len(switches)])
        asked = self.call(table, ChannelStatusReq(call_id=""), timeout=LOOK_TIMEOUT)
        self.background(asked, ("looked", now))

    def _count(self) -> None:
        self.gate.counted(len(self.node.registry.names(EXECUTOR_KIND)) + len(self.starting))

    def _looked(self, begun: float, error: Any) -> None:
        """The table has answered. One that is away says nothing of the load."""
        self.looking = None
        if error is None or isinstance(error, CallTimeout):
            now = self.node.clock.now()
            self.gate.measured(now - begun, now)
        else:
            self.gate.measured(0.0, self.node.clock.now())

    # Rules

    async def _number_rules(self) -> NumberRules:
        """How numbers are read: what operators changed is known here within RULES_FOR."""
        now = self.node.clock.now()
        if self.rules is None or now - self.rules_read > RULES_FOR:
            self.rules = await number_rules(StoreClient(self))
            self.rules_read = now
        return self.rules

    def _start(self, call_id: str) -> None:
        if call_id in self.starting or self.whereis(executor_name(call_id)) is not None:
            return
        self.won += 1
        self.starting.add(call_id)
        start = StartChild([executor_tree(call_id, self.media)])
        self.background(self.call(EXECUTORS, start, timeout=10.0), ("start", call_id))
