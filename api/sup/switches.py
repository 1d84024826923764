"""The switches. Kazoo: ecallmgr_maintenance."""

from __future__ import annotations

from typing import Any

from mirliton.actors.switching import CHANNELS, AuditNow, switch_name
from mirliton.api.sup.commands import Answer, Sup, SupError, command


@command("ecallmgr_maintenance")
async def get_fs_nodes(sup: Sup) -> Answer:
    """The switches that this node is to be connected to."""
    return sorted(_switches(sup))


@command("ecallmgr_maintenance")
async def list_fs_nodes(sup: Sup) -> Answer:
    """The switches that this node is connected to."""
    return [name for name in sorted(_switches(sup)) if (await _state(sup, name)).get("connected")]


@command("ecallmgr_maintenance")
async def node_summary(sup: Sup) -> Answer:
    """A line for each switch."""
    return [await _state(sup, name) for name in sorted(_switches(sup))]


@command("ecallmgr_maintenance")
async def node_details(sup: Sup, switch: str) -> Answer:
    """All that is known of a switch."""
    if switch not in _switches(sup):
        raise SupError(f"there is no switch {switch!r}; there are: {', '.join(sorted(_switches(sup))) or 'none'}")
    return await _state(sup, switch)


@command("ecallmgr_maintenance", changes=True)
async def sync_channels(sup: Sup) -> Answer:
    """Compare the channel table with the switches now, and repair it."""
    sup.node.send(CHANNELS, AuditNow())
    return "the channel table is compared with every switch; the log tells what was repaired"


def _switches(sup: Sup) -> list[str]:
    """The names of all switches, by the processes that speak with them."""
    names = (name for cell in sup.node.processes() for name in cell.names or ())
    return [str(name.key) for name in names if getattr(name, "kind", "") == switch_name("").kind]


async def _state(sup: Sup, switch: str) -> dict[str, Any]:
    state: dict[str, Any] = await sup.node.sys.get_state(switch_name(switch))
    return dict(state)
