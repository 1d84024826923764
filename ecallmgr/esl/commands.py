"""What we say to the switch, as pure builders: values in, the bytes of one whole command out.

No value can end its line: CR, LF and NUL are refused everywhere, with the name of the field. Ids, application names
and header names have alphabets of their own. What goes *inside* an argument is the business of `quoting`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from mirliton.ecallmgr.esl.errors import InvalidCommand

MAX_COMMAND: Final = 4 * 1024 * 1024
"""Bytes of one command. mod_event_socket cuts a header block at 10 MB, and then reads the rest as new commands."""
LONG_ARGUMENT: Final = 1024
"""Bytes of an application's argument from which it travels as content instead of a header line."""
MAX_JOB_UUID: Final = 36
"""mod_event_socket cuts a Job-UUID after so many characters, and the result would not be found by its id."""

_FORBIDDEN: Final = re.compile(r"[\r\n\x00\ud800-\udfff]")
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+~=-]{0,254}")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_APPLICATION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_HEADER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_EVENT: Final = re.compile(r"[A-Z][A-Z_]{1,63}")
_SUBCLASS: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}")
_CAUSE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
_SCOPED: Final = re.compile(r"%.?\[")


def identifier(value: str, field: str = "uuid") -> str:
    """`value`, if it can be the id of a leg, job or command. Raises InvalidCommand.

    FreeSWITCH makes UUIDs, but a leg may have its SIP Call-ID as its id (Kazoo asks for that), so letters, digits and
    . _ : @ + ~ = - are allowed, up to 255.
    """
    if not _IDENTIFIER.fullmatch(value):
        raise InvalidCommand(field, value, "an id of 1 to 255 letters, digits and . _ : @ + ~ = - is expected")
    return value


def auth(password: str) -> bytes:
    """Log in. Raises InvalidCommand without showing the password."""
    if not password or _FORBIDDEN.search(password):
        raise InvalidCommand("password", "***", "may not be empty or hold a newline or NUL")
    return _line("auth", password)


def events(names: Sequence[str]) -> bytes:
    """Subscribe to events in JSON. Names with :: or small letters are subclasses of CUSTOM (`sofia::register`).

    `ALL` is refused: it doubles the switch's cost per call. Raises InvalidCommand.
    """
    plain = []
    subclasses = []
    for name in names:
        if name.upper() == "ALL":
            raise InvalidCommand("event name", name, "subscribe to events by name")
        if _EVENT.fullmatch(name):
            plain.append(name)
        elif _SUBCLASS.fullmatch(name):
            subclasses.append(name)
        else:
            raise InvalidCommand("event name", name, "an event name or the subclass of a CUSTOM event is expected")
    if not names:
        raise InvalidCommand("event names", list(names), "at least one is needed")
    # Everything after CUSTOM is taken for a subclass, so it comes last; without subclasses it means all of them.
    custom = "CUSTOM" in plain or bool(subclasses)
    words = [name for name in plain if name != "CUSTOM"]
    return _line("event json", " ".join([*words, *(["CUSTOM", *subclasses] if custom else [])]))


def noevents() -> bytes:
    """Cancel all subscriptions of this connection."""
    return _line("noevents")


def event_filter(header: str, value: str) -> bytes:
    """Let through only events with this header; several filters let through what any of them does."""
    if not value:
        raise InvalidCommand("filter value", value, "may not be empty")
    return _line("filter", f"{_header_name(header)} {_clean('filter value', value)}")


def api(text: str) -> bytes:
    """Run an API command. The switch answers nothing else on this connection until it is done: no slow ones."""
    return _line("api", _api_text(text))


def bgapi(text: str, job_uuid: str) -> bytes:
    """Run an API command in the background; the result is a BACKGROUND_JOB event with our `job_uuid`."""
    if len(identifier(job_uuid, "job_uuid")) > MAX_JOB_UUID:
        raise InvalidCommand("job_uuid", job_uuid, f"at most {MAX_JOB_UUID} characters, the switch cuts the rest off")
    return _block(f"bgapi {_api_text(text)}", {"Job-UUID": job_uuid})


def execute(
    uuid: str,
    application: str,
    argument: str = "",
    *,
    event_uuid: str,
    event_lock: bool = True,
    loops: int = 1,
) -> bytes:
    """Run an application on the leg `uuid`, after what is already queued there.

    `event_uuid` comes back as Application-UUID of CHANNEL_EXECUTE_COMPLETE. Without `event_lock` a command may start
    inside one that still runs (seen with two bridges). `loops` repeats it; 1 is once.

    Text from outside goes into `argument` only by way of `quoting`: ${...} in it would be expanded, API commands
    included. Raises InvalidCommand.
    """
    if not _APPLICATION.fullmatch(application):
        raise InvalidCommand("application", application, "letters, digits and _ are expected")
    if not isinstance(loops, int) or isinstance(loops, bool) or not 1 <= loops <= 1_000_000:
        raise InvalidCommand("loops", loops, "a number from 1 to 1000000 is expected")
    headers = {"call-command": "execute", "execute-app-name": application}
    content = _clean("argument", argument)
    if _SCOPED.match(content):
        raise InvalidCommand("argument", argument, "may not start with %[, which sets variables")
    # As a header, blanks in front would be lost, and ARRAY:: would make a list of it.
    as_content = len(content.encode()) > LONG_ARGUMENT or content.startswith((" ", "ARRAY::"))
    if content and not as_content:
        headers["execute-app-arg"] = content
    headers["Event-UUID"] = identifier(event_uuid, "event_uuid")
    if event_lock:
        headers["event-lock"] = "true"
    if loops != 1:
        headers["loops"] = str(loops)
    return sendmsg(uuid, headers, content if as_content else "")


def hangup(uuid: str, cause: str = "NORMAL_CLEARING") -> bytes:
    """End the leg `uuid` at once, whatever it is doing. Raises InvalidCommand."""
    if not _CAUSE.fullmatch(cause):
        raise InvalidCommand("cause", cause, "a hangup cause in capitals is expected, such as NORMAL_CLEARING")
    return sendmsg(uuid, {"call-command": "hangup", "hangup-cause": cause})


def sendmsg(uuid: str, headers: Mapping[str, str], content: str = "") -> bytes:
    """A message to the leg `uuid`, with `content` as text/plain if it is not empty. Raises InvalidCommand."""
    return _block(f"sendmsg {identifier(uuid)}", headers, content)


def exit_() -> bytes:
    """End this connection."""
    return _line("exit")


def describe(command: bytes) -> str:
    """What a command is called in errors and logs: its first words, and nothing secret."""
    first = command.partition(b"\n")[0][:200].decode("utf-8", "replace")
    words = first.split(" ")
    if words[0] == "auth":
        return "auth"
    # What follows an API command may hold any value; only an id is told.
    text = " ".join(words[: 3 if _UUID.fullmatch("".join(words[2:3])) else 2])
    application = re.search(rb"\nexecute-app-name: ([A-Za-z0-9_]+)", command[:400])
    return f"{text} {application[1].decode()}" if application else text


def _api_text(text: str) -> str:
    if not text.strip(" ") or text != text.lstrip(" "):
        raise InvalidCommand("api command", text, "may not be empty or start with a blank")
    return _clean("api command", text)


def _header_name(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise InvalidCommand("header name", name, "letters, digits and _ . - are expected")
    return name


def _clean(field: str, value: str) -> str:
    found = _FORBIDDEN.search(value)
    if found:
        raise InvalidCommand(field, value, f"may not hold {found[0]!r} (at position {found.start()})")
    return value


def _line(verb: str, rest: str = "") -> bytes:
    return _sized(f"{verb} {_clean(verb, rest)}\n\n" if rest else f"{verb}\n\n")


def _block(first: str, headers: Mapping[str, str], content: str = "") -> bytes:
    lines = [_clean("command", first)]
    lines += [f"{_header_name(name)}: {_clean(name, value)}" for name, value in headers.items()]
    if content:
        _clean("content", content)
        lines += ["Content-Type: text/plain", f"Content-Length: {len(content.encode())}"]
    return _sized("\n".join(lines) + "\n\n" + content)


def _sized(text: str) -> bytes:
    command = text.encode()
    if len(command) > MAX_COMMAND:
        raise InvalidCommand("command", len(command), f"at most {MAX_COMMAND} bytes are allowed")
    return command
