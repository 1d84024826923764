"""The gen_server that does what the scenario's script says for each request."""

from __future__ import annotations

from typing import Any

from mirliton.runtime import IGNORE, Continue, Exit, From, GenServer, NoReply, Reply, Stop
from mirliton.supervisors.replay.callbacks import ErlangThrow, init_answer
from mirliton.supervisors.replay.proc.script import Script
from mirliton.supervisors.replay.proc.world import World
from mirliton.supervisors.replay.terms import ErlangError, Refusal, decode


class Server(GenServer):
    """A gen_server by script."""

    def init(self, world: World, label: str, options: dict[str, Any]) -> Any:
        self.world = world
        self.value = world.value(options.get("state"))
        self.script = Script(world, self, {"set": self._set, "throw": self._throw})
        self.calling = False
        """Whether the callback that runs is handle_call: others have no reply to give."""
        self.trap_exit(options.get("trap", False))
        world.born(self.pid, label)
        outcome = options.get("init", "ok")
        world.event("init", self.pid, out=outcome, type="worker")
        match outcome:
            case "ok":
                world.started(self.pid)
                return NoReply(**_option(options.get("opt")))
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

    async def _begin_later(self, seconds: float, options: dict[str, Any]) -> NoReply:
        await self.sleep(seconds)
        self.world.started(self.pid)
        return NoReply(**_option(options.get("opt")))

    def state(self) -> Any:
        return self.value

    def set_state(self, state: Any) -> None:
        self.value = state

    def handle_call(self, request: Any, sender: From) -> Any:
        return self._play("handle_call", request, sender)

    def handle_cast(self, request: Any) -> Any:
        return self._play("handle_cast", request)

    def handle_info(self, message: Any) -> Any:
        return self._play("handle_info", message)

    def handle_continue(self, argument: Any) -> Any:
        return self._play("handle_continue", argument)

    def terminate(self, reason: Any) -> Any:
        self.world.event("cb", self.pid, cb="terminate", arg=reason)
        self.script.terminating = True
        return self.script.run(self.world.scripts.get("$terminate", {}).get("do", []), None, lambda: None)

    def code_change(self, old_version: Any, extra: Any) -> None:
        self.world.event("cb", self.pid, cb="code_change", arg=(old_version, self.value, extra))
        match extra:
            case ("fail", term):
                raise Refusal(self.world.term(term))
            case ("crash", term):
                raise ErlangError(self.world.term(term))
        self.value = ("upgraded", self.value)

    def _play(self, callback: str, request: Any, sender: From | None = None) -> Any:
        """Do what the script has for this request."""
        self.calling = sender is not None
        self.world.event("cb", self.pid, cb=callback, arg=request)
        script = self.world.scripts.get(_name(self.world.term(request)))
        if script is None:
            return None if sender is None else Reply(("unknown", request))
        return self.script.run(script.get("do", []), sender, lambda: self._ret(script.get("ret", ["noreply"])))

    def _ret(self, ret: list[Any]) -> Any:
        value = self.world.value
        match ret:
            case ["reply", answer, *rest]:
                return Reply(value(answer), **_option(*rest)) if self.calling else self._bad("reply", answer, *rest)
            case ["reply_state"]:
                return Reply(self.value) if self.calling else ("reply", self.value, self.value)
            case ["noreply", *rest]:
                return NoReply(**_option(*rest))
            case ["stop", reason]:
                return Stop(value(reason))
            case ["stop", reason, reply]:
                if not self.calling:
                    return self._bad("stop", reason, reply)
                return Stop(value(reason), reply=value(reply))
            case ["bad", term]:
                return value(term)
        raise ValueError(f"ret {ret!r} is not known")

    def _bad(self, kind: str, *parts: Any) -> tuple[Any, ...]:
        """What only handle_call may answer, as the term it is in Erlang."""
        first, *rest = (_option_term(part) if isinstance(part, dict) else self.world.value(part) for part in parts)
        if kind == "stop":
            return kind, first, *rest, self.value
        return kind, first, self.value, *rest

    def _set(self, value: Any) -> None:
        self.value = self.world.value(value)

    # What a thrown term means: it is the callback's answer

    def _throw(self, term: Any) -> None:
        raise ErlangThrow(term, self._answer(self.world.value(term)))

    def _answer(self, answer: Any) -> Any:
        match answer:
            case ("reply", reply, state) if self.calling:
                self.value = state
                return Reply(reply)
            case ("noreply", state):
                self.value = state
                return NoReply()
            case ("stop", reason, reply, state) if self.calling:
                self.value = state
                return Stop(reason, reply=reply)
            case ("stop", reason, state):
                self.value = state
                return Stop(reason)
        return answer

    def _begun(self, answer: Any) -> Any:
        # One that begins so is not counted as started by the recorder.
        match answer:
            case ("ok", state):
                self.value = state
        return init_answer(answer)


def _name(request: Any) -> str:
    return request if isinstance(request, str) else ""


def _option_term(given: dict[str, Any]) -> Any:
    """An option as the element of Erlang's tuple; any other dict is a term already."""
    match given:
        case {"timeout": milliseconds}:
            return milliseconds
        case {"continue": argument}:
            return "continue", argument
    return decode(given)


def _option(given: Any = None) -> dict[str, Any]:
    """What a callback's answer adds: a timeout, or what to continue with."""
    match given:
        case {"timeout": milliseconds}:
            return {"timeout": milliseconds / 1000}
        case {"continue": argument}:
            return {"then": Continue(argument)}
        case None | "hibernate":  # hibernating shows nowhere
            return {}
    raise ValueError(f"option {given!r} is not known")
