"""The commands of the event socket: auth, event, filter, api, bgapi, sendmsg, sendevent, exit.

Answers are the real switch's, to the letter (the tests compare them with the captured ones).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mirliton.ecallmgr.simulator.events import Format, Value
from mirliton.ecallmgr.simulator.frames import Command, api_response, command_reply
from mirliton.ecallmgr.simulator.names import EVENT_NAMES
from mirliton.ecallmgr.simulator.subscriptions import Subscription

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.connection import Connection
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

Outcome = bytes | Coroutine[Any, Any, bytes]
NOT_FOUND = command_reply("-ERR command not found")
NO_REPLY = "-ERR no reply\n"


class Session:
    """What one connection has said so far, and what it may do."""

    def __init__(self, switch: SimulatedSwitch, connection: Connection) -> None:
        self.switch = switch
        self.subscription = Subscription()
        self.authenticated = False
        self.leaving = False
        self._connection = connection
        self._commands: dict[str, Callable[[Command], Outcome]] = {
            "api": self._api,
            "bgapi": self._bgapi,
            "event": self._event,
            "exit": self._exit,
            "filter": self._filter,
            "log": lambda _command: command_reply("+OK log level"),
            "nixevent": self._nixevent,
            "noevents": self._noevents,
            "nolog": lambda _command: command_reply("+OK no longer logging"),
            "sendevent": self._sendevent,
            "sendmsg": self._sendmsg,
        }

    def handle(self, command: Command) -> Outcome:
        """The answer to a command, or the work that will give it."""
        if not self.authenticated:
            return self._auth(command)
        handler = self._commands.get(command.verb)
        return handler(command) if handler is not None else NOT_FOUND

    def _auth(self, command: Command) -> Outcome:
        if command.verb == "exit":
            return self._exit(command)
        if command.verb != "auth":
            return NOT_FOUND
        if command.rest == self.switch.password and not self.switch.faults.auth_refused:
            self.authenticated = True
            return command_reply("+OK accepted")
        self.leaving = True
        return command_reply("-ERR invalid")

    def _exit(self, _command: Command) -> Outcome:
        self.leaving = True
        return command_reply("+OK bye")

    # --- what to listen to

    def _event(self, command: Command) -> Outcome:
        words = command.rest.split()
        form: Format = "plain"
        if words and words[0].lower() in ("plain", "json", "xml"):
            first = words.pop(0).lower()
            form = "json" if first == "json" else "xml" if first == "xml" else "plain"
        if not self.subscription.listen(form, words):
            return command_reply("-ERR no keywords supplied")
        self.switch.forget_interests()
        return command_reply(f"+OK event listener enabled {form}")

    def _nixevent(self, command: Command) -> Outcome:
        if not self.subscription.nix(command.rest.split()):
            return command_reply("-ERR no keywords supplied")
        self.switch.forget_interests()
        return command_reply("+OK events nixed")

    def _noevents(self, _command: Command) -> Outcome:
        if self.subscription.format is None:
            return command_reply("-ERR not listening for events")
        self.subscription.clear()
        self.switch.forget_interests()
        return command_reply("+OK no longer listening for events")

    def _filter(self, command: Command) -> Outcome:
        words = command.rest.split(maxsplit=1)
        if words and words[0] == "delete":
            target = words[1].split(maxsplit=1) if len(words) > 1 else []
            if not target:
                return command_reply("-ERR invalid syntax")
            value = target[1] if len(target) > 1 else None
            self.subscription.delete_filters(target[0], value)
            return command_reply(f"+OK filter deleted. [{target[0]}][{value or ''}]")
        if len(words) < 2:
            return command_reply("-ERR invalid syntax")
        self.subscription.add_filter(words[0], words[1])
        return command_reply(f"+OK filter added. [{words[0]}]=[{words[1]}]")

    # --- what to do

    def _api(self, command: Command) -> Outcome:
        answer = self.switch.run_api(command.rest)
        return api_response(answer or NO_REPLY) if isinstance(answer, str) else _finish_api(answer)

    def _bgapi(self, command: Command) -> Outcome:
        job = command.headers.get("Job-UUID") or self.switch.new_uuid()
        self.switch.spawn(self._job(job, command.rest), f"job {job}")
        return command_reply(f"+OK Job-UUID: {job}", {"Job-UUID": job})

    async def _job(self, job: str, text: str) -> None:
        answer = self.switch.run_api(text)
        body = (answer if isinstance(answer, str) else await answer) or NO_REPLY
        verb, _, args = text.partition(" ")
        headers: dict[str, Value] = {"Job-UUID": job, "Job-Command": verb}
        if args:
            headers["Job-Command-Arg"] = args
        self.switch.bus.fire("BACKGROUND_JOB", headers, body=body)

    def _sendmsg(self, command: Command) -> Outcome:
        uuid = command.rest
        leg = self.switch.legs.get(uuid)
        if leg is None:
            return command_reply(f"-ERR invalid session id [{uuid}]")
        message = {"Command": command.line, **command.headers}
        if command.body is not None:
            message.pop("Content-Length", None)
            message.pop("Content-Type", None)
            message.setdefault("execute-app-arg", command.body)
        if not leg.executor.enqueue(message):
            return command_reply("-ERR memory error")
        return command_reply("+OK")

    def _sendevent(self, command: Command) -> Outcome:
        name = command.rest.partition(" ")[0].upper() or "CUSTOM"
        if name not in EVENT_NAMES or name == "ALL":
            return command_reply(f"-ERR invalid event {name}")
        uuid = self.switch.new_uuid()
        headers: dict[str, Value] = {"Command": command.line}
        headers.update({key: value for key, value in command.headers.items() if key != "Event-Subclass"})
        headers["Event-UUID"] = uuid
        subclass = command.headers.get("Event-Subclass")
        self.switch.bus.fire(name, headers, subclass=subclass, body=command.body)
        return command_reply(f"+OK {uuid}")


async def _finish_api(work: Coroutine[Any, Any, str]) -> bytes:
    return api_response(await work or NO_REPLY)
