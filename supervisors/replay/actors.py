"""The processes of a scenario: they do what the file says and tell the world what happens to them."""

from __future__ import annotations

from typing import Any

from mirliton.runtime import (
    IGNORE,
    Continue,
    CoroutineProcess,
    Exit,
    ExitSignal,
    From,
    GenServer,
    NoReply,
    Pid,
    Process,
    StartError,
    Stop,
    message,
)
from mirliton.supervisors.replay.callbacks import ErlangThrow, init_answer
from mirliton.supervisors.replay.specs import Starters, supervisor_name, tree_from
from mirliton.supervisors.replay.terms import ErlangError, decode
from mirliton.supervisors.replay.world import child_path, world_of
from mirliton.supervisors.supervisor import Supervisor

FOR_EVER = 1e9
"""Seconds a worker hangs: longer than any scenario lasts."""


@message("replay.end")
class End:
    """Ask a worker to stop itself; `reason` is a term of the file."""

    reason: Any


@message("replay.crash")
class Fail:
    """Ask a worker to fail inside a callback: `kind` is error, exit or throw."""

    kind: str
    term: Any


class Worker(GenServer):
    """A worker that behaves as its entry in the file says."""

    @classmethod
    async def begin(cls, supervisor: Process, key: int, path: str, behaviour: dict[str, Any]) -> Any:
        """The start function of every worker."""
        world = world_of(key)
        outcome = world.next_attempt(path, behaviour.get("init"))
        if isinstance(outcome, dict) and ("ret" in outcome or "start_exit" in outcome):
            world.start_attempt(path, outcome, "worker")
            if "start_exit" in outcome:
                raise Exit(decode(outcome["start_exit"]))
            answer = decode(outcome["ret"])
            match answer:
                case ("error", reason):
                    raise StartError(path, reason)
                case "ignore":
                    return None
            return answer
        pid = await supervisor.start_link(cls, key, path, behaviour, outcome)
        if pid is not None and "info" in behaviour:
            return pid, decode(behaviour["info"])
        return pid

    def init(self, key: int, path: str, behaviour: dict[str, Any], outcome: Any) -> Any:
        self.world = world_of(key)
        self.behaviour = behaviour
        self.incarnation = self.world.start_attempt(path, outcome, "worker")
        self.trap_exit(behaviour.get("trap", False))
        if behaviour.get("unlink"):
            self.unlink(self.parent)
        match outcome:
            case "ok":
                self.world.started(self.pid, path, self.incarnation)
                return self._after_init()
            case "ignore":
                return IGNORE
            case {"stop": reason}:
                return Stop(decode(reason))
            case {"exit": reason}:
                raise Exit(decode(reason))
            case {"error": term}:
                raise ErlangError(term)
            case {"throw": term}:
                raise ErlangThrow(term, init_answer(decode(term)))
            case {"bad": term}:
                return init_answer(decode(term))
        raise ValueError(f"{path}: init outcome {outcome!r} is not known")

    def _after_init(self) -> NoReply | None:
        after = self.behaviour.get("after_init")
        if not after:
            return None
        action = after[min(self.incarnation, len(after)) - 1]
        return NoReply(then=Continue(End(action["exit"]))) if action is not None else None

    def handle_continue(self, argument: Any) -> Any:
        return self.handle_cast(argument)

    def handle_call(self, request: Any, sender: From) -> Any:
        return self.handle_cast(request)

    def handle_cast(self, request: Any) -> Any:
        match request:
            case End(reason):
                return Stop(decode(reason))
            case Fail("error", term):
                raise ErlangError(term)
            case Fail("exit", term):
                self.world.raised[self.pid] = "callback"
                raise Exit(decode(term))
            case Fail("throw", term):
                raise ErlangThrow(term, decode(term))
        raise ValueError(f"request {request!r} is not known")

    def handle_info(self, message: Any) -> None:
        if isinstance(message, ExitSignal):
            message = ("EXIT", message.sender, message.reason)
        self.world.note(self.pid, {"ev": "info", "msg": self.world.term(message)})

    async def terminate(self, reason: Any) -> None:
        self.world.note(self.pid, {"ev": "terminate", "reason": self.world.term(reason)})
        match self.behaviour.get("stop"):
            case "hang":
                await self.sleep(FOR_EVER)
            case {"delay": ms}:
                self.world.ending_slowly.add(self.pid)
                await self.sleep(ms / 1000)
            case {"exit": other}:
                self.world.raised[self.pid] = "terminate"
                raise Exit(decode(other))
            case {"error": term}:
                raise ErlangError(term)


class ScriptedSupervisor(Supervisor):
    """One of our supervisors, whose tree is what the file says for its path."""

    def describe(self, key: int, path: str) -> Any:
        world = world_of(key)
        if not self.described:
            world.started(self.pid, path, world.start_attempt(path, "ok", "supervisor"))
            self.described = True
        entry = world.trees[path]
        match entry.get("init"):
            case "ignore":
                return IGNORE
            case {"bad": term}:
                return decode(term)
            case {"error": term}:
                raise ErlangError(term)
            case {"exit": reason}:
                raise Exit(decode(reason))
        world.not_up(self.pid)
        return tree_from(entry, key, path, STARTERS)

    described = False

    async def run(self) -> None:
        key, _ = self.arguments[0]
        world_of(key).up(self.pid)
        await super().run()


class Dynamic(Worker):
    """What a simple_one_for_one template starts: the arguments of start_child say what it is."""

    @classmethod
    async def begin(cls, supervisor: Process, key: int, parent: str, arguments: dict[str, Any]) -> Any:
        path = child_path(parent, arguments["ref"])
        if "sup" not in arguments:
            return await Worker.begin(supervisor, key, path, arguments)
        world_of(key).trees[path] = arguments["sup"]
        name = supervisor_name(arguments["sup"])
        return await supervisor.start_link(ScriptedSupervisor, key, path, name=name)


STARTERS = Starters(Worker, ScriptedSupervisor, Dynamic)


@message("replay.start_root")
class StartRoot:
    """Ask the parent to start the root supervisor; answered ("ok", pid or None) or ("error", reason)."""

    key: int


@message("replay.signal_root")
class SignalRoot:
    """Ask the parent to send its child an exit signal."""

    root: Pid
    reason: Any


@message("replay.die")
class Die:
    """Ask the parent to end."""

    reason: Any


class Parent(CoroutineProcess):
    """The parent of the root supervisor: traps exits, and does as it is told."""

    async def init(self) -> None:
        self.trap_exit()

    async def run(self) -> None:
        while True:
            message = await self.receive()
            if isinstance(message, ExitSignal):
                if message.sender == self.parent:
                    raise Exit(message.reason)
                continue
            match message.request:
                case StartRoot(key):
                    self.reply(message.sender, await self._start_root(key))
                case SignalRoot(root, reason):
                    self.exit(root, decode(reason))
                case Die(reason):
                    raise Exit(decode(reason))

    async def _start_root(self, key: int) -> tuple[str, Any]:
        name = supervisor_name(world_of(key).trees["root"])
        try:
            return ("ok", await self.start_link(ScriptedSupervisor, key, "root", name=name))
        except StartError as error:
            return ("error", error.reason)
