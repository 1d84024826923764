"""One forked child as its parent sees it: a pidfd, a pipe each way, a file for its stacks."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path

from mirliton.supervisors import node_signals
from mirliton.supervisors.node_child import run_child
from mirliton.supervisors.node_errors import NotAloneError
from mirliton.supervisors.node_heartbeat import Heartbeat
from mirliton.supervisors.node_policy import Ending
from mirliton.supervisors.programs import Main, Program

_KIB = 1024
_STACKS_READ = 256 * 1024  # faulthandler writes at most 100 frames of 100 threads


class NodeProcess:
    """A living (or not yet reaped) child. `stacks` lies in memory and outlives the child, however it dies."""

    def __init__(self, *, pid: int, pidfd: int, pipe: int, requests: int, stacks: int) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.pipe = pipe
        self.requests = requests
        self.stacks = stacks
        self.pipe_open = True

    @property
    def fds(self) -> tuple[int, int, int, int]:
        """All that the parent holds for it."""
        return self.pidfd, self.pipe, self.requests, self.stacks

    def hear(self) -> bytes:
        """What it said since the last time; b"" when there is nothing, or when its end is closed."""
        try:
            words = os.read(self.pipe, 65536)
        except BlockingIOError:
            return b""
        self.pipe_open = bool(words)
        return words

    def ask(self, word: bytes) -> None:
        """Write to its request pipe; whoever has closed it, or does not read it, is not asked."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self.requests, word)

    def memory(self) -> int:
        """Its resident and swapped memory in bytes; 0 for one that is dead, or cannot be looked at."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_bytes()
        except OSError:
            return 0
        lines = (line.split() for line in status.splitlines() if line.startswith((b"VmRSS:", b"VmSwap:")))
        return sum(int(line[1]) for line in lines) * _KIB

    def signal(self, number: int) -> None:
        """To this child, and to nobody who got its number later. One already dead is no error."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def reap(self, reason: str) -> Ending | None:
        """How it ended, or None while it lives; frees what it held. `reason`: why the parent ended it."""
        # What the program started and left behind (its process group) would keep its ports and files. While
        # the child is unreaped its number, and so the group's, cannot be taken by anybody else.
        if os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        with contextlib.suppress(ProcessLookupError, PermissionError):  # no such group; or it changed its user
            os.killpg(self.pid, signal.SIGKILL)
        result = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
        assert result is not None, "waitid without WNOHANG returns when the child has ended"
        for fd in (self.pidfd, self.pipe, self.requests):
            os.close(fd)
        if result.si_code == os.CLD_EXITED:
            return Ending(status=result.si_status, reason=reason)
        return Ending(signal=result.si_status, reason=reason)

    def take_stacks(self) -> str:
        """What faulthandler wrote while it died, once; "" for a death without a fault."""
        text = os.pread(self.stacks, _STACKS_READ, 0).decode(errors="replace")
        os.close(self.stacks)
        return text

    def to_state(self) -> dict[str, int]:
        """For a parent that executes itself anew: the numbers are all it needs to find its child again."""
        return {
            "pid": self.pid,
            "pidfd": self.pidfd,
            "pipe": self.pipe,
            "requests": self.requests,
            "stacks": self.stacks,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, int]) -> NodeProcess:
        """The reverse of to_state, in the new image of the same process."""
        process = cls(**state)
        for fd in process.fds:
            os.set_inheritable(fd, False)
        return process


def fork(program: Program, main: Main, *, incarnation: int, previous: str, close: Iterable[int]) -> NodeProcess:
    """Start `program` as a child of this process; `close` are the descriptors that the child must not keep.

    Raises NotAloneError when this process has several threads, OSError when the system refuses.
    """
    threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    if threads != 1:
        raise NotAloneError(threads)
    with contextlib.ExitStack() as undo:
        failed = undo.enter_context(contextlib.ExitStack())
        pipe, child_end = os.pipe()
        undo.callback(os.close, child_end)
        failed.callback(os.close, pipe)
        child_requests, requests = os.pipe()
        undo.callback(os.close, child_requests)
        failed.callback(os.close, requests)
        stacks = os.memfd_create(f"stacks of {program.name}")
        failed.callback(os.close, stacks)
        for fd in (pipe, child_end, requests, child_requests):
            os.set_blocking(fd, False)
        parent = os.getpid()
        with node_signals.held_back():
            pid = os.fork()
            if pid == 0:
                heartbeat = Heartbeat(
                    child_end,
                    program.interval,
                    program=program.name,
                    incarnation=incarnation,
                    previous=previous,
                    requests=child_requests,
                )
                run_child(program, main, heartbeat, parent=parent, stacks=stacks, close=(pipe, requests, *close))
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        failed.pop_all()
    return NodeProcess(pid=pid, pidfd=pidfd, pipe=pipe, requests=requests, stacks=stacks)
