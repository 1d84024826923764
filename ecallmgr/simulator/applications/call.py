"""Applications that change a leg: answer, ring, park, sleep, end, hold, transfer and variables."""

from __future__ import annotations

from mirliton.ecallmgr.simulator import causes
from mirliton.ecallmgr.simulator.channel import Leg
from mirliton.ecallmgr.simulator.dialstring import parse_variables
from mirliton.ecallmgr.simulator.execution import Wake
from mirliton.ecallmgr.simulator.wording import words


async def nothing(_leg: Leg, _data: str) -> str | None:
    """Settings of media processing, which there is none of."""
    return None


async def answer(leg: Leg, _data: str) -> str | None:
    """Answer the call; does nothing when it is answered already."""
    leg.mark_answered()
    return None


async def pre_answer(leg: Leg, _data: str) -> str | None:
    """Bring early media up."""
    leg.mark_early_media()
    return None


async def ring_ready(leg: Leg, _data: str) -> str | None:
    """Tell the caller that it rings."""
    leg.mark_ring_ready()
    return None


async def hangup(leg: Leg, data: str) -> str | None:
    """End the call with a cause (default NORMAL_CLEARING)."""
    leg.hangup(causes.read_cause(data))
    return None


async def respond(leg: Leg, data: str) -> str | None:
    """Refuse with a SIP status (`603 Decline`); on an answered call it ends it all the same."""
    word = data.split(maxsplit=1)[0] if data.split() else ""
    status = int(word) if word.isdigit() else 503
    leg.hangup(causes.cause_of_status(status) if status >= 300 else causes.NORMAL_CLEARING)
    return None


async def park(leg: Leg, _data: str) -> str | None:
    """Wait for commands until the call ends or is sent elsewhere."""
    leg.fire("CHANNEL_PARK")
    while await leg.executor.wait(parked=True) is not Wake.GONE:
        pass
    leg.fire("CHANNEL_UNPARK")
    return None


async def sleep(leg: Leg, data: str) -> str | None:
    """Do nothing for that many milliseconds."""
    try:
        seconds = int(data) / 1000
    except ValueError:
        return None
    await leg.executor.wait(seconds=seconds, breakable=True)
    return None


async def sleep_second(leg: Leg, _data: str) -> str | None:
    """Wait for silence: it is always silent here, so a second is enough."""
    await leg.executor.wait(seconds=1.0, breakable=True)
    return None


async def echo(leg: Leg, _data: str) -> str | None:
    """Play the caller's own sound back until something ends it."""
    leg.mark_early_media()
    await leg.executor.wait(breakable=True)
    return None


async def break_playback(leg: Leg, _data: str) -> str | None:
    """End what plays now (sent without event-lock it runs nested in it)."""
    leg.executor.interrupt(flush=False)
    return None


async def hold(leg: Leg, _data: str) -> str | None:
    """Put the phone on hold."""
    leg.mark_held(True, by_phone=False)
    return None


async def unhold(leg: Leg, _data: str) -> str | None:
    """Take the phone back."""
    leg.mark_held(False, by_phone=False)
    return None


async def transfer(leg: Leg, data: str) -> str | None:
    """Send the call to another extension: `[-bleg|-both] extension [dialplan [context]]`."""
    given = words(data)
    flags = [word for word in given if word in ("-bleg", "-both")]
    given = [word for word in given if word not in flags]
    if not given:
        return None
    partner = leg.bridge.partner(leg) if leg.bridge is not None else None
    targets = [leg] if not flags else ([partner] if flags == ["-bleg"] else [leg, partner])
    for target in targets:
        if target is not None:
            dialplan = given[1] if len(given) > 1 else "XML"
            context = given[2] if len(given) > 2 else None
            target.executor.redirect(target.switch.routines.route(target, given[0], dialplan, context))
    return None


async def set_variable(leg: Leg, data: str) -> str | None:
    """`name=value`; without a value the variable goes away."""
    name, _, value = data.partition("=")
    if name.strip():
        leg.set(name.strip(), value or None)
    return None


async def multiset(leg: Leg, data: str) -> str | None:
    """Several `name=value`, parted by spaces or, after `^^`, by any other character."""
    if data.startswith("^^"):
        pairs = parse_variables(data)
    else:
        pairs = dict(part.split("=", 1) for part in data.split() if "=" in part)
    for name, value in pairs.items():
        leg.set(name, value or None)
    return None


async def unset(leg: Leg, data: str) -> str | None:
    """Take a variable away."""
    leg.set(data.strip(), None)
    return None


async def export(leg: Leg, data: str) -> str | None:
    """Set a variable that legs called from here inherit (`nolocal:` only they)."""
    name, _, value = data.partition("=")
    name = name.strip()
    if not name:
        return None
    local = not name.startswith("nolocal:")
    bare = name.removeprefix("nolocal:")
    if local:
        leg.set(bare, value or None)
    else:
        leg.set(f"nolocal:{bare}", value or None)
    exported = [one for one in (leg.get("export_vars") or "").split(",") if one]
    if name not in exported:
        exported.append(name)
    leg.set("export_vars", ",".join(exported))
    return None


async def set_global(leg: Leg, data: str) -> str | None:
    """Set a variable of the whole switch."""
    name, _, value = data.partition("=")
    leg.switch.globals[name.strip()] = value
    return None
