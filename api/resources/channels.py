"""`channels`: who is on the phone now, and hanging up. Kazoo: cb_channels.

    GET channels                       all legs of the system, for the master account
    GET accounts/{id}/channels         those of an account, a user, a device
    GET …/channels/{uuid}
    POST …/channels/{uuid}             {"action": "hangup" | "break"}

A command goes to the call's actor, which carries it out at once, before whatever is under way; a leg that has none (one
that we rang) is commanded on its switch.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from mirliton.actors.kapi.channels import (
    QueryAccountChannelsReq,
    QueryAccountChannelsResp,
    QueryChannelsReq,
    QueryChannelsResp,
)
from mirliton.actors.kapi.dialplan import Break, Hangup
from mirliton.actors.store.documents import gregorian
from mirliton.actors.switching import (
    CHANNELS,
    Accepted,
    CommandResult,
    Dispatch,
    Execute,
    call_name,
    switch_name,
)
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.documents import required_object
from mirliton.api.errors import BadIdentifier, InvalidData, Unavailable
from mirliton.api.filters import filters_of
from mirliton.api.routing import Route

ACTIONS: Final = ("hangup", "break")


async def _list_all(context: Context) -> Answer:
    answer = await context.services.call(CHANNELS, QueryChannelsReq())
    if not isinstance(answer, QueryChannelsResp):
        raise Unavailable("the channel table does not answer", "service_unavailable")
    channels: dict[str, Any] = dict(answer.channels)
    return _listed(context, list(channels.values()))


async def _list(context: Context) -> Answer:
    return _listed(context, await channels_of(context))


async def _list_of_user(context: Context) -> Answer:
    owner = parameter(context, "user_id")
    return _listed(context, [row for row in await channels_of(context) if row.get("owner_id") == owner])


async def _list_of_device(context: Context) -> Answer:
    device = parameter(context, "device_id")
    return _listed(context, [row for row in await channels_of(context) if row.get("authorizing_id") == device])


async def _read(context: Context) -> Answer:
    return Answer(_shown(context, await _one(context)))


async def _command(context: Context) -> Answer:
    action = required_object(context).get("action")
    if not isinstance(action, str):
        raise InvalidData.of("action", "required", "is required", value="action")
    if action not in ACTIONS:
        raise InvalidData.of(
            "action", "enum", "must be one of the listed values", target=list(ACTIONS), value=action[:32]
        )
    row = await _one(context)
    call_id = str(row["uuid"])
    make = Hangup if action == "hangup" else Break
    command = make(call_id=call_id, insert_at="now")
    outcome = await _give(context, row, command, str(uuid.uuid4()))
    context.log.info("channel_commanded", call_id=call_id, action=action)
    if isinstance(outcome, CommandResult):
        # "gone" is what a hangup wants.
        if outcome.status == "refused":
            raise Unavailable(f"the switch refused: {outcome.response}", "bad_gateway")
    elif not isinstance(outcome, Accepted):
        raise Unavailable(str(getattr(outcome, "text", None) or getattr(outcome, "reason", outcome)), "bad_gateway")
    return Answer({"uuid": call_id, "action": action})


async def _give(context: Context, row: dict[str, Any], command: Any, command_id: str) -> Any:
    services = context.services
    actor = call_name(command.call_id)
    if services.node.whereis(actor) is not None:
        return await services.call(actor, Execute(command_id, command), timeout=10.0)
    return await services.call(
        switch_name(str(row["node"])), Dispatch(command.call_id, command, command_id), timeout=10.0
    )


async def channels_of(context: Context) -> list[dict[str, Any]]:
    """The legs of the account in the URL. Raises CallError, Unavailable."""
    answer = await context.services.call(CHANNELS, QueryAccountChannelsReq(account_id=context.account_id))
    if not isinstance(answer, QueryAccountChannelsResp):
        raise Unavailable("the channel table does not answer", "service_unavailable")
    return [dict(row) for row in answer.channels]


async def _one(context: Context) -> dict[str, Any]:
    wanted = parameter(context, "uuid")
    for row in await channels_of(context):
        if row["uuid"] == wanted:
            context.must_own(row)
            return row
    raise BadIdentifier(wanted)


def _listed(context: Context, rows: list[dict[str, Any]]) -> Answer:
    tests = filters_of(context.query.items())
    return Answer([_shown(context, row) for row in rows if all(test(row) for test in tests)])


def _shown(context: Context, row: dict[str, Any]) -> dict[str, Any]:
    """The row, with how long the leg has been there."""
    shown = {key: value for key, value in row.items() if value is not None}
    since = row.get("timestamp")
    if isinstance(since, int | float):
        shown["elapsed_s"] = max(0, int(gregorian(context.services.now()) - since))
    return shown


ROUTES: Final = (
    Route("channels", "channels", {"GET": _list_all}, "master"),
    Route("accounts/{account_id}/channels", "channels", {"GET": _list}),
    Route(
        "accounts/{account_id}/channels/{uuid}",
        "channels",
        {"GET": _read, "POST": _command},
        plain={"GET": "own", "POST": "own"},
    ),
    Route("accounts/{account_id}/users/{user_id}/channels", "channels", {"GET": _list_of_user}, plain={"GET": "own"}),
    Route("accounts/{account_id}/devices/{device_id}/channels", "channels", {"GET": _list_of_device}),
)
