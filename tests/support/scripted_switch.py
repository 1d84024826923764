"""A scripted caller on a scripted switch, for tests of what runs on an executor, without any socket.

`Caller` says what the caller does, `Channel` is the leg as its switch knows it and outlives all processes,
`ScriptedCall` and `ScriptedSwitch` stand for the actors of a call and of a switch, `Ticks` kill at a moment.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from mirliton.actors.kapi.call import ChannelDestroyed, ChannelExecuteCompleted
from mirliton.actors.kapi.dialplan import (
    Bridge,
    CallPickup,
    Hangup,
    Hold,
    Play,
    PlayAndCollectDigits,
    Record,
    RecordCall,
    Say,
    Tones,
    Tts,
)
from mirliton.actors.store import Conflict
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.server import StoreServer
from mirliton.actors.switching import (
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    Accepted,
    Attach,
    CommandResult,
    Detach,
    Dispatch,
    Dump,
    Execute,
    LegEvent,
    NoSuchLeg,
    Refused,
    Settle,
    SetVariables,
    SwitchApi,
    call_name,
    executor_name,
)
from mirliton.ecallmgr.connection import BackgroundJob
from mirliton.runtime import Completed, From, GenServer, NoReply, Reply
from mirliton.runtime.testing import VirtualNode

ACCOUNT = "0123456789abcdef0123456789abcdef"
CALL = "a0b1c2d3-0000-4000-8000-000000000001"
SWITCH = "fs1"
FLOW = "f" * 32


@dataclass
class Caller:
    """What the caller does. `keys`: for each medium, what is pressed each time it is heard (then nothing more).

    A medium is the prompt's id, or any end of its name. "hangup" hangs up while it is heard. `records`: for each
    recording its milliseconds, "hangup" (in the middle of it), "gone" (whose end the switch did not tell) or "refused".
    """

    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    records: Sequence[int | str] = ()
    bridges: Sequence[Mapping[str, str]] = ()
    picks_up: bool = True
    """Whether a call that is to be picked up still is there."""
    holds: int = 0
    """The music during which the caller hangs up; 0 for none."""


@dataclass
class Log:
    """What came to the switch: each command once, in order."""

    commands: list[tuple[str, Any]] = field(default_factory=list)
    hangups: list[str] = field(default_factory=list)

    def said(self) -> list[str]:
        """The announcements, tones, recordings and rings in order, in short."""
        return [text for _, command in self.commands if (text := short(command))]


def short(command: Any) -> str:
    """A command in one word: a prompt's id, a medium, or what is said."""
    match command:
        case Play(media_name=name) | PlayAndCollectDigits(media_name=name):
            asks = "?" if isinstance(command, PlayAndCollectDigits) else ""
            if name.startswith("silence_stream"):
                return ""
            return (name.split("/")[3] if name.startswith("prompt://") else name) + asks
        case Say(say_text=text):
            return f"«{text}»"
        case Record():
            return "record"
        case Tones():
            return "beep"
        case Bridge(endpoints=endpoints):
            return "ring " + " ".join(str(endpoint.endpoint_id) for endpoint in endpoints)
        case _:
            return type(command).__name__.lower()


class Channel:
    """The leg as its switch knows it: the truth, which outlives all processes."""

    def __init__(self, caller: Caller, files: dict[str, int]) -> None:
        self.caller = caller
        self.files = files
        """The recordings on the switch, with their milliseconds."""
        self.heard: dict[str, int] = {}
        self.recorded = 0
        self.bridged = 0
        self.held = 0
        self.looks = 0
        self.digits = ""
        self.variables: dict[str, str] = {}
        self.log = Log()
        self.results: dict[str, CommandResult] = {}
        self.checkpoint = ""
        self.longest_checkpoint = 0
        self.gone = False

    def carry_out(self, command_id: str, command: Any, checkpoint: str) -> CommandResult:
        """Do a command, once; its result, as often as somebody asks."""
        if checkpoint:
            self.checkpoint = checkpoint
            self.longest_checkpoint = max(self.longest_checkpoint, len(checkpoint))
        known = self.results.get(command_id)
        if known is not None:
            return known
        if self.gone:
            return CommandResult(command_id, "gone", "NORMAL_CLEARING")
        self.log.commands.append((command_id, replace(command, msg_id=None)))
        self.variables[CHECKPOINT_VARIABLE] = checkpoint
        self.variables[COMMAND_VARIABLE] = command_id
        status = self._do(command)
        self.variables[DONE_VARIABLE] = command_id
        variables = dict(self.variables) if status == "done" else {}
        result = self.results[command_id] = CommandResult(command_id, status, "NORMAL_CLEARING", variables)
        return result

    def _do(self, command: Any) -> Any:
        match command:
            case PlayAndCollectDigits(media_name=name, maximum_digits=most):
                self.variables.pop("collected_digits", None)
                pressed = self.digits if name.startswith("silence_stream") else self._pressed(name)
                digits, self.digits = pressed[:most], pressed[most:]
                if digits:
                    self.variables["collected_digits"] = digits
            case Play(media_name=name, terminators=terminators):
                self.variables.pop("playback_terminator_used", None)
                pressed = self._pressed(name) if terminators or self._hangs_up(name) else ""
                if pressed and pressed in (terminators or ()):
                    self.variables["playback_terminator_used"] = pressed
            case Tts(terminators=terminators):
                self.variables.pop("playback_terminator_used", None)
                pressed = self._pressed("tts")
                if pressed and pressed in (terminators or ()):
                    self.variables["playback_terminator_used"] = pressed
            case Record(media_name=name):
                return self._record(name)
            case CallPickup(target_call_id=target) if self.caller.picks_up:
                self.variables.update(uuid_bridge=target, signal_bond=target)
            case RecordCall(record_action="start", media_name=name):
                if self.caller.records[:1] == ("refused",):
                    return "refused"
                self.files[name or ""] = 5000
            case Hold():
                self.held += 1
                self.gone = self.held == self.caller.holds
            case Bridge():
                found = self.caller.bridges[self.bridged] if self.bridged < len(self.caller.bridges) else {}
                self.bridged += 1
                self.variables.pop("originate_disposition", None)
                self.variables.update(found)
        return "gone" if self.gone else "done"

    def look(self) -> None:
        """Somebody looks at the leg: whom it talks with is gone at the third look."""
        self.looks += "signal_bond" in self.variables
        if self.looks == 3:
            del self.variables["signal_bond"]

    def _record(self, name: str) -> str:
        self.variables.pop("playback_terminator_used", None)
        records = self.caller.records
        wish = records[self.recorded] if self.recorded < len(records) else 4000
        self.recorded += 1
        if wish == "refused":
            return "refused"
        self.files[name] = wish if isinstance(wish, int) else 3000
        self.gone = isinstance(wish, str)
        if wish == "gone":
            return "gone"
        # Who hangs up has still left a recording, and the switch says how long it is.
        self.variables["record_ms"] = str(self.files[name])
        return "done"

    def _key(self, name: str) -> str:
        prompt = name.split("/")[3] if name.startswith("prompt://") else name
        return next((key for key in self.caller.keys if prompt == key or prompt.endswith(key)), "")

    def _hangs_up(self, name: str) -> bool:
        key = self._key(name)
        wishes = self.caller.keys.get(key, ())
        return self.heard.get(key, 0) < len(wishes) and wishes[self.heard.get(key, 0)] == "hangup"

    def _pressed(self, name: str) -> str:
        key = self._key(name)
        wishes = self.caller.keys.get(key, ())
        count = self.heard[key] = self.heard.get(key, 0) + 1
        wish = wishes[count - 1] if count <= len(wishes) else ""
        if wish == "hangup":
            self.gone = True
            return ""
        return wish


class Ticks:
    """Counts what happens, and kills at the wanted moments."""

    def __init__(self, kill_at: Mapping[int, str]) -> None:
        self.count = 0
        self.kill_at = kill_at
        self.kills = 0
        self.node: VirtualNode

    def tick(self) -> None:
        self.count += 1
        who = self.kill_at.get(self.count)
        if who is None:
            return
        names = {"executor": executor_name(CALL), "call": call_name(CALL)}
        for name in [names[word] for word in who.split("+")]:
            pid = self.node.whereis(name)
            if pid is not None:
                self.kills += 1
                self.node.exit(pid, "kill")


class ScriptedCall(GenServer):
    """The call's actor, as far as an executor sees it."""

    def init(self, world: Any) -> None:
        self.world = world

    def handle_call(self, request: Any, sender: From) -> Any:
        channel, ticks = self.world.channel, self.world.ticks
        match request:
            case Attach():
                return Reply(self.world.info())
            case Execute(command=Hangup()) if channel.gone:
                return Reply(CommandResult(request.command_id, "gone"))
            case Execute(command=Hangup(hangup_cause=cause)):
                channel.log.hangups.append(cause or "")
                channel.gone = True
                return Reply(CommandResult(request.command_id, "done"))
            case Execute(command_id, command, checkpoint):
                ticks.tick()
                result = channel.carry_out(command_id, command, checkpoint)
                self.reply(sender, result)
                ticks.tick()
                return NoReply()
        return super().handle_call(request, sender)

    def handle_cast(self, request: Any) -> Any:
        if not isinstance(request, Detach):
            return super().handle_cast(request)
        self.world.detached += 1
        return None


class ScriptedSwitch(GenServer):
    """The connection to the switch: what an executor asks of it beside the call, and all that a real Call asks."""

    def init(self, world: Any) -> None:
        self.world = world

    def handle_call(self, request: Any, sender: From) -> Any:
        channel, ticks = self.world.channel, self.world.ticks
        match request:
            case SwitchApi(command):
                ticks.tick()
                return Reply("true" if command in self.world.modules else "false")
            case BackgroundJob(command):
                ticks.tick()
                self.background(self._put(command), sender)
                return NoReply()
            case Dump():
                channel.look()
                return Reply(NoSuchLeg(CALL) if channel.gone else self.world.snapshot())
            case SetVariables(variables=variables):
                channel.variables.update(variables)
                return Reply(Accepted("", False))
            case Settle(command_id=command_id):
                channel.variables[DONE_VARIABLE] = command_id
                return Reply(Accepted(command_id, True))
            case Dispatch() if channel.gone:
                return Reply(Refused(request.command_id, "-ERR No such channel!"))
            case Dispatch(command=Hangup(hangup_cause=cause)):
                channel.log.hangups.append(cause or "")
                channel.gone = True
                self._destroyed()
                return Reply(Accepted("", False))
            case Dispatch(_, command, command_id, checkpoint):
                return self._dispatch(command, command_id, checkpoint, sender)
        return super().handle_call(request, sender)

    def _dispatch(self, command: Any, command_id: str, checkpoint: str, sender: From) -> Any:
        channel = self.world.channel
        self.world.ticks.tick()
        result = channel.carry_out(command_id, command, checkpoint)
        if result.status == "refused":
            return Reply(Refused(command_id, "-ERR cannot record"))
        self.reply(sender, Accepted(command_id, True))
        if result.status == "done":
            event = ChannelExecuteCompleted(call_id=CALL, msg_id=command_id)
            self._tell(LegEvent(SWITCH, event, dict(result.variables)))
        if channel.gone:
            self._destroyed()
        self.world.ticks.tick()
        return NoReply()

    def _destroyed(self) -> None:
        self._tell(LegEvent(SWITCH, ChannelDestroyed(call_id=CALL, hangup_cause="NORMAL_CLEARING")))

    def _tell(self, event: LegEvent) -> None:
        self.send(call_name(CALL), event)

    def handle_info(self, message: Any) -> None:
        match message:
            case Completed(tag=From() as sender, value=value, error=None):
                self.world.ticks.tick()
                self.reply(sender, value)
            case _:
                super().handle_info(message)

    async def _put(self, command: str) -> str:
        """http_put: deliver a file to the place that its URL names."""
        verb, url, file = command.split(" ")
        assert verb == "http_put"
        if not url.startswith(self.world.media_urls.base):
            self.world.sent.append(url)
            return "+OK\n" if file in self.world.files else "-ERR\n"
        self.world.uploads += 1
        if self.world.uploads <= self.world.lost_uploads or file not in self.world.files:
            return "-ERR\n"
        token, db, doc_id, name = (unquote(part) for part in url.partition("/media/")[2].split("/"))
        db = self.world.unpacked(db)
        assert token == self.world.media_urls.token("PUT", db, doc_id, name)
        sound = a_sound(self.world.files[file])
        store = StoreClient(self)
        for _ in range(5):
            try:
                doc = await store.get(db, doc_id)
                await store.put_attachment(db, doc_id, name, "audio/x-wav", sound, doc["_rev"])
            except Conflict:
                continue
            break
        return "+OK\n"


class TickingStore(StoreServer):
    """A store that ticks before and after each request."""

    async def init(self, path: str, ticks: Ticks) -> None:
        self.ticks = ticks
        await super().init(path)

    def handle_call(self, request: Any, sender: From) -> Any:
        self.ticks.tick()
        return super().handle_call(request, sender)

    def handle_info(self, message: Any) -> None:
        self.ticks.tick()
        super().handle_info(message)


def a_sound(milliseconds: int) -> bytes:
    """A WAV file of that length."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * (8 * milliseconds))
    return file.getvalue()
