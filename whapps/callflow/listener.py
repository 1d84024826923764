"""Hears of new calls: decides who takes them, and starts an executor for each that is won. Kazoo: cf_listener.

It keeps nothing. A question that it was at work on when it was killed is asked again by the call; a win for a call that
has an executor already changes nothing.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.route import RouteReq, RouteResp, RouteWin
from mirliton.actors.store import StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.switching import executor_name
from mirliton.ecallmgr.switch_http import Media
from mirliton.runtime import Completed, From, GenServer, Name, NoReply
from mirliton.supervisors import Refused, StartChild, Tree, worker
from mirliton.whapps.callflow.executor import Executor
from mirliton.whapps.callflow.routing import Decision, decide
from mirliton.whapps.numbers.rules import NumberRules, number_rules

RULES_FOR: Final = 30.0
"""Seconds for which the rules of numbers are not read again."""
EXECUTORS: Final = Name("supervisor", "executors")


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

    def init(self, media: Media) -> None:
        self.media = media
        self.decided = 0
        self.won = 0
        self.starting: set[str] = set()
        self.rules: NumberRules | None = None
        self.rules_read = 0.0

    def handle_call(self, request: Any, sender: From) -> Any:
        if isinstance(request, RouteReq):
            self.decided += 1
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
            case Completed(tag=("start", call_id), value=value, error=error):
                self.starting.discard(call_id)
                if error is not None or isinstance(value, Refused):
                    self.log.warning("executor_not_started", call_id=call_id, error=str(error or value))
            case _:
                super().handle_info(message)

    async def _decide(self, request: RouteReq) -> RouteResp:
        try:
            decision = await decide(StoreClient(self), request, await self._number_rules())
        except StoreError as error:
            self.log.warning("route_not_decided", call_id=request.call_id, error=str(error))
            raise
        if isinstance(decision, Decision):
            return RouteResp(method="park", custom_channel_vars=decision.custom_channel_vars, pre_park="none")
        self.log.info("route_refused", call_id=request.call_id, code=decision.code, text=decision.text)
        return RouteResp(method="error", route_error_code=decision.code, route_error_message=decision.text)

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
