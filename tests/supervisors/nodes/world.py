"""A node supervisor with small programs that misbehave when told to; the tests run this file as a process.

    python world.py '{"programs": [{"name": "a", "main": "world:node"}], "intensity": 5, ...}'

`node` obeys signals: SIGUSR1 holds its event loop, SIGUSR2 makes it fault in C, SIGWINCH ends it without a word.
"""

import asyncio
import ctypes
import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

from mirliton.supervisors.backoff import Backoff
from mirliton.supervisors.node_heartbeat import Heartbeat
from mirliton.supervisors.node_supervisor import NodeSupervisor
from mirliton.supervisors.program_limits import MIB, Memory, RestartLimits
from mirliton.supervisors.programs import Program

FAR_AWAY = 3600.0


def node(heartbeat: Heartbeat, *words: str) -> int:
    return asyncio.run(_serve(heartbeat, words))


async def _serve(heartbeat: Heartbeat, words: tuple[str, ...]) -> int:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGUSR1, hold_the_loop)
    loop.add_signal_handler(signal.SIGUSR2, ctypes.string_at, 0)
    loop.add_signal_handler(signal.SIGWINCH, os._exit, 7)
    heartbeat.start()
    say(f"{heartbeat.program} up", heartbeat.incarnation, heartbeat.previous or "-", *words)
    heartbeat.ready()
    await ended.wait()
    heartbeat.leaving()
    say(f"{heartbeat.program} down")
    return 0


def hold_the_loop() -> None:
    time.sleep(FAR_AWAY)


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())  # whole: several processes write to one pipe


def deaf(heartbeat: Heartbeat) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    heartbeat.ready()
    time.sleep(FAR_AWAY)


def never_ready(heartbeat: Heartbeat) -> None:
    time.sleep(FAR_AWAY)


def never_beats(heartbeat: Heartbeat) -> None:
    heartbeat.ready()
    time.sleep(FAR_AWAY)


def hangs_up(heartbeat: Heartbeat) -> int:
    """Ready, and then without its end of the pipe, as a program is that closes all descriptors it does not know."""
    heartbeat.ready()
    os.closerange(3, 256)
    return node(Heartbeat.unwatched(heartbeat.program))


def node_that_waits(heartbeat: Heartbeat) -> int:
    """When asked to end it waits for SIGUSR1."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGUSR1))
    heartbeat.ready()
    signal.sigwait((signal.SIGTERM,))
    say(f"{heartbeat.program} waits")
    signal.sigwait((signal.SIGUSR1,))
    return 0


def leaves_slowly(heartbeat: Heartbeat) -> None:
    heartbeat.ready()
    heartbeat.leaving()
    time.sleep(FAR_AWAY)


def ends(heartbeat: Heartbeat, status: int, ready: bool = True) -> int:
    if ready:
        heartbeat.ready()
    return status


def raises(heartbeat: Heartbeat) -> None:
    heartbeat.ready()
    raise LookupError("no such switch")


def complains(heartbeat: Heartbeat) -> None:
    sys.exit("it cannot go on like this")


def ready_once(heartbeat: Heartbeat, status: int) -> int:
    """Ready and crashing the first time, refusing to start the second, a node from then on."""
    if heartbeat.incarnation == 2:
        return status
    if heartbeat.incarnation == 1:
        return ends(heartbeat, 1)
    return node(heartbeat)


def with_helper(heartbeat: Heartbeat) -> int:
    """Starts a process of its own that would outlive it."""
    helper = subprocess.Popen(["sleep", "60"])
    say("helper", helper.pid)
    return node(heartbeat)


def fails(heartbeat: Heartbeat, times: int) -> int:
    """Does not come up so many times, and then it does."""
    return 1 if heartbeat.incarnation <= times else node(heartbeat)


def only_once(heartbeat: Heartbeat) -> int:
    """Comes up the first time, and never again."""
    return node(heartbeat) if heartbeat.incarnation == 1 else 1


def grows(heartbeat: Heartbeat, size: int) -> int:
    """Its first incarnation takes so many MB; the later ones are modest."""
    hoard = bytearray(size * 2**20) if heartbeat.incarnation == 1 else bytearray()
    hoard[:: resource.getpagesize()] = b"x" * len(hoard[:: resource.getpagesize()])  # touched, or it is not there
    return node(heartbeat, str(len(hoard)))


def drains(heartbeat: Heartbeat) -> int:
    """When asked to drain it says so, and is done at SIGUSR1."""
    return asyncio.run(_serve_and_drain(heartbeat))


async def _serve_and_drain(heartbeat: Heartbeat) -> int:
    heartbeat.on_drain(lambda: say(f"{heartbeat.program} drains"))
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGUSR1, heartbeat.drained)
    loop.add_signal_handler(signal.SIGUSR2, hold_the_loop)
    heartbeat.start()
    heartbeat.ready()
    await ended.wait()
    say(f"{heartbeat.program} down")
    return 0


def shows_itself(heartbeat: Heartbeat) -> int:
    say("signals", *(signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))
    say("masked", sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
    say("wakeup", signal.set_wakeup_fd(-1))
    say("stdin", Path("/proc/self/fd/0").readlink())
    say("colour", os.environ.get("COLOUR"))
    say("systemd", os.environ.get("NOTIFY_SOCKET"), os.environ.get("WATCHDOG_USEC"))
    say("nice", os.getpriority(os.PRIO_PROCESS, 0))
    say("cpus", *sorted(os.sched_getaffinity(0)))
    say("comm", Path("/proc/self/comm").read_text().strip())
    return node(heartbeat)


def _build(settings: dict) -> NodeSupervisor:
    return NodeSupervisor(
        [_program(entry) for entry in settings["programs"]],
        intensity=settings.get("intensity", 5),
        period=settings.get("period", 30.0),
        backoff=Backoff(initial=0.01, maximum=0.05, calm=30.0),
        preload=settings.get("preload", ()),
        stacks=Path(settings["stacks"]) if "stacks" in settings else None,
        control=Path(settings["control"]) if "control" in settings else None,
        reopen=(lambda: say("reopened")) if settings.get("reopen") else None,
    )


def _program(entry: dict) -> Program:
    fields = {**entry, "args": tuple(entry.get("args", ())), "cpus": frozenset(entry.get("cpus", ()))}
    for name, kind in (("after", tuple), ("log", Path)):
        if name in fields:
            fields[name] = kind(fields[name])
    if "limits" in fields:
        intensity, period, initial, maximum = fields["limits"]
        fields["limits"] = RestartLimits(intensity, period, Backoff(initial=initial, maximum=maximum, calm=30.0))
    if "memory" in fields:
        fields["memory"] = Memory(*(bound * MIB for bound in fields["memory"]))
    return Program(**fields)


def main() -> int:
    settings = json.loads(sys.argv[1])
    if "settings" in settings:  # in a file, so that a test can change it before a reload
        settings = json.loads(Path(settings["settings"]).read_text())
    if settings.get("terminal"):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if settings.get("thread"):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    supervisor = _build(settings)
    if "spare_descriptors" in settings:
        used = len(list(Path("/proc/self/fd").iterdir())) - 1  # less the one that looks
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + settings["spare_descriptors"],) * 2)
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
