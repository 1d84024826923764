"""Devices and users as endpoints to ring. Kazoo: kz_endpoint, kz_endpoints.

A device is rung where it is registered, or where its calls are forwarded to, or both; what else holds for it says
`attributes.py`. One that is not to be rung (disabled, not to be disturbed, the caller's own) is no endpoint at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mirliton.actors.kapi.channels import QueryUserChannelsReq, QueryUserChannelsResp
from mirliton.actors.kapi.dialplan import Endpoint
from mirliton.actors.kapi.endpoint import as_failover
from mirliton.actors.store import Document, DocumentNotFound
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.switching import CHANNELS, as_far_as_known
from mirliton.runtime import CallError
from mirliton.whapps.callflow.attributes import Attributes, attributes_of, user_attributes
from mirliton.whapps.callflow.errors import InvalidFlow, NobodyToRing
from mirliton.whapps.callflow.fields import flag, mapping, owner_of
from mirliton.whapps.callflow.forwarding import forward_endpoint, is_forwarded, stands_in
from mirliton.whapps.callflow.script import Data, Script
from mirliton.whapps.callflow.sip_endpoint import busy_endpoint, sip_endpoint
from mirliton.whapps.callflow.wishes import Wishes


async def device_endpoints(
    call: Script, device: Document, wishes: Wishes, owner: Document | None = None
) -> list[Endpoint]:
    """All that is rung for a device. `owner`: the user for whom it is rung, where it is."""
    attributes = await _to_be_rung(call, device, wishes, owner)
    if attributes is None:
        return []
    forward, device_id = attributes.forward, str(device["_id"])
    found = []
    if is_forwarded(forward, direct=wishes.direct):
        elsewhere = await forward_endpoint(call, attributes, device_id, "device", wishes)
        found += [elsewhere] if elsewhere is not None else []
        if flag(forward, "substitute", True):
            return found
    endpoint = await _sip(call, device, attributes, wishes)
    return [*found, endpoint] if endpoint is not None else found


async def device_endpoint(
    call: Script,
    device: Document,
    *,
    timeout: float | None = None,
    delay: float | None = None,
    may_be_self: bool = False,
) -> Endpoint | None:
    """The phone itself, wherever its calls are forwarded to; None for one that is not to be rung."""
    wishes = Wishes(timeout, delay, may_be_self)
    attributes = await _to_be_rung(call, device, wishes, None)
    return None if attributes is None else await _sip(call, device, attributes, wishes)


async def user_endpoints(
    call: Script,
    user_id: str,
    wishes: Wishes | None = None,
    *,
    timeout: float | None = None,
    delay: float | None = None,
    may_be_self: bool = False,
) -> list[Endpoint]:
    """All that is rung for a user: the devices of the user's own and those that the user has logged in to, and where
    the user's calls are forwarded to. None for a user who is disabled, deleted or not to be disturbed."""
    wishes = wishes or Wishes(timeout, delay, may_be_self)
    try:
        user = await call.document(user_id)
    except DocumentNotFound:
        return []
    if is_deleted(user) or user.get("enabled") is False or flag(mapping(user, "do_not_disturb"), "enabled", False):
        return []
    owned = await call.store.view(call.account_db, "attributes/owned", key=[user_id, "device"], include_docs=True)
    found = []
    for row in owned.rows:
        if row.doc is not None:
            found += await device_endpoints(call, row.doc, wishes, user)
    if not owned.rows:
        attributes = await user_attributes(call, user)
        forward = attributes.forward
        if is_forwarded(forward, direct=wishes.direct) or stands_in(forward):
            elsewhere = await forward_endpoint(call, attributes, user_id, "user", wishes)
            found += [elsewhere] if elsewhere is not None else []
    return distinct(found)


def distinct(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Each device, and each number that calls are forwarded to, once, in the order it first came."""
    found: dict[Any, Endpoint] = {}
    for endpoint in endpoints:
        key = ("", endpoint.route) if endpoint.invite_format == "loopback" else endpoint.endpoint_id
        found.setdefault(key, endpoint)
    return list(found.values())


def required_id(module: str, data: Data) -> str:
    """The `id` in an action's data. Raises InvalidFlow."""
    found = data.get("id")
    if not isinstance(found, str) or not found:
        raise InvalidFlow(module, "its data has no id")
    return found


def some(what: str, endpoints: list[Endpoint]) -> tuple[Endpoint, ...]:
    """The endpoints. Raises NobodyToRing when there are none."""
    if not endpoints:
        raise NobodyToRing(what)
    return tuple(endpoints)


async def _to_be_rung(call: Script, device: Document, wishes: Wishes, owner: Document | None) -> Attributes | None:
    """What holds for the device, if it is to be rung."""
    if device.get("pvt_type") != "device" or is_deleted(device) or device.get("enabled") is False:
        return None
    owner_id = str(owner["_id"]) if owner is not None else owner_of(device)
    if not wishes.may_be_self:
        if call.vars.get("Authorizing-ID") == device["_id"]:
            return None
        if owner_id is not None and call.vars.get("Owner-ID") == owner_id:
            return None
    attributes = await attributes_of(call, device, owner)
    return None if attributes.do_not_disturb else attributes


async def _sip(call: Script, device: Document, attributes: Attributes, wishes: Wishes) -> Endpoint | None:
    if not attributes.call_waiting and await _talks(call, str(device["_id"])):
        return busy_endpoint(call, device)
    failover = None
    if stands_in(attributes.forward):
        elsewhere = await forward_endpoint(call, attributes, str(device["_id"]), "device", wishes)
        failover = as_failover(elsewhere) if elsewhere is not None else None
    return await sip_endpoint(call, device, attributes, wishes, failover)


async def _talks(call: Script, device_id: str) -> bool:
    """Whether the device has a call; where nobody can be asked now, it has none."""
    request = QueryUserChannelsReq(authorizing_ids=(device_id,))
    try:
        answer = as_far_as_known(await call.process.call(CHANNELS, request))
    except CallError as error:
        call.log.warning("channels_not_known", error=str(error))
        return False
    legs = answer.channels if isinstance(answer, QueryUserChannelsResp) else ()
    return any(leg.get("account_id") == call.account_id and leg.get("uuid") != call.id for leg in legs)
