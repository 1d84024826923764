"""`python -m mirliton.ecallmgr.simulator`: the simulated switch as a program.

Prints one line when it listens, and stops in order on SIGINT or SIGTERM. What cannot be done gets one line
on standard error and exit status 1 (2 for a wrong argument).
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from mirliton.ecallmgr.simulator.errors import BadScript, SimulatorError
from mirliton.ecallmgr.simulator.scripts import read_script
from mirliton.ecallmgr.simulator.switch import SimulatedSwitch


def main(arguments: list[str] | None = None) -> int:
    """Run the program; its exit status."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_run(options))
    except (SimulatorError, OSError) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mirliton.ecallmgr.simulator", description="A simulated FreeSWITCH."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8021, help="event-socket port, 0 for any (default 8021)")
    parser.add_argument("--password", default="ClueCon", help="event-socket password")
    parser.add_argument("--name", default="fs1.local", help="switch name")
    parser.add_argument("--cdr-url", type=_url, help="where to POST the record of each ended leg")
    parser.add_argument("--lookup-url", type=_url, help="where to look up what a call does (mod_xml_curl)")
    parser.add_argument("--cdr-spool", type=Path, help="directory for records that nobody accepts")
    parser.add_argument("--phones", type=Path, help='JSON list of phones: [{"user": …, "realm": …, "script": …}]')
    parser.add_argument("--speed", type=_speed, default=1.0, help="simulated seconds per real second")
    parser.add_argument("--heartbeat", type=float, default=20.0, help="seconds between HEARTBEAT events, 0 for none")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} is not an http or https address")
    return text


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed (above 0)")
    return value


async def _run(options: argparse.Namespace) -> None:
    switch = SimulatedSwitch(
        options.host,
        options.port,
        options.password,
        options.name,
        speed=options.speed,
        cdr_url=options.cdr_url,
        lookup_url=options.lookup_url,
        cdr_spool=options.cdr_spool,
        heartbeat=options.heartbeat,
    )
    if options.phones is not None:
        _define_phones(switch, options.phones)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await switch.start()
    try:
        sys.stdout.write(f"simulated switch {switch.name} listens on {options.host}:{switch.port}\n")
        sys.stdout.flush()
        await stop.wait()
        await switch.shut_down()
    finally:
        await switch.stop()


def _define_phones(switch: SimulatedSwitch, path: Path) -> None:
    try:
        phones = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadScript(str(path), "", f"a readable JSON file ({error})") from None
    if not isinstance(phones, list):
        raise BadScript(str(path), phones, "a list of phones")
    for index, phone in enumerate(phones):
        where = f"{path}[{index}]"
        if not isinstance(phone, dict) or not isinstance(phone.get("user"), str):
            raise BadScript(where, phone, 'an object with a "user"')
        switch.phone(
            phone["user"],
            phone.get("realm"),
            script=read_script(phone.get("script", "answer"), f"{where}.script"),
            contact=phone.get("contact", "127.0.0.1:5090"),
            variables=phone.get("variables"),
            register=phone.get("register", True),
        )


if __name__ == "__main__":
    sys.exit(main())
