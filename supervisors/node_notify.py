"""What systemd is told: the sd_notify protocol (sd_notify(3)), datagrams of VARIABLE=value lines to one socket.

    READY=1       every program has been ready, or is down for good
    RELOADING=1   about to execute itself anew; READY=1 follows
    STOPPING=1    stopping in order
    STATUS=…      one line for `systemctl status`
    WATCHDOG=1    the parent's loop turns, and nothing is wrong that only a new parent could mend

Without NOTIFY_SOCKET in the environment nothing is sent.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Mapping

from structlog.typing import FilteringBoundLogger

# systemd recommends half of the bound; a third leaves room for one that is lost.
_PER_BOUND = 3.0


class Notifier:
    """Sends notices without ever waiting; one that cannot be sent is sent with the next."""

    def __init__(self, log: FilteringBoundLogger, environment: Mapping[str, str] | None = None) -> None:
        variables = os.environ if environment is None else environment
        self._log = log
        self._address = variables.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        self._unsent: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._failed = False
        self._interval = _watchdog_bound(variables) / _PER_BOUND
        self.deadline = 0.0 if math.isfinite(self._interval) and self._address else math.inf

    @property
    def active(self) -> bool:
        """Whether anybody listens."""
        return bool(self._address)

    def tell(self, **facts: object) -> None:
        """Send what has changed of `facts` since it was last sent; names in small letters."""
        if not self._address:
            return
        for name, value in facts.items():
            text = str(value).replace("\n", " ")
            if self._told.get(name) != text:
                self._unsent[name] = text
        if self._unsent and self._send("\n".join(f"{name.upper()}={text}" for name, text in self._unsent.items())):
            self._told |= self._unsent
            self._unsent.clear()

    def reloading(self) -> None:
        """Before the image is replaced; the new one tells that it is ready."""
        self._told.pop("ready", None)
        # Type=notify-reload wants the time of the notice with it.
        self.tell(reloading=1, monotonic_usec=time.monotonic_ns() // 1000)
        self._told.pop("reloading", None)

    def keep_alive(self, now: float, *, well: bool) -> None:
        """Called each turn of the loop: feeds the watchdog when it is time, unless something is wrong."""
        if now >= self.deadline:
            self.deadline = now + self._interval
            if well:
                self._send("WATCHDOG=1")

    def _send(self, text: str) -> bool:
        try:
            # Opened for each notice: a parent that holds no socket can lose none.
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.setblocking(False)
                line.sendto(text.encode(), self._address)
        except OSError as error:
            if not self._failed:
                self._log.warning("not_notified", address=self._address, reason=str(error))
            self._failed = True
            return False
        self._failed = False
        return True


def _watchdog_bound(variables: Mapping[str, str]) -> float:
    """Seconds after which systemd takes silence for a fault; infinity when it does not watch this very process."""
    if variables.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return math.inf
    text = variables.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isascii() and text.isdigit() and int(text) > 0 else math.inf
