"""The gen_statem that does what the scenario's rules say."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable
from typing import Any

from mirliton.runtime import IGNORE, Call, Enter, Exit, ExitSignal, From, GenStatem, NextState, Stop
from mirliton.supervisors.replay.callbacks import ErlangThrow
from mirliton.supervisors.replay.proc.script import Script
from mirliton.supervisors.replay.proc.statem_terms import action_from, result_from, told
from mirliton.supervisors.replay.proc.world import World
from mirliton.supervisors.replay.terms import ErlangError, Refusal

Rule = dict[str, Any]


class Machine(GenStatem):
    """A gen_statem by rules: the first that matches an event says what is done."""

    callback_mode = "handle_event_function"

    def init(self, world: World, label: str, options: dict[str, Any]) -> Any:
        self.world = world
        self.rules: list[Rule] = options.get("rules", [])
        self.spent: list[Rule] = []
        """Rules that count once, and have."""
        self.value = self.settled = world.value(options.get("data", "d"))
        self.entering = False
        self.obeying = False
        """Its parent's exit is the message at hand: the reason is the parent's, with the stack it may have."""
        self.state_enter = options.get("enter", False)
        self.script = Script(world, self, {"throw": self._throw})
        self.trap_exit(options.get("trap", False))
        world.born(self.pid, label)
        outcome = options.get("init", "ok")
        world.event("init", self.pid, out=outcome, type="worker")
        match outcome:
            case "ok":
                return self._begin(options)
            case "ignore":
                return IGNORE
            case {"stop": reason}:
                return Stop(world.value(reason))
            case {"exit": reason}:
                raise Exit(world.value(reason))
            case {"error": term}:
                raise ErlangError(term)
            case {"throw": term}:
                raise ErlangThrow(term, self._begun(world.value(term)))
            case {"bad": term}:
                return self._begun(world.value(term))
            case {"delay": milliseconds}:
                return self._begin_later(milliseconds / 1000, options)
        raise ValueError(f"{label}: init outcome {outcome!r} is not known")

    def _begin(self, options: dict[str, Any]) -> NextState:
        self.world.started(self.pid)
        acts = [action_from(self._act(act, None), Machine) for act in options.get("actions", [])]
        self.world.answered.add(self.pid)
        return NextState(self.world.value(options.get("state")), *acts)

    async def _begin_later(self, seconds: float, options: dict[str, Any]) -> NextState:
        await self.sleep(seconds)
        return self._begin(options)

    def _begun(self, term: Any) -> Any:
        """What init means by an answer that the scenario has spelled out."""
        match term:
            case ("ok", state, data, *rest) if len(rest) <= 1:
                # The recorder did not count it as started.
                self.value = self.settled = data
                actions = rest[0] if rest else []
                made = actions if isinstance(actions, list) else [actions]
                return NextState(state, *(action_from(part, Machine) for part in made))
            case "ignore":
                return IGNORE
            case ("stop", reason):
                return Stop(reason)
        return term

    # What `sys` sees

    def data(self) -> Any:
        return self.value

    def set_data(self, data: Any) -> None:
        self.value = self.settled = data

    def code_change(self, old_version: Any, extra: Any) -> None:
        self.world.event("cb", self.pid, cb="code_change", arg=(old_version, self.current_state, self.value, extra))
        match extra:
            case ("rename", state):
                self.rename_state(state)
            case ("fail", term):
                raise Refusal(self.world.term(term))
            case ("crash", term):
                raise ErlangError(self.world.term(term))

    # Events

    def receiveMessage(self, message: Any, sender: Any) -> Any:
        self.obeying = type(message) is ExitSignal and message.sender == self.parent
        return super().receiveMessage(message, sender)

    def handle_event(self, event: Any, state: Any) -> Any:
        kind, content = told(event)
        self.world.event("cb", self.pid, cb="handle_event", arg=(kind, content, state))
        self.entering = type(event) is Enter
        if not self.entering:
            self.settled = self.value
        found = [_spelled(self.world.term(part)) for part in (state, kind, content)]
        caller = event.sender if type(event) is Call else None
        if self._must_wait():
            return self._handle_later(found, caller, state)
        return self._handle(found, caller, state)

    def _must_wait(self) -> bool:
        """Whether somebody has been answered who may not have heard it yet. On Erlang he has before this process goes
        on: the recorder noted each callback by a call, during which all others could run."""
        waits = self.pid in self.world.answered
        self.world.answered.discard(self.pid)
        return waits

    async def _handle_later(self, found: list[str], caller: From | None, state: Any) -> Any:
        await asyncio.sleep(0)
        result = self._handle(found, caller, state)
        return await result if inspect.isawaitable(result) else result

    def _handle(self, found: list[str], caller: From | None, state: Any) -> Any:
        rule = self._rule(*found)
        if rule is None:
            if caller is None:
                return None
            self.world.answered.add(self.pid)
            return self._answer(("keep_state_and_data", [("reply", caller, ("unhandled", state))]))
        try:
            result = self.script.run(rule.get("do", []), caller, lambda: self._ret(rule, caller, state))
        except (ErlangError, Exit):
            self._unsettle()
            raise
        return self._later(result) if inspect.isawaitable(result) else result

    async def _later(self, result: Awaitable[Any]) -> Any:
        try:
            return await result
        except (ErlangError, Exit):
            self._unsettle()
            raise

    def _unsettle(self) -> None:
        """An enter call failed: as if the answer of the event that led to it had never been."""
        self.value = self.settled

    def _rule(self, state: str, kind: str, content: str) -> Rule | None:
        """The first rule for an event: what a rule does not name may be anything."""
        for rule in self.rules:
            found = {"state": state, "type": kind, "content": content}
            if rule not in self.spent and all(_spelled(rule[key]) == found[key] for key in found if key in rule):
                if rule.get("once"):
                    self.spent.append(rule)
                return rule
        return None

    def _ret(self, rule: Rule, caller: From | None, state: Any) -> Any:
        value = self.world.value
        data = value(rule["data"]) if "data" in rule else self.value
        reason = value(rule.get("reason", "normal"))
        acts = [self._act(act, caller) for act in rule.get("actions", [])]
        next_state = ("next_state", value(rule["next"]) if "next" in rule else state, data, acts)
        match rule.get("ret", "next" if "next" in rule else "keep"):
            case "next":
                return self._answer(next_state)
            case "keep":
                return self._answer(("keep_state", data, acts))
            case "repeat":
                return self._answer(("repeat_state", data, acts))
            case "stop":
                return self._answer(("stop", reason, data))
            case "stop_and_reply":
                return self._answer(("stop_and_reply", reason, acts, data))
            case "error":
                raise ErlangError(rule.get("reason", "normal"))
            case "exit":
                raise Exit(reason)
            case "throw_next":
                raise ErlangThrow("next_state", self._answer(next_state))
            case "bad":
                return self._answer(reason)
        raise ValueError(f"ret {rule['ret']!r} is not known")

    def _throw(self, term: Any) -> None:
        raise ErlangThrow(term, self._answer(self.world.value(term)))

    def _answer(self, term: Any) -> Any:
        """Answer what an Erlang state function would; the data in it is taken."""
        match term:
            case ("next_state", state, *_) if self.entering and state != self.current_state:
                pass  # refused, with its data
            case ("next_state", _, data) | ("next_state", _, data, _):
                self.value = data
            case ("keep_state" | "repeat_state", data) | ("keep_state" | "repeat_state", data, _):
                self.value = data
            case ("stop", _, data) | ("stop_and_reply", _, _, data):
                self.value = data
        return result_from(term, Machine, self.entering)

    def _act(self, act: list[Any], sender: From | None) -> Any:
        """An entry of `actions` as the Erlang action."""
        value = self.world.value
        match act:
            case ["reply", answer]:
                self.world.answered.add(self.pid)
                return "reply", sender or "undefined", value(answer)
            case ["answer", key, answer]:
                self.world.answered.add(self.pid)
                return "reply", self.script.held.get(key, "undefined"), value(answer)
            case ["postpone" | "hibernate" as name]:
                return name
            case ["named_timeout", name, *rest]:
                return ("timeout", value(name)), *(value(part) for part in rest)
            case ["raw", term]:
                return value(term)
            case ["postpone" | "hibernate" | "next_event" | "state_timeout" | "timeout", *_]:
                return tuple(value(part) for part in act)
        raise ValueError(f"action {act!r} of a gen_statem is not known")

    def terminate(self, reason: Any) -> Any:
        told_reason = self.world.term(reason)
        if not self.obeying and _has_stack(told_reason):
            # Its own error is told without the stack.
            told_reason = told_reason["t"][0]
        rest = (self.world.term(part) for part in (self.current_state, self.value))
        self.world.event("cb", self.pid, cb="terminate", arg={"t": [told_reason, *rest]})
        return asyncio.sleep(0) if self._must_wait() else None


def _spelled(term: Any) -> str:
    """A term so that equal means the same term: 1, 1.0 and true are three."""
    return json.dumps(term, sort_keys=True)


def _has_stack(term: Any) -> bool:
    return isinstance(term, dict) and len(term.get("t", ())) == 2 and term["t"][1] == "STACK"
