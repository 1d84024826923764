"""Actions that send a request and ask for its response later."""

from __future__ import annotations

from typing import Any

from mirliton.runtime import CallError, CallTimeout, Pid
from mirliton.supervisors.replay.proc.actions import Doer, action
from mirliton.supervisors.replay.proc.servers import reference


@action("send_request")
def send_request(by: Doer, target: Any, request: Any, name: str) -> str:
    to = by.world.address(target)
    # Its end is told of whom the name led to, or of the name when it led to nobody.
    server = to if isinstance(to, Pid) else by.me.whereis(to) or reference(by, target)
    by.world.asked(by.me.send_request(to, request), name, server)
    return "ok"


@action("receive_response")
async def receive_response(by: Doer, name: str, timeout: Any) -> Any:
    return await _response(by, name, timeout, give_up=True)


@action("wait_response")
async def wait_response(by: Doer, name: str, timeout: Any) -> Any:
    return await _response(by, name, timeout, give_up=False)


async def _response(by: Doer, name: str, timeout: Any, *, give_up: bool) -> Any:
    request = by.world.requests[name]
    wait = by.me.receive_response if give_up else by.me.wait_response
    try:
        return "reply", await wait(request, None if timeout == "infinity" else timeout / 1000)
    except CallTimeout as error:
        # Ours tells at once when no response can come any more; Erlang waits for it.
        await by.me.sleep(timeout / 1000 - error.timeout)
        return "timeout"
    except CallError as error:
        return "error", (error.reason, by.world.servers[request])
