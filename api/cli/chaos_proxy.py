"""`mirliton chaos proxy`: a proxy that makes trouble, and the hand that steers one.

    mirliton chaos proxy --listen 127.0.0.1:5673 --to 127.0.0.1:5672 --control var/broker-proxy.sock
    mirliton chaos proxy --control var/broker-proxy.sock hang --for 3
    mirliton chaos proxy --control var/broker-proxy.sock status

The first runs until SIGINT or SIGTERM; plans steer it over the same socket.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any, Final

from mirliton.api.cli.errors import CommandError
from mirliton.api.cli.show import say
from mirliton.supervisors.chaos import ChaosRefused, Proxy, ProxyControl, ask_proxy
from mirliton.supervisors.chaos.proxy import TROUBLES

COMMAND: Final = "chaos proxy"


def add_command(commands: Any) -> None:
    """Add it to the command line, where its two words are one."""
    proxy = commands.add_parser(COMMAND, help="run a TCP proxy that cuts, delays and drops on order, or steer one")
    words = (*TROUBLES, "heal", "status")
    proxy.add_argument("trouble", nargs="?", choices=words, help="what the one at --control is to do")
    proxy.add_argument("--listen", type=_address, metavar="HOST:PORT", help="run one: where it listens (port 0: any)")
    proxy.add_argument("--to", type=_address, metavar="HOST:PORT", help="and whom it passes everything on to")
    proxy.add_argument("--control", type=Path, metavar="SOCKET", help="the Unix socket that it is steered by")
    proxy.add_argument("--for", dest="seconds", type=float, help="seconds that a trouble lasts (default: until heal)")
    proxy.add_argument("--delay", type=float, help="of delay: seconds")
    proxy.add_argument("--jitter", type=float, help="of delay: up to so many seconds more")
    proxy.add_argument("--bytes-per-second", type=float, help="of throttle: each way of each connection")
    proxy.add_argument("--kept", choices=("client", "server"), help="of half_open: who keeps its end (default client)")
    proxy.set_defaults(of_host=run_proxy)


def two_words(arguments: list[str]) -> list[str]:
    """The command line with `chaos proxy` as one word, where that is its command."""
    before = 2 if arguments[:1] == ["--config"] else 1 if arguments and arguments[0].startswith("--config=") else 0
    if arguments[before : before + 2] == COMMAND.split():
        return [*arguments[:before], COMMAND, *arguments[before + 2 :]]
    return arguments


def run_proxy(options: argparse.Namespace) -> int:
    """Run one, or steer one."""
    if options.trouble is not None:
        if options.control is None or options.listen is not None or options.to is not None:
            raise CommandError("who steers a proxy gives --control alone; --listen and --to are of who runs one")
        try:
            say(json.dumps(asyncio.run(ask_proxy(options.control, _request(options))), indent=2))
        except ChaosRefused as refused:
            raise CommandError(str(refused)) from None
        return os.EX_OK
    if options.listen is None or options.to is None:
        raise CommandError("a proxy needs --listen and --to; or --control and what it is to do")
    try:
        return asyncio.run(_serve(options))
    except OSError as error:
        raise CommandError(f"the proxy cannot listen: {error}") from None


def _request(options: argparse.Namespace) -> dict[str, Any]:
    if options.trouble in ("heal", "status"):
        return {"do": options.trouble}
    given = {"for": options.seconds, "delay": options.delay, "jitter": options.jitter, "kept": options.kept}
    given["bytes_per_second"] = options.bytes_per_second
    return {"do": "trouble", "how": options.trouble} | {key: value for key, value in given.items() if value is not None}


async def _serve(options: argparse.Namespace) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with Proxy(options.to, options.listen) as proxy, contextlib.AsyncExitStack() as stack:
        if options.control is not None:
            await stack.enter_async_context(ProxyControl(proxy, options.control))
        say(f"{options.listen[0]}:{proxy.port} to {options.to[0]}:{options.to[1]}")
        await ended.wait()
    return os.EX_OK


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} must be host:port")
    return host.strip("[]"), int(port)
