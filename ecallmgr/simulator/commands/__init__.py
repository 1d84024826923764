"""The api commands of the simulated switch.

core.py        status, fsctl, version, variables, show, reloadxml …
legs.py        uuid_… and hupall
placing.py     originate, uuid_bridge, uuid_transfer
sofia.py       the SIP profile and its registrations
files.py       http_put
steering.py    simulator <json>: what no real switch has
(conference is in ../conferences.py)
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mirliton.ecallmgr.simulator.commands import core, files, legs, placing, sofia, steering
from mirliton.ecallmgr.simulator.conferences import conference

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

# Most answer at once; those that take time are coroutines, and hold up their connection meanwhile.
ApiCommand = Callable[["SimulatedSwitch", str], str | Coroutine[Any, Any, str]]

COMMANDS: dict[str, ApiCommand] = {
    "conference": conference,
    "create_uuid": core.create_uuid,
    "eval": core.expand_text,
    "expand": core.expand_command,
    "fsctl": core.fsctl,
    "global_getvar": core.global_getvar,
    "global_setvar": core.global_setvar,
    "http_put": files.http_put,
    "hupall": legs.hupall,
    "msleep": core.msleep,
    "originate": placing.originate,
    "reloadacl": core.reloadacl,
    "reloadxml": core.reloadxml,
    "sched_hangup": legs.sched_hangup,
    "show": core.show,
    "simulator": steering.simulator,
    "sofia": sofia.sofia,
    "sofia_contact": sofia.contact,
    "status": core.status,
    "strepoch": core.strepoch,
    "uuid_answer": legs.uuid_answer,
    "uuid_break": legs.uuid_break,
    "uuid_bridge": placing.uuid_bridge,
    "uuid_broadcast": legs.uuid_broadcast,
    "uuid_dump": legs.uuid_dump,
    "uuid_exists": legs.uuid_exists,
    "uuid_flush_dtmf": legs.uuid_flush_dtmf,
    "uuid_getvar": legs.uuid_getvar,
    "uuid_hold": legs.uuid_hold,
    "uuid_kill": legs.uuid_kill,
    "uuid_park": placing.uuid_park,
    "uuid_pre_answer": legs.uuid_pre_answer,
    "uuid_record": legs.uuid_record,
    "uuid_recv_dtmf": legs.uuid_recv_dtmf,
    "uuid_ring_ready": legs.uuid_ring_ready,
    "uuid_send_dtmf": legs.uuid_send_dtmf,
    "uuid_setvar": legs.uuid_setvar,
    "uuid_setvar_multi": legs.uuid_setvar_multi,
    "uuid_transfer": placing.uuid_transfer,
    "version": core.version,
}
# Those that can stand inside ${…}: they answer at once.
INLINE: dict[str, Callable[[SimulatedSwitch, str], str]] = {
    "create_uuid": lambda switch, _args: switch.new_uuid(),
    "global_getvar": lambda switch, args: switch.globals.get(args.strip(), ""),
    "sofia_contact": sofia.contact,
    "strepoch": lambda switch, _args: str(switch.clock.micros() // 1_000_000),
    "uuid_exists": lambda switch, args: "true" if args.strip() in switch.legs else "false",
}

__all__ = ["COMMANDS", "INLINE", "ApiCommand"]
