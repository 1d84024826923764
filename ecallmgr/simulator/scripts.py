"""Scripts: what a phone does in a call, step by step, as data.

A script is a tuple of steps. Each happens `after` seconds from the one before it (the first, from the
arrival of the call, or from placing it). Whatever is left when the call ends is dropped.

    busy = (reject(486),)
    patient = (ring(), answer(after=2), digits("123#", after=1), hang_up(after=5))
    impatient_caller = (cancel(after=1.5),)
    caller = (await_answer(), digits("2", after=0.5), hang_up(after=3))

The same as JSON, for phones that are steered from another process: `[{"do": "ring"}, {"do": "answer",
"after": 2}]`, or the name of a usual script: "answer", "busy", "no_answer", "decline", "manual".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeGuard, get_args

from mirliton.ecallmgr.simulator.errors import BadScript

Verb = Literal[
    "ring",
    "early_media",
    "answer",
    "reject",
    "digits",
    "info",
    "hold",
    "unhold",
    "refer",
    "hang_up",
    "cancel",
    "await_answer",
    "await_bridge",
]
Via = Literal["rtp", "info"]
MAX_STEPS = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a phone does; build them with the functions below."""

    do: Verb
    after: float = 0.0
    text: str = ""  # digits, an INFO body, where a REFER sends the other party
    status: int = 0  # of a rejection
    gap: float = 0.1  # seconds between digits
    via: Via = "rtp"
    content_type: str = ""


Script = tuple[Step, ...]


def ring(after: float = 0.0) -> Step:
    """Answer 180."""
    return Step("ring", after)


def early_media(after: float = 0.0) -> Step:
    """Answer 183 with sound."""
    return Step("early_media", after)


def answer(after: float = 0.0) -> Step:
    """Pick up."""
    return Step("answer", after)


def reject(status: int, after: float = 0.0) -> Step:
    """Refuse with a SIP status."""
    return Step("reject", after, status=status)


def digits(text: str, after: float = 0.0, *, gap: float = 0.1, via: Via = "rtp") -> Step:
    """Press keys, as RTP events or (`via="info"`) as SIP INFO."""
    return Step("digits", after, text=text, gap=gap, via=via)


def info(body: str, content_type: str = "text/plain", after: float = 0.0) -> Step:
    """Send a SIP INFO with any body."""
    return Step("info", after, text=body, content_type=content_type)


def hold(after: float = 0.0) -> Step:
    """Put the other party on hold, by re-INVITE."""
    return Step("hold", after)


def unhold(after: float = 0.0) -> Step:
    """Take the other party back."""
    return Step("unhold", after)


def refer(to: str, after: float = 0.0) -> Step:
    """Send the other party to an extension, by REFER."""
    return Step("refer", after, text=to)


def hang_up(after: float = 0.0) -> Step:
    """Hang up (a caller that was not answered cancels)."""
    return Step("hang_up", after)


def cancel(after: float = 0.0) -> Step:
    """Give up before the answer."""
    return Step("cancel", after)


def await_answer() -> Step:
    """Go on when the call is answered."""
    return Step("await_answer")


def await_bridge() -> Step:
    """Go on when the call is joined with another phone."""
    return Step("await_bridge")


MANUAL: Script = ()
ANSWERS: Script = (ring(), answer(after=0.8))
BUSY: Script = (reject(486),)
DECLINES: Script = (ring(), reject(603, after=0.5))
NO_ANSWER: Script = (ring(),)

USUAL: Mapping[str, Script] = {
    "answer": ANSWERS,
    "busy": BUSY,
    "decline": DECLINES,
    "manual": MANUAL,
    "no_answer": NO_ANSWER,
}


def read_script(value: object, where: str = "script") -> Script:
    """A script from JSON; raises BadScript saying which step is wrong and what is expected."""
    if isinstance(value, str):
        if value not in USUAL:
            raise BadScript(where, value, f"one of {', '.join(sorted(USUAL))}, or a list of steps")
        return USUAL[value]
    if not isinstance(value, list) or len(value) > MAX_STEPS:
        raise BadScript(where, value, f"a list of at most {MAX_STEPS} steps, or the name of a script")
    return tuple(_read_step(step, f"{where}[{index}]") for index, step in enumerate(value))


def _read_step(value: object, where: str) -> Step:
    if not isinstance(value, dict):
        raise BadScript(where, value, 'an object such as {"do": "answer", "after": 2}')
    verb = value.get("do")
    if not _is_verb(verb):
        raise BadScript(f"{where}.do", verb, f"one of {', '.join(get_args(Verb))}")
    unknown = set(value) - {"do", "after", "text", "status", "gap", "via", "content_type"}
    if unknown:
        raise BadScript(where, sorted(unknown)[0], "no such key; known are after, text, status, gap, via, content_type")
    via = value.get("via", "rtp")
    if via not in get_args(Via):
        raise BadScript(f"{where}.via", via, "rtp or info")
    status = value.get("status", 0)
    if verb == "reject" and not (isinstance(status, int) and 300 <= status < 700):
        raise BadScript(f"{where}.status", status, "a SIP status from 300 to 699")
    text, content_type = value.get("text", ""), value.get("content_type", "")
    if not isinstance(text, str) or not isinstance(content_type, str):
        raise BadScript(f"{where}.text", text, "text")
    return Step(
        verb,
        _seconds(value.get("after", 0.0), f"{where}.after"),
        text,
        status if isinstance(status, int) else 0,
        _seconds(value.get("gap", 0.1), f"{where}.gap"),
        via,
        content_type,
    )


def _is_verb(value: object) -> TypeGuard[Verb]:
    return value in get_args(Verb)


def _seconds(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
        raise BadScript(where, value, "seconds, from 0")
    return float(value)
