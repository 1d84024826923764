"""The control socket: power over every process of a node, on a Unix socket that only its owner may open (0600).

    Tree("one_for_one", [..., worker(ControlSocket, "var/control.sock", ROOT, name=Name("service", "control"))])

One JSON object per line in, one per line out: {"do": "tree"} gives {"ok": true, "result": …} or {"ok": false, "error":
"…"}. An answer that goes on (events, say) is one such line and then a line per item, until the client goes. A class
that knows more requests extends `answer`. Kills and upgrades are written to the log as `audit`. After a restart the
socket is there again, and clients connect anew.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from mirliton.runtime import Address, CallError, Exit, GenServer
from mirliton.supervisors.application import Application
from mirliton.supervisors.chaos.server import begin_chaos, chaos_status, hold_node, preview_chaos, stop_chaos
from mirliton.supervisors.errors import BadRequest, SupervisionFault
from mirliton.supervisors.inspector import CHILDREN_SHOWN, ORDERS, Inspector
from mirliton.supervisors.upgrading.operator import OperatorUpgrades

MAX_REQUEST: Final = 1024 * 1024
BY: Final = "control socket"
REQUEST_TIMEOUT: Final = 30.0
WRITE_TIMEOUT: Final = 30.0
"""Seconds that a client may leave an answer unread."""


class ControlSocket(GenServer):
    """Listens at `path`; `root` is the supervisor at the top. Not being able to listen is a start error.

    `parts`: children of the root that can be upgraded by themselves, as applications that are called as the child.
    Those of a controller that is called APPLICATIONS can be, too.
    """

    async def init(self, path: str, root: Address, parts: Sequence[Application] = ()) -> None:
        self.path = path
        self.upgrades = OperatorUpgrades(self, root, parts)
        self.inspector = Inspector(self.node, root)
        _make_room(Path(path))
        mask = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self.__serve, path=path, limit=MAX_REQUEST)
        finally:
            os.umask(mask)
        self.own(server.close)
        self.connections: set[asyncio.StreamWriter] = set()
        self.own(self.__hang_up)

    def state(self) -> Any:
        return {"path": self.path}

    async def answer(self, request: dict[str, Any]) -> Any:
        """Do what the request says. An async iterator is an answer that goes on.

        Raises BadRequest, NoSuchProcess, RequestRefused or CallError, which the client is told.
        """
        look = self.inspector
        match request.get("do"):
            case "status":
                return look.status()
            case "tree":
                levels = count(request, "levels") if "levels" in request else None
                most = count(request, "most", CHILDREN_SHOWN)
                return await look.tree(text(request, "process", ""), levels, most)
            case "top":
                return await look.top(text(request, "by", "mailbox", tuple(ORDERS)), count(request, "most", 20))
            case "process":
                return await look.process(text(request, "process"))
            case "explain":
                return await look.explain(text(request, "process"))
            case "dossiers":
                return look.dossiers(count(request, "last", 10))
            case "kill":
                return look.kill(text(request, "process"), BY, self.pid)
            case "chaos":
                plan, seed, repeat = request.get("plan"), seed_of(request), request.get("repeat")
                return await begin_chaos(self, plan, seed=seed, repeat=repeat, by=BY, door=self.pid)
            case "chaos_preview":
                return await preview_chaos(self, request.get("plan"), seed=seed_of(request), door=self.pid)
            case "chaos_status":
                return await chaos_status(self)
            case "chaos_stop":
                return await stop_chaos(self, BY)
            case "chaos_hold":
                return await hold_node(self, request.get("seconds", 0), BY)
            case "upgrade":
                application, folder = text(request, "application"), text(request, "path", "")
                return await self.upgrades.upgrade(application, folder, down=request.get("down") is True)
            case other:
                raise BadRequest(f"there is no request {other!r}")

    def __hang_up(self) -> None:
        for writer in self.connections:
            writer.close()

    async def __serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        try:
            while line := await reader.readline():
                await self.__answer(line, reader, writer)
        except (OSError, ValueError, Exit, TimeoutError, asyncio.CancelledError):
            # The client has gone, sent a line without end, reads nothing, or the node stops.
            return
        finally:
            self.connections.discard(writer)
            writer.close()

    async def __answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                result = await self.answer(_request(line))
        except (SupervisionFault, CallError) as error:
            await _write(writer, {"ok": False, "error": str(error)})
        except TimeoutError:
            await _write(writer, {"ok": False, "error": f"not done within {REQUEST_TIMEOUT:g} s"})
        else:
            if isinstance(result, AsyncIterator):
                await _follow(result, reader, writer)
            else:
                await _write(writer, {"ok": True, "result": result})


def text(request: dict[str, Any], key: str, default: str | None = None, values: tuple[str, ...] = ()) -> str:
    """A string of the request. Raises BadRequest when it is missing or none of `values`."""
    value = request.get(key, default)
    if not isinstance(value, str) or (values and value not in values):
        expected = " or ".join(map(repr, values)) or "a string"
        raise BadRequest(f"{key} must be {expected}, not {value!r}")
    return value


def count(request: dict[str, Any], key: str, default: int = 0) -> int:
    """A number of things in the request. Raises BadRequest when it is none."""
    value = request.get(key, default)
    if type(value) is not int or value < 0:
        raise BadRequest(f"{key} must be a whole number that is not negative, not {value!r}")
    return value


def seed_of(request: dict[str, Any]) -> int | None:
    """The seed that the request names, if it does. Raises BadRequest."""
    return count(request, "seed") if request.get("seed") is not None else None


def _request(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except ValueError as error:
        raise BadRequest(f"the request is no JSON: {error}") from None
    if not isinstance(request, dict):
        raise BadRequest('a request is an object such as {"do": "tree"}')
    return request


async def _follow(items: AsyncIterator[Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    gone = asyncio.ensure_future(reader.read(1))
    try:
        await _write(writer, {"ok": True, "result": "following"})
        while True:
            item = asyncio.ensure_future(anext(items))
            await asyncio.wait({item, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                item.cancel()
                await asyncio.wait({item})
                raise ConnectionResetError("the client has gone, or said something out of turn")
            await _write(writer, item.result())
    except StopAsyncIteration:
        return
    finally:
        gone.cancel()
        await asyncio.wait({gone})
        if hasattr(items, "aclose"):
            await items.aclose()


def _make_room(path: Path) -> None:
    """A node that was killed leaves its socket's file behind."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)


async def _write(writer: asyncio.StreamWriter, answer: Any) -> None:
    writer.write(_line(answer))
    async with asyncio.timeout(WRITE_TIMEOUT):
        await writer.drain()


def _line(answer: Any) -> bytes:
    line = json.dumps(answer, default=str, ensure_ascii=False, separators=(",", ":"))
    return line.encode("utf-8", "replace") + b"\n"
