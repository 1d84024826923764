"""A forked child: from a copy of the parent to the program, and how the program's end is told."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import traceback
from collections.abc import Iterable
from typing import Final, NoReturn

from mirliton.supervisors import node_signals
from mirliton.supervisors.node_equipment import CannotEquip, equip
from mirliton.supervisors.node_heartbeat import Heartbeat
from mirliton.supervisors.programs import Main, Program

# prctl(2), linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_LIBC: Final = ctypes.CDLL(None, use_errno=True)

_OOM_SCORE: Final = 200

# systemd's, and meant for the parent: a node that answered them would speak in its name.
_NOT_INHERITED: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


def run_child(
    program: Program, main: Main, heartbeat: Heartbeat, *, parent: int, stacks: int, close: Iterable[int]
) -> NoReturn:
    """Become `program`; never returns. Called right after the fork, with the handled signals held back.

    `parent` is the parent's process id, `stacks` the file that gets all threads' stacks when the process dies
    of a fault or of SIGABRT, `close` the parent's own file descriptors. When `main` is done the process ends
    at once: the parent's `finally` blocks and atexit handlers, of which this is a copy, do not run.
    """
    status = 1
    try:
        _detach(program, parent, stacks, close)
        status = _run(program, main, heartbeat)
        status = _flushed(status)
    finally:
        os._exit(status)


def _run(program: Program, main: Main, heartbeat: Heartbeat) -> int:
    try:
        equip(program)
        return _exit_status(main(heartbeat, *program.args))
    except CannotEquip as error:
        sys.stderr.write(f"{program.name}: {error}\n")
        return error.status
    except SystemExit as exit_:
        return _exit_status(exit_.code)
    except BaseException:  # noqa: BLE001 - the outermost frame of a process: whatever came up here is its crash
        traceback.print_exc()
        return 1


def _detach(program: Program, parent: int, stacks: int, close: Iterable[int]) -> None:
    # A session of its own: Ctrl-C and a closed terminal reach only the parent, which then stops the nodes in
    # order; and whatever the program starts shares its process group and can be cleared away with it.
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)  # the parent died before the line above, so nobody will send that signal
    for fd in close:
        os.close(fd)
    # A SIGHUP for the log waits until there is somebody to take it: its default action would end the process.
    node_signals.back_to_default(blocked=() if program.log is None else (signal.SIGHUP,))
    faulthandler.enable(file=stacks, all_threads=True)
    _prctl(_PR_SET_NAME, ctypes.c_char_p(program.name.encode()))
    with open(os.devnull) as null:  # noqa: PTH123 - a device, not a path
        os.dup2(null.fileno(), 0)
    _prefer_for_oom()
    for name in _NOT_INHERITED:
        os.environ.pop(name, None)
    os.environ.update(program.env)


def _prctl(option: int, argument: ctypes.c_ulong | ctypes.c_char_p) -> None:
    unused = ctypes.c_ulong(0)
    if _LIBC.prctl(option, argument, unused, unused, unused) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def _prefer_for_oom() -> None:
    """When memory runs out the kernel should end one node, which comes back, and not the parent of all."""
    try:
        with open("/proc/self/oom_score_adj", "r+") as file:  # noqa: PTH123 - read and written in place
            score = min(1000, int(file.read()) + _OOM_SCORE)
            file.seek(0)
            file.write(str(score))
    except OSError as error:
        sys.stderr.write(f"cannot make this process the kernel's first choice when memory runs out: {error}\n")


def _exit_status(result: object) -> int:
    """As Python reads sys.exit's argument: None is success, an int the status, all else a complaint."""
    if result is None:
        return 0
    if isinstance(result, int):
        return result & 0xFF
    sys.stderr.write(f"{result}\n")
    return 1


def _flushed(status: int) -> int:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            status = status or 1  # its last words could not be written, and there is nowhere else to say so
    return status
