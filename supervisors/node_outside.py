"""What a parent has to do with the world outside: the host socket, systemd, and its log after a rotation."""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from pathlib import Path
from typing import TYPE_CHECKING, Any

from structlog.typing import FilteringBoundLogger

from mirliton.supervisors import node_desk
from mirliton.supervisors.node_control import HostSocket
from mirliton.supervisors.node_errors import HostSocketError
from mirliton.supervisors.node_notify import Notifier
from mirliton.supervisors.node_watch import Phase

if TYPE_CHECKING:
    from mirliton.supervisors.node_supervisor import NodeSupervisor


class Outside:
    """All of it is optional: no `control`, no socket; no NOTIFY_SOCKET, no notices; no `reopen`, no log to open."""

    def __init__(self, control: Path | None, reopen: Callable[[], None] | None, log: FilteringBoundLogger) -> None:
        self._path = control
        self._reopen = reopen
        self._log = log
        self._socket: HostSocket | None = None
        self._notifier = Notifier(log)

    def open(self, inherited: dict[str, Any] | None) -> None:
        """Take the host socket of the image before this one, or make one. Raises HostSocketError."""
        before = None if inherited is None else HostSocket.from_state(inherited)
        if before is not None and before.path == self._path:
            self._socket = before
            return
        try:
            self._socket = None if self._path is None else HostSocket.bind(self._path)
        except HostSocketError as error:
            if before is None:
                raise
            # The programs run; that they can be asked about at the old place only is no reason to end them.
            self._log.error("host_socket_not_moved", reason=str(error))
            self._socket = before
            return
        if before is not None:
            before.close()

    def close(self) -> None:
        """The parent is about to end."""
        if self._socket is not None:
            self._socket.close()

    @property
    def fds(self) -> tuple[int, ...]:
        """What a child must close, and a reload keep."""
        return () if self._socket is None else self._socket.fds

    @property
    def to_poll(self) -> tuple[int, ...]:
        """What is readable when somebody asks."""
        return () if self._socket is None else (self._socket.fileno(),)

    @property
    def deadline(self) -> float:
        """When systemd's watchdog wants to be fed."""
        return self._notifier.deadline

    @property
    def has_log(self) -> bool:
        """Whether SIGHUP means that the logs were rotated."""
        return self._reopen is not None

    def serve(self, supervisor: NodeSupervisor, happened: Container[int], now: float) -> None:
        """Answer those who ask."""
        if self._socket is not None and self._socket.fileno() in happened:
            for request, client in self._socket.requests():
                self._socket.answer(client, node_desk.answer(supervisor, request, now))

    def tell(self, supervisor: NodeSupervisor, now: float) -> None:
        """Tell systemd how things stand."""
        if not self._notifier.active:
            return
        status = node_desk.standing(supervisor.watches)
        if supervisor.stopping:
            self._notifier.tell(stopping=1, status=status)
        elif all(watch.was_ready or watch.phase is Phase.ENDED for watch in supervisor.watches):
            self._notifier.tell(mainpid=os.getpid(), ready=1, status=status)
        else:
            self._notifier.tell(status=status)
        self._notifier.keep_alive(now, well=not any(watch.unkillable for watch in supervisor.watches))

    def before_reload(self) -> dict[str, Any] | None:
        """Tell systemd; returns what the next image needs for `open`."""
        self._notifier.reloading()
        return None if self._socket is None else self._socket.to_state()

    def reopen_log(self) -> None:
        """After a rotation. One that cannot be opened leaves the old one in use."""
        if self._reopen is not None:
            try:
                self._reopen()
            except OSError as error:
                self._log.error("log_not_reopened", reason=str(error))
