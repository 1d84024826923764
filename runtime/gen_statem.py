"""GenStatem: a process that is a state machine (OTP: gen_statem).

A door that opens for a code, and locks itself again. Each state is a method, and what it answers says what comes next:

    import asyncio

    from mirliton.runtime import (
        Call, Cast, EventTimedOut, EventTimeout, GenStatem, KeepState, NextState, Node, Postpone, ReplyTo, ServerDied,
        StateTimedOut, StateTimeout,
    )


    class Door(GenStatem):
        def init(self, code) -> NextState:
            self.code = code
            self.typed = ""
            return NextState("locked")

        def locked(self, event):
            match event:
                case Cast(("button", digit)):
                    self.typed += digit
                    if self.typed == self.code:
                        return NextState("opened", StateTimeout(10.0, "lock"))
                    return KeepState(EventTimeout(5.0))      # 5 seconds of silence, and what was typed is forgotten
                case EventTimedOut():
                    self.typed = ""
                case Call(_, "walk through"):
                    return KeepState(Postpone())             # the caller waits until the door is open
                case Call(sender, ("change code", code)):
                    self.code = str(int(code))               # "secret" crashes it
                    return KeepState(ReplyTo(sender, "ok"))

        def opened(self, event):
            match event:
                case Call(sender, "walk through"):
                    return KeepState(ReplyTo(sender, "welcome"))
                case StateTimedOut("lock"):
                    self.typed = ""
                    return NextState("locked")


    async def main() -> None:
        async with Node() as node:
            door = await node.start(Door, "42")
            visitor = asyncio.ensure_future(node.call(door, "walk through"))
            node.cast(door, ("button", "4"))
            node.cast(door, ("button", "2"))
            assert await visitor == "welcome"
            assert await node.sys.get_state(door) == ("opened", {"code": "42", "typed": "42"})

            other = await node.start(Door, "42")
            try:
                await node.call(other, ("change code", "secret"))
            except ServerDied as died:                       # its supervisor would start another: locked, with "42"
                assert died.exit_reason.kind == "ValueError"


    asyncio.run(main())

Or one method for all states, which may then be any values: `callback_mode = "handle_event_function"` and
`handle_event(event, state)`. With `state_enter = True` each state begins with `Enter(old_state)`.

The attributes are what OTP calls the data. A callback may be `async def`: the machine takes its next event when it is
done. A restart runs `init` again; neither the state nor the attributes survive, nor do timeouts and inserted events.
Postponed messages are mail that waits: they count for `mailbox_limit`, and with `keep_mail` the successor gets them.

After an answer, in this order: its actions, from left to right; the enter call, when the state is another or repeated;
the event is put aside when it was postponed; on another state what was put aside comes to the front of the queue,
oldest first; events of NextEvent before that; timeouts.

statem.py         the words: events, actions, results
statem_turn.py    what one event has asked for
statem_timers.py  the timeouts
"""

from __future__ import annotations

from collections.abc import Coroutine
from types import CoroutineType
from typing import Any, Final, Literal

from mirliton.runtime.dossier import describe, state_of
from mirliton.runtime.errors import Exit, Throw
from mirliton.runtime.gen_server import IGNORE, MISSING, Stop
from mirliton.runtime.process import Process
from mirliton.runtime.protocol import Call, Cast, ExitSignal, From, Init, Proceed
from mirliton.runtime.reasons import NORMAL, is_quiet, reason_of
from mirliton.runtime.saved_mail import SavedMail
from mirliton.runtime.statem import (
    ChangeCallbackModule,
    Enter,
    Info,
    KeepState,
    NextState,
    PopCallbackModule,
    PushCallbackModule,
    RepeatState,
    ReplyTo,
    StopAndReply,
)
from mirliton.runtime.statem_timers import EVENT, STATE, Countdown, StatemTimers
from mirliton.runtime.statem_turn import Turn, refuse_if

_QUEUE_END: Final = Proceed(None)
"""Stands in the mailbox behind what the machine has queued itself: there the timeouts of time 0 are due."""


class GenStatem(Process):
    """A state machine. Write a method for each state, or `handle_event`; see the module for one running example.

    A state function answers None, NextState, KeepState, RepeatState, Stop(reason) or StopAndReply. Anything else ends
    the machine with `("bad_return_from_state_function", answer)`, an action that is none with
    `("bad_action_from_state_function", action)`; an enter call may not change the state
    (`"bad_state_enter_return_from_state_function"`), nor postpone, insert events or change the callback module
    (`"bad_state_enter_action_from_state_function"`). A state must not be named like a method of Process.
    """

    callback_mode: Literal["state_functions", "handle_event_function"] = "state_functions"
    """Whether each state is a method of its name, or `handle_event` is asked for all."""
    state_enter: bool = False
    """Whether a state begins with `Enter(old_state)`: at the start, at each change, and at RepeatState."""

    __begun = False
    __state: Any = None
    __timers: StatemTimers | None = None
    __end_marked = False
    __modules: tuple[type[GenStatem], ...] = ()

    def init(self, *args: Any, **kwargs: Any) -> Any:
        """Set the data up. Answer NextState(first state, *actions), IGNORE or Stop(reason)."""
        raise NotImplementedError(f"{type(self).__qualname__} has no init: it must answer NextState(its first state)")

    def handle_event(self, event: Any, state: Any) -> Any:
        """Handle an event in `callback_mode` "handle_event_function"; answers as a state function."""
        raise NotImplementedError(f"{type(self).__qualname__} has no handle_event, asked {event!r} in state {state!r}")

    def terminate(self, reason: Any) -> Any:
        """Clean up. Runs at an orderly stop, after a crash, and at the parent's exit when exits are trapped; never at a
        kill."""

    def code_change(self, old_version: Any, extra: Any) -> Any:
        """Take over the data that code of `old_version` left (see `sys.change_code`). Raise to refuse."""
        raise NotImplementedError(f"{type(self).__qualname__} has no code_change")

    @property
    def current_state(self) -> Any:
        """The state the machine is in. In an enter call it is the new one."""
        return self.__state

    def rename_state(self, state: Any) -> None:
        """Call the current state `state` from now on, for `code_change`: no enter call comes, no timeout ends and
        nothing postponed is retried."""
        self.__state = state

    # What `sys` sees: OTP's {State, Data}

    def state(self) -> Any:
        return self.__state, self.data()

    def set_state(self, state: Any) -> None:
        self.__state, data = state
        self.set_data(data)

    def data(self) -> Any:
        """What `sys.get_state` shows beside the state: by default the attributes."""
        attributes = state_of(self)
        del attributes["current_state"]
        return attributes

    def set_data(self, data: Any) -> None:
        """Take the data that `sys.replace_state` made: by default a dict of attributes."""
        for key, value in data.items():
            setattr(self, key, value)

    def _runtime_attributes(self) -> dict[str, Any]:
        own = "_GenStatem__"
        data = {key: value for key, value in vars(self).items() if not key.startswith(own)}
        return {"current_state": self.__state, **data}

    # What the scheduler calls

    def receiveMessage(self, message: Any, sender: Any) -> Any:
        kind = type(message)
        if kind is Call or kind is Cast:
            event = message
        elif kind is Proceed:
            event = self.__own_event(message.argument)
            if event is None:
                return None
        elif kind is ExitSignal and message.sender == self._myRef.parent:
            return self.__stop(message.reason)
        else:
            event = Info(message)
        if self.__timers is not None:
            self.__timers.cancel(EVENT)
        try:
            result = self.__callback(event)
        except Throw as thrown:
            result = thrown.value
        return None if result is None else self.__advance(Turn(event, self.__state), result, entering=False)

    def _runtime_begin(self, message: Init) -> Any:
        try:
            result = self.init(*message.args, **message.kwargs)
        except Throw as thrown:
            result = thrown.value
        return self.__begin_later(result) if type(result) is CoroutineType else self.__began(result)

    async def __begin_later(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        try:
            result = await coroutine
        except Throw as thrown:
            result = thrown.value
        more = self.__began(result)
        if more is not None:
            await more

    def __began(self, result: Any) -> Any:
        cell = self._cell
        node = cell.node
        if isinstance(result, NextState):
            self.__state = result.state
            self.__begun = True
            if cell.starter:
                node.calls.answer(From(node.name, cell.starter), cell.pid)
                cell.starter = 0
            turn = Turn(None, result.state)
            for action in result.actions:
                self.__act(turn, action, entering=False)
            if self.state_enter:
                return self.__advance(turn, self.__enter(turn), entering=True)
            self.__commit(turn)
        elif result is IGNORE:
            starter, cell.starter = cell.starter, 0
            node.signals.die(cell, NORMAL)
            node.calls.answer(From(node.name, starter), None)
        else:
            node.signals.die(cell, result.reason if type(result) is Stop else ("bad_return_from_init", result))
        return None

    def __own_event(self, argument: Any) -> Any:
        """The event of what the machine has put into its mailbox itself; None when there is none."""
        if argument is None:
            self.__end_marked = False
            timers = self.__timers
            if timers is None or not timers.due_now:
                return None
            event = timers.take_due_now().event
            if timers.due_now:
                self.__mark_end()
        elif type(argument) is Countdown:
            if self.__timers is None or not self.__timers.take(argument):
                return None
            event = argument.event
        else:
            event = argument
        # What a dossier shows, and what is put aside when the event is postponed.
        self._myRef.last = (Proceed(event), None)
        return event

    def __callback(self, event: Any) -> Any:
        if self.callback_mode == "state_functions":
            return getattr(self, self.__state)(event)
        return self.handle_event(event, self.__state)

    def __enter(self, turn: Turn) -> Any:
        try:
            return self.__callback(Enter(turn.old_state))
        except Throw as thrown:
            return thrown.value
        except BaseException:
            # The new state has not come about.
            self.__state = turn.old_state
            raise

    def __advance(self, turn: Turn, result: Any, *, entering: bool) -> Any:
        """Do what a callback answered, and the enter calls that follow. A coroutine when that takes a Task."""
        while self._myRef.alive:
            kind = type(result)
            if kind is CoroutineType:
                return self.__advance_later(turn, result, entering)
            if kind is Stop:
                if result.reply is not MISSING:
                    raise TypeError(
                        "Stop(reply=…) is an answer of a GenServer: answer StopAndReply(reason, ReplyTo(…))"
                    )
                return self.__stop(result.reason)
            if kind is StopAndReply:
                return self.__stop_and_reply(result)
            again = self.__take(turn, result, entering)
            if not (again and self.state_enter):
                self.__commit(turn)
                return None
            entering = True
            result = self.__enter(turn)
        return None

    async def __advance_later(self, turn: Turn, coroutine: Coroutine[Any, Any, Any], entering: bool) -> None:
        try:
            result = await coroutine
        except Throw as thrown:
            result = thrown.value
        except BaseException:
            self.__state = turn.old_state
            raise
        more = self.__advance(turn, result, entering=entering)
        if more is not None:
            await more

    def __take(self, turn: Turn, result: Any, entering: bool) -> bool:
        """Take an answer that goes on. Whether the state begins (anew)."""
        actions: tuple[Any, ...] = ()
        begins = False
        if isinstance(result, NextState):
            actions = result.actions
            begins = not _same(result.state, self.__state)
            if begins and entering:
                raise Exit(("bad_state_enter_return_from_state_function", result.term))
            self.__state = result.state
        elif isinstance(result, KeepState | RepeatState):
            actions = result.actions
            begins = isinstance(result, RepeatState)
        elif result is not None:
            raise Exit(("bad_return_from_state_function", result))
        for action in actions:
            self.__act(turn, action, entering)
        return begins

    def __act(self, turn: Turn, action: Any, entering: bool) -> None:
        match action:
            case ChangeCallbackModule(type() as cls) if issubclass(cls, GenStatem):
                refuse_if(entering, action)
                self.__class__ = cls
            case PushCallbackModule(type() as cls) if issubclass(cls, GenStatem):
                refuse_if(entering, action)
                self.__modules = (*self.__modules, type(self))
                self.__class__ = cls
            case PopCallbackModule() if self.__modules:
                refuse_if(entering, action)
                *modules, self.__class__ = self.__modules
                self.__modules = tuple(modules)
            case _:
                turn.act(self._cell.node, action, entering)

    def __commit(self, turn: Turn) -> None:
        """The state is settled: put aside, bring back, insert, and set the timeouts."""
        cell = self._myRef
        if turn.postpone and turn.event is not None:
            if cell.saved is None:
                cell.saved = SavedMail()
            cell.saved.append(cell.last)
        timers = self.__timers
        retried = None
        if not _same(self.__state, turn.old_state):
            if timers is not None:
                timers.cancel(STATE)
            retried, cell.saved = cell.saved, None
        if turn.settings:
            if timers is None:
                timers = self.__timers = StatemTimers(cell)
            timers.apply(turn.settings)
        if retried or turn.inserted or (timers is not None and timers.due_now):
            self.__mark_end()
        if retried:
            cell.put_back(list(retried))
        for event in reversed(turn.inserted):
            cell.put_first(Proceed(event))

    def __mark_end(self) -> None:
        """Let the machine notice when nothing of its own making is queued any more."""
        if not self.__end_marked:
            self.__end_marked = True
            self._myRef.put_first(_QUEUE_END)

    # The end

    def __stop_and_reply(self, result: StopAndReply) -> Any:
        for reply in result.replies:
            if type(reply) is not ReplyTo or type(reply.sender) is not From:
                raise Exit(("bad_reply_action_from_state_function", reply))
            self._cell.node.reply(reply.sender, reply.value)
        return self.__stop(result.reason)

    def __stop(self, reason: Any) -> Any:
        """Run terminate, then end. A coroutine when that takes a Task."""
        try:
            cleaning = self.terminate(reason)
        except BaseException as error:  # noqa: BLE001 - an error in terminate replaces the reason
            return self.__end(_reason_after(error, reason))
        return self.__stop_later(cleaning, reason) if type(cleaning) is CoroutineType else self.__end(reason)

    async def __stop_later(self, cleaning: Coroutine[Any, Any, Any], reason: Any) -> None:
        try:
            await cleaning
        except BaseException as error:  # noqa: BLE001 - an error in terminate replaces the reason
            self.__end(_reason_after(error, reason))
        else:
            self.__end(reason)

    def __end(self, reason: Any) -> None:
        cell = self._myRef
        if not is_quiet(reason):
            self.log.error("gen_statem_terminated", reason=describe(reason), state=describe(self.__state))
        cell.node.signals.die(cell, reason)

    def _runtime_failed(self, error: BaseException) -> None:
        cell = self._myRef
        reason = reason_of(error)
        if not self.__begun:
            # A failed init: terminate does not run.
            cell.node.signals.die(cell, reason)
            return
        cleaning = self.__stop(reason)
        if cleaning is not None:
            cell.node.scheduler.tasks.handle(cell, cleaning)


def _same(state: Any, other: Any) -> bool:
    """Whether they are one state: 1 and True are two."""
    return type(state) is type(other) and bool(state == other)


def _reason_after(error: BaseException, reason: Any) -> Any:
    """The exit reason after terminate was left by `error`; a throw there counts for nothing."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    return reason if isinstance(error, Throw) else reason_of(error)
