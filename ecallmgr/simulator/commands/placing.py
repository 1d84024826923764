"""Api commands that place and move calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.commands.legs import NO_CHANNEL, OK
from mirliton.ecallmgr.simulator.dialer import dial
from mirliton.ecallmgr.simulator.wording import first_word, words

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

ORIGINATE_USAGE = (
    "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] [<cid_name>] "
    "[<cid_num>] [<timeout_sec>]\n"
)


async def originate(switch: SimulatedSwitch, args: str) -> str:
    """Dial, then run an application (`&park()`) or an extension on who answers."""
    target, rest = first_word(args)
    if not target or not rest:
        return ORIGINATE_USAGE
    then, rest = first_word(rest)
    more = words(rest)
    dialplan = more[0] if more else "XML"
    context = more[1] if len(more) > 1 else "default"
    extra: dict[str, str] = {}
    for name, index in (
        ("origination_caller_id_name", 2),
        ("origination_caller_id_number", 3),
        ("originate_timeout", 4),
    ):
        if len(more) > index and more[index] != "undef":
            extra[name] = more[index]
    if extra:
        target = "{" + ",".join(f"{name}='{value}'" for name, value in extra.items()) + "}" + target
    result = await dial(switch, target, None)
    leg = result.leg
    if leg is None:
        return f"-ERR {result.cause}\n"
    leg.flip_caller_id()
    if then.startswith("&"):
        name, _, data = then[1:].partition("(")
        routine = switch.routines.application(leg, name, data.rstrip(")") or None)
    else:
        routine = switch.routines.route(leg, then, dialplan, context)
    leg.executor.redirect(routine)
    return f"+OK {leg.uuid}\n"


def uuid_bridge(switch: SimulatedSwitch, args: str) -> str:
    """`uuid uuid`: take two legs out of what they do and join them."""
    given = words(args)
    if len(given) < 2:
        return "-USAGE: <uuid> <other_uuid>\n"
    first, second = switch.legs.get(given[0]), switch.legs.get(given[1])
    if first is None or second is None or first is second or not (first.alive and second.alive):
        return "-ERR Invalid uuid\n"
    if not (first.answered or second.answered):
        return "-ERR Invalid uuid\n"
    switch.routines.join(first, second)
    return f"+OK {second.uuid}\n"


def uuid_transfer(switch: SimulatedSwitch, args: str) -> str:
    """`uuid [-bleg|-both] extension [dialplan [context]]`."""
    given = words(args)
    if len(given) < 2:
        return "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n"
    leg = switch.legs.get(given.pop(0))
    if leg is None or not leg.alive:
        return NO_CHANNEL
    flag = given.pop(0) if given[0] in ("-bleg", "-both") else ""
    if not given:
        return "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n"
    partner = leg.bridge.partner(leg) if leg.bridge is not None else None
    if flag == "-bleg" and partner is None:
        return "-ERR No bridged channel\n"
    targets = [partner] if flag == "-bleg" else [partner, leg] if flag == "-both" else [leg]
    dialplan = given[1] if len(given) > 1 else "XML"
    context = given[2] if len(given) > 2 else None
    for target in targets:
        if target is not None:
            target.executor.redirect(switch.routines.route(target, given[0], dialplan, context))
    return OK


def uuid_park(switch: SimulatedSwitch, args: str) -> str:
    """Take a leg out of what it does and park it."""
    leg = switch.legs.get(args)
    if leg is None or not leg.alive:
        return NO_CHANNEL
    leg.executor.redirect(switch.routines.park(leg))
    return OK
