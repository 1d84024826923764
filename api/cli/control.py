"""The control socket: power over everybody's calls, so a Unix socket that only its owner may open (0600).

One JSON object per line in, one per line out: {"do": "tree"} gives {"ok": true, "result": …} or {"ok": false, "error":
"…"}. `follow` gives a line per event until the client goes. Each use that changes something is written to the log as
`audit`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import Any, Final

import orjson

from mirliton.actors.kapi.call import event_name
from mirliton.actors.kapi.channels import QueryChannelsReq, QueryChannelsResp
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import public
from mirliton.actors.store.names import Month, month_id, month_of_db
from mirliton.actors.switching import CHANNELS, LegEvent, LegParked, SwitchApi, WatchLegs, switch_name
from mirliton.api.cli.errors import CommandError
from mirliton.api.resources.supervision_tree import Trees, entry_of
from mirliton.runtime import CallError, Down, Exit, GenServer, Name, Pid, TimerFired
from mirliton.supervisors import HistoryEntry, Supervisor, explain, statistics
from mirliton.supervisors.errors import RequestRefused

CONTROL: Final = Name("service", "control")
MAX_REQUEST: Final = 64 * 1024
REQUEST_TIMEOUT: Final = 30.0
WATCH_AGAIN: Final = 0.2
ASK_TIMEOUT: Final = 5.0
CHILDREN_SHOWN: Final = 10_000
FOLLOWED: Final = 1000
"""Events that may wait for a client that follows; a slower one misses some and is told how many."""


class ControlServer(GenServer):
    """The socket. Not being able to listen is a start error."""

    async def init(self, path: str, root: Name) -> None:
        self.path = path
        self.root = root
        self.started = time.time()
        self.followers: set[asyncio.Queue[dict[str, Any]]] = set()
        _clear(Path(path))
        mask = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self._serve, path=path, limit=MAX_REQUEST)
        finally:
            os.umask(mask)
        self.own(server.close)
        self._watch()

    def state(self) -> Any:
        return {"path": self.path, "followers": len(self.followers)}

    def handle_info(self, message: Any) -> None:
        match message:
            case LegEvent(event=event):
                self._tell(event_name(event), event)
            case LegParked(leg=leg):
                self._tell("CHANNEL_PARK", leg)
            case Down():
                # The channel table is being restarted; it has forgotten who watches.
                self.start_timer(WATCH_AGAIN, "watch")
            case TimerFired(message="watch"):
                self._watch()
            case _:
                super().handle_info(message)

    def _watch(self) -> None:
        self.monitor(CHANNELS)
        self.cast(CHANNELS, WatchLegs(self.pid))

    def _tell(self, name: str, event: Any) -> None:
        if not self.followers:
            return
        news = {
            "event": name,
            "call_id": event.call_id,
            "direction": event.call_direction,
            "from": event.caller_id_number,
            "to": event.caller_destination_number,
            "callee": event.callee_id_name,
            "application": event.application_name,
            "other_leg": event.other_leg_call_id,
            "cause": event.hangup_cause,
            "billing_seconds": event.billing_seconds,
        }
        for queue in self.followers:
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(news)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                await self._answer(line, reader, writer)
        except (ConnectionError, ValueError, Exit, asyncio.CancelledError):
            # The client has gone, sent a line without end, or the node stops.
            return
        finally:
            writer.close()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = orjson.loads(line)
            if not isinstance(request, dict):
                raise CommandError('a request is an object such as {"do": "tree"}')
            if request.get("do") == "follow":
                await self._follow(reader, writer)
                return
            async with asyncio.timeout(REQUEST_TIMEOUT):
                answer = {"ok": True, "result": await self._do(request)}
        except orjson.JSONDecodeError as error:
            answer = {"ok": False, "error": f"the request is no JSON: {error}"}
        except (CommandError, CallError, RequestRefused) as error:
            answer = {"ok": False, "error": str(error)}
        except TimeoutError:
            answer = {"ok": False, "error": f"not done within {REQUEST_TIMEOUT:g} s"}
        await _write(writer, answer)

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(FOLLOWED)
        self.followers.add(queue)
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await _write(writer, {"ok": True, "result": "following"})
            while not gone.done():
                news = asyncio.ensure_future(queue.get())
                await asyncio.wait({news, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not news.done():
                    news.cancel()
                    return
                await _write(writer, news.result())
        finally:
            gone.cancel()
            self.followers.discard(queue)

    async def _do(self, request: dict[str, Any]) -> Any:
        match request.get("do"):
            case "status":
                return await self._status()
            case "tree":
                return await Trees(self.node, ASK_TIMEOUT, CHILDREN_SHOWN).below(self.root)
            case "process":
                pid = self._find(request)
                return _plain(await self.node.sys.status(pid))
            case "kill":
                return self._kill(request)
            case "explain":
                return await self._explain(request)
            case "dossiers":
                return [dossier.as_dict() for dossier in self.node.dossiers][-int(request.get("last", 10)) :]
            case "channels":
                answer: QueryChannelsResp = await self.call(CHANNELS, QueryChannelsReq())
                return dict(answer.channels)
            case "cdrs":
                return await self._cdrs([str(call_id) for call_id in request.get("call_ids", [])][:1000])
            case "simulator":
                return await self._simulator(request)
            case other:
                raise CommandError(f"there is no request {other!r}")

    async def _status(self) -> dict[str, Any]:
        node = self.node
        answer: QueryChannelsResp = await self.call(CHANNELS, QueryChannelsReq())
        counted = statistics()
        return {
            "node": node.name,
            "incarnation": node.incarnation,
            "up_seconds": round(time.time() - self.started, 1),
            "processes": len(node),
            "channels": len(answer.channels),
            "messages_sent": node.messages_sent,
            "restarts": sum(counted.restarts.values()),
            "gave_up": sum(counted.gave_up.values()),
            "crash_dossiers": node.dossiers.total,
            "run_queue": len(node.scheduler.ready),
        }

    def _find(self, request: dict[str, Any]) -> Pid:
        wanted = str(request.get("process", ""))
        for cell in self.node.processes():
            if str(cell.pid) == wanted or wanted in map(str, cell.names or ()):
                return cell.pid
        # A serial number or the end of a name is enough where it fits one process only.
        fits = [
            cell.pid
            for cell in self.node.processes()
            if str(cell.pid.serial) == wanted or (wanted and any(name.key == wanted for name in cell.names or ()))
        ]
        services = [pid for pid in fits if pid.cell is not None and not isinstance(pid.cell.actor, Supervisor)]
        if len(fits) == 1 or len(services) == 1:
            return (services or fits)[0]
        raise CommandError(
            f"{len(fits)} processes are called {wanted!r}" if fits else f"no process is called {wanted!r}"
        )

    def _kill(self, request: dict[str, Any]) -> dict[str, Any]:
        pid = self._find(request)
        cell = self.node.find(pid)
        label = cell.label if cell is not None else ""
        self.log.warning("audit", operation="kill", by="control socket", target=str(pid), target_name=label)
        self.node.exit(pid, "kill", self.pid)
        return {"killed": str(pid), "name": label}

    async def _explain(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = str(request.get("process", ""))
        dossier = next((dossier for dossier in self.node.dossiers if str(dossier.pid) == wanted), None)
        if dossier is not None:
            return {"supervisor": str(dossier.parent), "explanation": dossier.as_dict()}
        pid = self._find(request)
        cell = self.node.find(pid)
        supervisor = self.node.find(cell.parent) if cell is not None else None
        if supervisor is None or not isinstance(supervisor.actor, Supervisor):
            raise CommandError(f"{wanted} has no supervisor")
        found = await explain(self, supervisor.pid, pid)
        return {
            "supervisor": supervisor.label,
            "process": str(pid),
            "history": [self._entry(entry) for entry in found.entries],
        }

    def _entry(self, entry: HistoryEntry) -> dict[str, Any]:
        dossier = self.node.dossiers.find(entry.dossier) if entry.dossier is not None else None
        return entry_of(entry) | ({"sent_by": dossier.by} if dossier is not None and dossier.by else {})

    async def _cdrs(self, call_ids: list[str]) -> list[dict[str, Any]]:
        """The records of these legs, of whichever account and of this month or the last."""
        store = StoreClient(self)
        this = Month.at(self.node.clock.time())
        months = {this, this.previous}
        found: list[dict[str, Any]] = []
        for db in await store.databases("account/"):
            month = month_of_db(db)
            if month in months:
                docs = await store.get_many(db, [month_id(month, call_id) for call_id in call_ids])
                found += [public(doc) for doc in docs if doc is not None]
        return found

    async def _simulator(self, request: dict[str, Any]) -> Any:
        switch = str(request.get("switch", ""))
        command = orjson.dumps(request.get("request", {})).decode()
        answer = await self.call(switch_name(switch), SwitchApi(f"simulator {command}"))
        if not isinstance(answer, str) or not answer.startswith("+OK"):
            raise CommandError(f"switch {switch!r}: {getattr(answer, 'text', None) or answer}")
        return orjson.loads(answer.removeprefix("+OK").strip() or "{}")


def _clear(path: Path) -> None:
    """Make room for the socket: a node that was killed leaves its file behind."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)


async def _write(writer: asyncio.StreamWriter, answer: Any) -> None:
    writer.write(orjson.dumps(answer, default=str, option=orjson.OPT_NON_STR_KEYS) + b"\n")
    await writer.drain()


def _plain(value: Any) -> Any:
    """A message as JSON, field by field."""
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is not None:
        return {name: _plain(getattr(value, name)) for name in fields}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
