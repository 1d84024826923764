"""Api commands on files: sending a recording over HTTP, as mod_http_cache does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from mirliton.ecallmgr.simulator.sounds import wave

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

SECONDS = 30.0  # real time that an upload may take
MAX_UPLOAD_SECONDS = 3600.0  # of sound


async def http_put(switch: SimulatedSwitch, args: str) -> str:
    """`[{params}]url path`: PUT a recording that was made here, as a WAV file of its length."""
    while args.startswith("{") and "}" in args:
        args = args[args.index("}") + 1 :].lstrip()
    url, _, path = args.partition(" ")
    seconds = switch.sounds.recorded(path.strip())
    if seconds is None:
        return "-ERR No such file\n"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session,
            session.put(
                url, data=wave(min(seconds, MAX_UPLOAD_SECONDS)), headers={"Content-Type": "audio/wav"}
            ) as response,
        ):
            await response.read()
            return "+OK\n" if 200 <= response.status < 300 else f"-ERR HTTP status {response.status}\n"
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return f"-ERR {type(error).__name__}\n"
