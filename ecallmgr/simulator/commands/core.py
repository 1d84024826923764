"""Api commands about the switch as a whole."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import orjson

from mirliton.ecallmgr.simulator.clock import sleep
from mirliton.ecallmgr.simulator.expansion import expand

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.channel import Leg
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

VERSION = "1.11.3-dev+git~20260821T141014Z~cc93a683ca~64bit"
MAX_SESSIONS = 20000


def version(_switch: SimulatedSwitch, _args: str) -> str:
    """The version line."""
    return f"FreeSWITCH Version {VERSION} (git cc93a68 2026-08-21 14:10:14Z 64bit)\n"


def fsctl(switch: SimulatedSwitch, args: str) -> str:
    """Take no new calls, or take them again: all that is here of it."""
    match args.split():
        case ["pause", "inbound"]:
            switch.paused = True
        case ["resume", "inbound"]:
            switch.paused = False
        case ["pause_check", "inbound"]:
            return "true" if switch.paused else "false"
        case _:
            return "-USAGE: [pause|resume|pause_check] inbound\n"
    return "+OK\n"


def status(switch: SimulatedSwitch, _args: str) -> str:
    """Uptime and session counts."""
    micros = int((switch.clock.now() - switch.started_at) * 1_000_000)
    count = switch.counts
    return (
        f"UP {uptime(micros)}\n"
        "FreeSWITCH (Version 1.11.3-dev git cc93a68 2026-08-21 14:10:14Z 64bit) is ready\n"
        f"{count.total} session(s) since startup\n"
        f"{len(switch.legs)} session(s) - peak {count.peak}, last 5min {count.peak} \n"
        f"0 session(s) per Sec out of max 5000, peak {count.peak}, last 5min {count.peak} \n"
        f"{MAX_SESSIONS} session(s) max\n"
        "min idle cpu 0.00/100.00\n"
        "Current Stack Size/Max 240K/240K\n"
    )


def uptime(micros: int) -> str:
    """A duration in the switch's words."""
    seconds, micros = divmod(micros, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    years, days = divmod(days, 365)
    parts = [
        (years, "year"),
        (days, "day"),
        (hours, "hour"),
        (minutes, "minute"),
        (seconds, "second"),
        (micros // 1000, "millisecond"),
        (micros % 1000, "microsecond"),
    ]
    return ", ".join(f"{value} {name}{'' if value == 1 else 's'}" for value, name in parts)


def strepoch(switch: SimulatedSwitch, _args: str) -> str:
    """Seconds since 1970, in simulated time."""
    return str(switch.clock.micros() // 1_000_000)


def create_uuid(switch: SimulatedSwitch, _args: str) -> str:
    """A fresh uuid."""
    return switch.new_uuid()


def global_getvar(switch: SimulatedSwitch, args: str) -> str:
    """A global variable; nothing when it is not set."""
    if not args:
        return "".join(f"{name}={value}\n" for name, value in switch.globals.items())
    return switch.globals.get(args, "")


def global_setvar(switch: SimulatedSwitch, args: str) -> str:
    """Set a global variable: `name=value`."""
    name, _, value = args.partition("=")
    switch.globals[name] = value
    return "+OK"


def expand_text(switch: SimulatedSwitch, args: str) -> str:
    """`eval [uuid:<uuid> ]text`: expand the expressions in a text."""
    leg, text = _with_leg(switch, args)
    return expand(text, switch, leg)


def expand_command(switch: SimulatedSwitch, args: str) -> str | Coroutine[Any, Any, str]:
    """`expand [uuid:<uuid> ]command`: expand, then run the result as an api command."""
    leg, text = _with_leg(switch, args)
    return switch.run_api(expand(text, switch, leg))


def _with_leg(switch: SimulatedSwitch, args: str) -> tuple[Leg | None, str]:
    if args.startswith("uuid:"):
        uuid, _, text = args[5:].partition(" ")
        return switch.legs.get(uuid), text
    return None, args


async def msleep(switch: SimulatedSwitch, args: str) -> str:
    """Block for that many milliseconds (the connection's events wait)."""
    await sleep(switch.clock, int(args) / 1000 if args.isdigit() else 0.0)
    return "+OK\n"


def reloadxml(switch: SimulatedSwitch, _args: str) -> str:
    """There is no XML here; the event tells what a real switch tells."""
    switch.bus.fire("RELOADXML", {})
    return "+OK [Success]\n"


def reloadacl(_switch: SimulatedSwitch, _args: str) -> str:
    """There are no lists here either."""
    return "+OK acl reloaded\n"


def show(switch: SimulatedSwitch, args: str) -> str:
    """`show channels|calls|registrations [as json]`, and `… count`."""
    words = args.split()
    what = words[0] if words else ""
    if what == "channels":
        rows = [_channel_row(leg) for leg in switch.legs.values()]
    elif what in ("calls", "bridged_calls"):
        rows = _call_rows(switch)
    elif what == "registrations":
        rows = [
            {
                "reg_user": one.user,
                "realm": one.realm,
                "token": one.call_id,
                "url": f"sofia/internal/{one.uri}",
                "expires": str(one.expires),
                "network_ip": one.host,
                "network_port": one.port,
                "network_proto": "udp",
                "hostname": switch.name,
                "metadata": "",
            }
            for one in switch.registrations.all()
        ]
    else:
        return "-USAGE: show channels|calls|registrations [count|as json]\n"
    if "json" in words:
        if not rows:
            return '{"row_count": 0}\n'
        return orjson.dumps({"row_count": len(rows), "rows": rows}).decode()
    if words[1:2] == ["count"]:
        return f"\n{len(rows)} total.\n"
    if not rows:
        return "\n0 total.\n"
    lines = [",".join(rows[0])] + [",".join(row.values()) for row in rows]
    return "\n".join(lines) + f"\n\n{len(rows)} total.\n"


def _channel_row(leg: Leg) -> dict[str, str]:
    profile = leg.profile
    created = profile.times["Channel-Created-Time"] // 1_000_000
    application, data = (leg.app_log[-1][0], leg.app_log[-1][1]) if leg.app_log else ("", "")
    codec, rate, bits = (leg.codec, "8000", "64000") if leg.codec else ("", "", "")
    return {
        "uuid": leg.uuid,
        "direction": leg.direction,
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(created)),
        "created_epoch": str(created),
        "name": leg.name,
        "state": leg.state.label,
        "cid_name": profile.get("Caller-ID-Name"),
        "cid_num": profile.get("Caller-ID-Number"),
        "ip_addr": profile.get("Network-Addr"),
        "dest": profile.get("Destination-Number"),
        "application": application,
        "application_data": data,
        "dialplan": profile.get("Dialplan"),
        "context": profile.get("Context"),
        "read_codec": codec or "",
        "read_rate": rate,
        "read_bit_rate": bits,
        "write_codec": codec or "",
        "write_rate": rate,
        "write_bit_rate": bits,
        "secure": "",
        "hostname": leg.switch.name,
        "presence_id": leg.presence_id or "",
        "presence_data": leg.get("presence_data") or "",
        "accountcode": leg.get("accountcode") or "",
        "callstate": leg.call_state.name,
        "callee_name": profile.get("Callee-ID-Name"),
        "callee_num": profile.get("Callee-ID-Number"),
        "callee_direction": "",
        "call_uuid": leg.call_uuid,
        "sent_callee_name": leg.get("last_sent_callee_id_name") or "",
        "sent_callee_num": leg.get("last_sent_callee_id_number") or "",
        "initial_cid_name": profile.get("Orig-Caller-ID-Name"),
        "initial_cid_num": profile.get("Orig-Caller-ID-Number"),
        "initial_ip_addr": profile.get("Network-Addr"),
        "initial_dest": profile.get("Destination-Number"),
        "initial_dialplan": profile.get("Dialplan"),
        "initial_context": profile.get("Context"),
    }


def _call_rows(switch: SimulatedSwitch) -> list[dict[str, str]]:
    """A row per bridge, with the second leg's columns marked b_; a leg without a partner stands alone."""
    kept = ("uuid", "direction", "created", "created_epoch", "name", "state", "cid_name", "cid_num", "ip_addr", "dest")
    more = ("presence_id", "presence_data", "accountcode", "callstate", "callee_name", "callee_num", "callee_direction")
    rows = []
    for leg in switch.legs.values():
        if leg.bridge is not None and leg.bridge.b is leg:
            continue
        own = _channel_row(leg)
        partner = _channel_row(leg.bridge.b) if leg.bridge is not None else {}
        row = {name: own[name] for name in kept + more}
        row["call_uuid"] = leg.call_uuid
        row["hostname"] = switch.name
        row.update({f"b_{name}": partner.get(name, "") for name in kept + more})
        row["call_created_epoch"] = own["created_epoch"]
        rows.append(row)
    return rows
