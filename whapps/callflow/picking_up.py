"""Taking over other people's calls: who may, which calls there are, and doing it. What the actions of it share.

Which call it is, is decided once and marked: a successor takes the same, or finds it taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mirliton.actors.kapi.channels import QueryUserChannelsReq, QueryUserChannelsResp
from mirliton.actors.kapi.dialplan import CallPickup
from mirliton.actors.store import DocumentNotFound, InvalidName
from mirliton.actors.switching import CHANNELS, as_far_as_known
from mirliton.runtime import CallError
from mirliton.whapps.callflow.fields import mapping, text
from mirliton.whapps.callflow.groups import members_of
from mirliton.whapps.callflow.ringing import picked_up
from mirliton.whapps.callflow.routing import found_flow
from mirliton.whapps.callflow.script import Data, Done, Next, Outcome, Script
from mirliton.whapps.callflow.talking import tell

NO_PERMISSION: Final = "cf-not_available"
APPROVED: Final = ("approved_device_id", "approved_user_id", "approved_group_id")
Channel = dict[str, Any]
"""A leg as the channel table shows it."""


async def may(call: Script, data: Data) -> bool:
    """Whether the caller is the `approved_device_id` or `approved_user_id`, or in the `approved_group_id`; anybody is
    where none is given."""
    device, user, group = (text(data, name) for name in APPROVED)
    if device is None and user is None and group is None:
        return True
    own = {call.vars.get("Authorizing-ID"), call.vars.get("Owner-ID")} - {None, ""}
    if device in own or user in own:
        return True
    return group is not None and any(member["id"] in own for member in await members_of(call, group))


async def devices_of(call: Script, target: Data) -> list[str]:
    """The devices of a `device_id`, `user_id` or `group_id`, or of `members` as a ring group has them."""
    found: dict[str, None] = {}
    if device := text(target, "device_id"):
        found[device] = None
    users = [user] if (user := text(target, "user_id")) else []
    members = target.get("members", [])
    if group := text(target, "group_id"):
        members = await members_of(call, group)
    for member in members:
        if member["endpoint_type"] == "device":
            found[member["id"]] = None
        elif member["endpoint_type"] == "user":
            users.append(member["id"])
    for user in users:
        owned = await call.store.view(call.account_db, "attributes/owned", key=[user, "device"])
        found.update(dict.fromkeys(str(row.id) for row in owned.rows))
    return list(found)


async def target_of_number(call: Script, number: str) -> Data:
    """Whom the callflow of a number rings first, as `devices_of` takes it; nobody else is meant."""
    found = await found_flow(call.store, call.account_id, number, no_match=False)
    if found is None:
        return {}
    try:
        flow = (await call.document(found[0])).get("flow")
    except (DocumentNotFound, InvalidName):
        return {}
    while isinstance(flow, dict):
        data = mapping(flow, "data")
        rung, listed = text(data, "id"), data.get("endpoints")
        if flow.get("module") == "ring_group" and isinstance(listed, list):
            known = [one for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str)]
            return {"members": [{"id": one["id"], "endpoint_type": one.get("endpoint_type")} for one in known]}
        if flow.get("module") in ("device", "user", "group") and rung is not None:
            return {f"{flow['module']}_id": rung}
        flow = mapping(flow, "children").get("_")
    return {}


async def legs_of(call: Script, devices: list[str]) -> list[Channel]:
    """The legs of these devices, less the caller's own; none when the table cannot be asked now."""
    if not devices:
        return []
    request = QueryUserChannelsReq(authorizing_ids=tuple(devices))
    try:
        answer = as_far_as_known(await call.process.call(CHANNELS, request))
    except CallError as error:
        call.log.warning("channels_not_known", error=str(error))
        return []
    channels = answer.channels if isinstance(answer, QueryUserChannelsResp) else ()
    # A tenant may name the device of another.
    own = [leg for leg in channels if leg.get("account_id") == call.account_id]
    legs = [dict(leg) for leg in own if isinstance(leg.get("uuid"), str) and leg["uuid"] != call.id]
    return sorted(legs, key=lambda leg: (leg.get("timestamp") or 0, leg["uuid"]))


def ringing(leg: Channel) -> bool:
    """Whether this leg rings a phone."""
    return not leg.get("answered") and leg.get("direction") == "outbound"


def talking(leg: Channel) -> bool:
    """Whether this leg talks with somebody."""
    return bool(leg.get("answered") and leg.get("other_leg"))


async def take(call: Script, data: Data, target: Data, *wanted: Callable[[Channel], bool]) -> Outcome:
    """Take a call of the target's devices: the oldest of the first kind that is wanted. Child `_` when there is none,
    or somebody else was quicker; else the call ends here."""
    if call.state is None:
        if not await may(call, data):
            call.log.info("pickup_not_permitted")
            await tell(call, NO_PERMISSION)
            return Next()
        legs = await legs_of(call, await devices_of(call, target))
        found = next((leg for kind in wanted for leg in legs if kind(leg)), None)
        if found is None:
            await tell(call, "pickup-no_channels")
            return Next()
        call.mark({"leg": found["uuid"], "rings": ringing(found)})
    chosen = call.state
    result = await call.execute(
        CallPickup(call.id, chosen["leg"], other_leg=True, unbridged_only=True if chosen["rings"] else None)
    )
    if not picked_up(result):
        return Next()
    await call.parted()
    return Done()
