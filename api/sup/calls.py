"""Who is on the phone. Kazoo: parts of ecallmgr_maintenance, callflow_maintenance, jonny5_maintenance."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.admission import AccountUsage, account_name
from mirliton.actors.kapi.channels import QueryChannelsReq, QueryChannelsResp
from mirliton.actors.switching import CHANNELS, Incomplete, executor_name
from mirliton.api.sup.commands import Answer, Sup, SupError, command

_SUMMARY: Final = (
    "uuid",
    "direction",
    "answered",
    "node",
    "destination",
    "username",
    "realm",
    "account_id",
    "owner_id",
)


@command("ecallmgr_maintenance")
async def channel_summary(sup: Sup, switch: str = "") -> Answer:
    """A line for each channel; of one switch, if it is named."""
    return [{name: channel.get(name) for name in _SUMMARY} for channel in await _channels(sup, switch)]


@command("ecallmgr_maintenance")
async def channel_details(sup: Sup, uuid: str = "") -> Answer:
    """All that is known of a channel; of every channel, if none is named."""
    found = await _channels(sup)
    if not uuid:
        return found
    return _only([channel for channel in found if channel.get("uuid") == uuid], f"channel {uuid!r}")


@command("callflow_maintenance")
async def show_calls(sup: Sup) -> Answer:
    """A line for each call that a callflow of this node handles."""
    calls = []
    for channel in await _channels(sup):
        if (cell := sup.node.find(executor_name(str(channel["uuid"])))) is not None:
            shown = ("uuid", "callflow_id", "account_id", "caller_id_number", "destination")
            calls.append({name: channel.get(name) for name in shown} | {"process": str(cell.pid)})
    return calls


@command("callflow_maintenance")
async def call_count(sup: Sup) -> Answer:
    """How many calls callflows of this node handle."""
    calls = await show_calls(sup)
    return str(len(calls))


@command("jonny5_maintenance")
async def limits_details(sup: Sup, account_id: str) -> Answer:
    """How many calls an account has, and may have (none: without limit)."""
    name = account_name(account_id)
    if sup.node.whereis(name) is None:
        raise SupError(f"account {account_id!r} has no call now; its limits are in its `limits` document")
    usage = await sup.node.call(name, AccountUsage())
    return {"account_id": account_id, "calls": usage.calls, "limit": usage.limit, "call_ids": list(usage.call_ids)}


async def _channels(sup: Sup, switch: str = "") -> list[dict[str, Any]]:
    answer: QueryChannelsResp | Incomplete = await sup.node.call(CHANNELS, QueryChannelsReq(fields="all"))
    if isinstance(answer, Incomplete):
        raise SupError(f"nobody answers for the channels of {', '.join(answer.missing)} just now")
    channels: dict[str, Any] = dict(answer.channels)
    return [channel for channel in channels.values() if switch in ("", channel.get("node"))]


def _only(found: list[dict[str, Any]], what: str) -> dict[str, Any]:
    if not found:
        raise SupError(f"there is no {what}")
    return found[0]
