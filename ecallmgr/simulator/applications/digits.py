"""Applications that collect digits (and one that sends them)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mirliton.ecallmgr.simulator.channel import Leg
from mirliton.ecallmgr.simulator.execution import Wake
from mirliton.ecallmgr.simulator.playing import Played, play


@dataclass(frozen=True)
class _Wish:
    """What to collect: seconds throughout."""

    least: int
    most: int
    first_digit: float
    next_digit: float
    terminators: str


async def _collect(leg: Leg, wish: _Wish) -> tuple[str, str, bool]:
    """The digits, the terminator that ended them, and whether the leg is still there."""
    queue = leg.executor.digits
    digits = ""
    while len(digits) < wish.most:
        wake = await leg.executor.wait(
            seconds=wish.next_digit if digits else wish.first_digit, until=lambda: bool(queue), breakable=True
        )
        if wake is Wake.GONE:
            return digits, "", False
        if wake is not Wake.DONE:
            break
        digit = queue.popleft()
        if digit in wish.terminators:
            return digits, digit, True
        digits += digit
    return digits, "", True


async def _ask(leg: Leg, prompt: str, wish: _Wish) -> tuple[str, str, bool]:
    """Play the prompt (a digit cuts it short), then collect."""
    if prompt:
        queue = leg.executor.digits
        if await play(leg, prompt, lambda: bool(queue)) is Played.GONE:
            return "", "", False
    return await _collect(leg, wish)


async def play_and_get_digits(leg: Leg, data: str) -> str | None:
    """`min max tries timeout terminators file invalid_file var regex [digit_timeout [failure extension]]`.

    The result is the variable `var` (unset when no try was right), with read_result beside it.
    """
    words = data.split(" ")
    if len(words) < 9:
        return None
    least, most, tries, first = (_number(word) for word in words[:4])
    terminators = "" if words[4] == "none" else words[4]
    prompt, invalid, variable, pattern = words[5:9]
    following = _number(words[9]) if len(words) > 9 and words[9] else first
    wish = _Wish(least, max(most, 1), first / 1000, following / 1000, terminators)
    valid = _pattern(pattern)
    for name in (variable, "read_result"):
        leg.set(name, None)
    for _ in range(max(tries, 1)):
        digits, terminator, here = await _ask(leg, prompt, wish)
        if terminator:
            leg.set("read_terminator_used", terminator)
        if not here:
            return None
        if len(digits) >= least and valid.fullmatch(digits):
            leg.set(variable, digits)
            leg.set("read_result", "success")
            return None
        leg.set("read_result", "failure")
        if invalid and await play(leg, invalid) is Played.GONE:
            return None
    if len(words) > 10 and words[10] and leg.executor.ready:
        extension, *rest = words[10:]
        leg.executor.redirect(leg.switch.routines.route(leg, extension, *rest[:2]))
    return None


async def read(leg: Leg, data: str) -> str | None:
    """`min max file var timeout terminators [digit_timeout]`: ask once, without a pattern."""
    words = data.split(" ")
    if len(words) < 6:
        return None
    first = _number(words[4]) / 1000
    following = _number(words[6]) / 1000 if len(words) > 6 and words[6] else first
    terminators = "" if words[5] == "none" else words[5]
    wish = _Wish(_number(words[0]), max(_number(words[1]), 1), first, following, terminators)
    leg.set(words[3], None)
    digits, terminator, _ = await _ask(leg, words[2], wish)
    leg.set("read_terminator_used", terminator)
    leg.set("read_result", "success" if len(digits) >= wish.least else "timeout" if not digits else "failure")
    leg.set(words[3], digits)
    return None


async def flush(leg: Leg, _data: str) -> str | None:
    """Forget digits typed ahead."""
    leg.executor.digits.clear()
    return None


async def send(leg: Leg, data: str) -> str | None:
    """Send digits to the phone: `123[@duration]`."""
    if leg.remote is not None:
        leg.remote.on_digits(data.partition("@")[0])
    return None


def _number(word: str) -> int:
    return int(word) if word.isdigit() else 0


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error:
        return re.compile(re.escape(text))
