"""A socket for commands that keeps what it is told, and reads it as FreeSWITCH does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mirliton.ecallmgr.esl import commands
from mirliton.ecallmgr.esl.errors import CommandRefused
from mirliton.ecallmgr.esl.framing import Frame, Framer
from switch_parsers import Switch

OK = Framer().feed(b"Content-Type: command/reply\nReply-Text: +OK\n\n")[0]


@dataclass(frozen=True)
class Said:
    """One command: `api` with its verb and the rest, or `sendmsg` with its headers (its content is the argument)."""

    kind: str
    verb: str
    rest: str
    headers: dict[str, str]

    @property
    def application(self) -> str:
        return self.headers.get("execute-app-name", "")

    @property
    def argument(self) -> str:
        return self.headers.get("execute-app-arg", "")

    @property
    def variables(self) -> dict[str, str]:
        """The channel variables that this sets, by either of the two API commands or by `set`."""
        if self.verb == "uuid_setvar":
            words = Switch.separate(self.rest, " ", 3)
            return {words[1]: "".join(words[2:])}
        if self.verb == "uuid_setvar_multi":
            _, _, pairs = self.rest.partition(" ")
            return dict(pair.split("=", 1) for pair in Switch.separate(pairs, ";", 64))
        if self.application == "set":
            name, _, value = Switch.expand(Switch.expand(self.argument)).partition("=")
            return {name: value}
        return {}


def read(command: bytes) -> Said:
    """What FreeSWITCH takes a command for: mod_event_socket ends a line at LF, the block at an empty line."""
    head, separator, content = command.decode().partition("\n\n")
    assert separator, f"no end: {command!r}"
    first, *lines = head.split("\n")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        assert colon, f"a line that is no header: {line!r}"
        assert name not in headers, f"twice: {line!r}"
        headers[name] = value
    kind, _, rest = first.partition(" ")
    assert kind in ("api", "sendmsg"), first
    if "Content-Length" in headers:
        assert len(content.encode()) == int(headers.pop("Content-Length"))
        assert headers.pop("Content-Type") == "text/plain"
        headers["execute-app-arg"] = content
    else:
        assert not content, f"more than one command: {command!r}"
    verb, _, rest = rest.partition(" ") if kind == "api" else ("", "", rest)
    return Said(kind, verb, rest, headers)


class ToldSocket:
    """Answers `send` with `answer(said)` (default +OK), and `api` with what `knows` says, or refuses."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.knows: dict[str, str] = {}
        self.answer: Callable[[Said], Any] = lambda said: OK

    async def send(self, command: bytes, timeout: float | None = None) -> Frame:
        said = read(command)
        self.said.append(said)
        answer = self.answer(said)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Frame)
        return answer

    async def api(self, text: str, timeout: float | None = None) -> str:
        read(commands.api(text))
        if text not in self.knows:
            raise CommandRefused(text, "-ERR no such thing")
        return self.knows[text]

    @property
    def variables(self) -> dict[str, str]:
        """All variables that were set at once (not by the leg's own queue)."""
        found: dict[str, str] = {}
        for said in self.said:
            if said.kind == "api":
                found |= said.variables
        return found
