"""Chaos of OS processes, connections and services, asked for over the API: what a node must not do itself, it has done.

A node that kills its own OS process could not report it. So each run is an OS process of its own (cli/chaos_job.py), of
which this server keeps nothing but a folder: after a restart, of the server or of its node, the run goes on and the
report is found. One run at a time is under way on a node.

What a plan over the API may trouble is said by a file of the operator's, the setting `chaos.outside`:

    host = "/etc/mirliton/host.toml"        # whose programs; without it those beside this node
    [proxies]
    broker = "/run/mirliton/broker-proxy.sock"
    [services.broker]
    restart = ["systemctl", "restart", "rabbitmq-server"]

It is read anew at each run. A plan names what is there; one that brings proxies or commands along is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from mirliton.runtime import Completed, From, GenServer, Local, Name, Node, NoProc, NoReply, Reply
from mirliton.supervisors.chaos import ChaosFault, ChaosRefused, Plan, PlanError, load_data, read_plan
from mirliton.supervisors.chaos.errors import Problem
from mirliton.supervisors.chaos.server import strikes_of

OUTSIDE: Final = Name("chaos", "outside")
ANSWER_TIMEOUT: Final = 28.0
STARTS_WITHIN: Final = 25.0
"""Seconds that who asks waits for the OS process to begin (an interpreter on a busy machine is slow to start), or for
a dry run."""
LOOK: Final = 0.05
HITS_SHOWN: Final = 1_000
"""Hits of the last run that its status tells."""
ALLOWED: Final = frozenset({"host", "proxies", "services"})
JOB: Final = "from mirliton.api.cli.chaos_job import main; main()"


class Begin(Local):
    """Carry a plan out, given as plain data, or with `dry_run` tell what it would hit."""

    __slots__ = ("by", "dry_run", "plan", "repeat", "seed")

    def __init__(self, plan: Any, seed: int | None, repeat: Any, by: str, *, dry_run: bool) -> None:
        self.plan = plan
        self.seed = seed
        self.repeat = repeat
        self.by = by
        self.dry_run = dry_run


class GetStatus(Local):
    """Tell of the run under way, and of the last one."""

    __slots__ = ()


class Halt(Local):
    """Stop the run under way."""

    __slots__ = ("by",)

    def __init__(self, by: str) -> None:
        self.by = by


class OutsideChaos(GenServer):
    """Under OUTSIDE, where the setting `chaos.outside` names a file. `folder` is where runs are kept, 0700;
    `control_socket` is this node's own."""

    def init(self, allowed: str, folder: str, control_socket: str) -> None:
        self.allowed = Path(allowed)
        self.folder = Path(folder)
        self.control_socket = str(Path(control_socket).absolute())
        self.starting = False
        self.previews = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def state(self) -> Any:
        return {"allowed": str(self.allowed), "folder": str(self.folder)}

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case Begin():
                self.background(self._told(request), sender)
                return NoReply()
            case GetStatus():
                return Reply(self._status())
            case Halt(by=by):
                return Reply(self._halt(by))
        return super().handle_call(request, sender)

    def handle_info(self, message: Any) -> None:
        match message:
            case Completed(tag=From() as sender, value=value, error=None):
                self.reply(sender, value)
            case Completed(tag=From(), error=error):
                self.log.error("chaos_outside_failed", error=str(error))
            case _:
                super().handle_info(message)

    # A run

    async def _told(self, request: Begin) -> dict[str, Any]:
        try:
            return await self._begin(request)
        except PlanError as error:
            return {"problems": [[problem.where, problem.expected] for problem in error.problems]}
        except (ChaosFault, OSError) as error:
            return {"refused": str(error)}

    async def _begin(self, request: Begin) -> dict[str, Any]:
        host, plan, data = self._plan(request.plan)
        if request.repeat is not None:
            strikes_of(request.repeat, plan)
        job = {
            "plan": data,
            "seed": request.seed,
            "repeat": request.repeat,
            "dry_run": request.dry_run,
            "host": host,
            "control_socket": self.control_socket,
        }
        if request.dry_run:
            self.previews += 1
            folder = self.folder / f"preview-{self.previews}"
            try:
                return await self._carry_out(folder, job, until="report.json")
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        if self.starting or self._is_running():
            raise ChaosRefused("a run is under way: stop it first")
        self.starting = True
        try:
            self.log.warning("audit", operation="chaos_outside", by=request.by, plan=plan.name, seed=request.seed)
            return await self._carry_out(self.folder / "run", job, until="progress.json")
        finally:
            self.starting = False

    def _plan(self, data: Any) -> tuple[str, Plan, dict[str, Any]]:
        """What is meant, with what the operator allows. Raises PlanError, ChaosRefused."""
        if not isinstance(data, Mapping):
            raise PlanError([Problem("", "the plan must be a table")])
        if brought := sorted({"proxies", "services"} & data.keys()):
            raise ChaosRefused(f"{' and '.join(brought)} are the operator's to name, in the file of chaos.outside")
        allowed = load_data(self.allowed)
        if unknown := sorted(allowed.keys() - ALLOWED):
            raise ChaosRefused(f"the file of chaos.outside has {unknown[0]!r}: it is for {', '.join(sorted(ALLOWED))}")
        host = allowed.pop("host", "")
        if not isinstance(host, str):
            raise ChaosRefused("host in the file of chaos.outside must be the path of a host file")
        whole = {**data, **allowed}
        plan = read_plan(whole)
        if "processes" in plan.whats:
            raise ChaosRefused("a plan of a node's processes is carried out by the node: supervision/chaos")
        return host, plan, whole

    async def _carry_out(self, folder: Path, job: Mapping[str, Any], *, until: str) -> dict[str, Any]:
        """Start it, and wait for a file of its own. Raises ChaosRefused with what hindered it."""
        self.process = process = _start(folder, job)
        ends = self.node.clock.now() + STARTS_WITHIN
        while True:
            ended = process.poll() is not None
            if found := _read(folder / until):
                return found
            if ended:
                raise ChaosRefused(_read(folder / "fault.json").get("why") or f"it ended at once: see {folder / 'log'}")
            if self.node.clock.now() >= ends and not job["dry_run"]:
                return {"state": "starting"}
            if self.node.clock.now() >= ends:
                process.terminate()
                raise ChaosRefused(f"the dry run was not done within {STARTS_WITHIN:g} s")
            await asyncio.sleep(LOOK)

    def _is_running(self) -> bool:
        try:
            with (self.folder / "run" / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def _status(self) -> dict[str, Any]:
        if self.process is not None:
            self.process.poll()  # so that it is no zombie
        run = self.folder / "run"
        running = (_read(run / "progress.json") or {"state": "starting"}) if self._is_running() else None
        report = _read(run / "report.json") or _read(run / "fault.json")
        if not report and running is None and (run / "job.json").exists():
            report = {"why": f"it ended without a report: see {run / 'log'}"}
        if "hits" in report:
            report["hits_not_shown"] = max(0, len(report["hits"]) - HITS_SHOWN)
            report["hits"] = report["hits"][:HITS_SHOWN]
        return {"running": running, "last": report or None}

    def _halt(self, by: str) -> dict[str, Any]:
        pid = _read(self.folder / "run" / "pid.json").get("pid")
        # While it holds the lock the pid is its own.
        if not self._is_running() or not isinstance(pid, int):
            return {"refused": "no run is under way"}
        self.log.warning("audit", operation="chaos_outside_stop", by=by)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        return _read(self.folder / "run" / "progress.json") or {"state": "starting"}


def _start(folder: Path, job: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    (folder / "job.json").write_bytes(orjson.dumps(job))
    with (folder / "log").open("wb") as log, (folder / "lock").open("wb") as lock:
        # It inherits the lock, and so has it from the beginning until its end.
        fcntl.flock(lock, fcntl.LOCK_EX)
        # A session of its own: what ends the node does not end it.
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", JOB, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[lock.fileno()],
            start_new_session=True,
        )
    (folder / "pid.json").write_bytes(orjson.dumps({"pid": process.pid}))
    return process


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return content


async def ask_outside(node: Node, request: Local) -> dict[str, Any]:
    """What the server answers. Raises PlanError, ChaosRefused, CallError."""
    try:
        answer: dict[str, Any] = await node.call(OUTSIDE, request, ANSWER_TIMEOUT)
    except NoProc:
        raise OutsideOff from None
    if "problems" in answer:
        raise PlanError(Problem(*problem) for problem in answer["problems"])
    if "refused" in answer:
        raise ChaosRefused(answer["refused"])
    return answer


class OutsideOff(ChaosRefused):
    """Nothing outside of this node may be troubled over the API."""

    def __init__(self) -> None:
        super().__init__("chaos outside of nodes is off: the settings chaos.enabled and chaos.outside allow it")
