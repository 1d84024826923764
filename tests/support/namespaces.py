"""Hosts that are network namespaces of this one, on a network of their own, from which each can be cut off silently.

Needs root, and ip(8) of iproute2 with network namespaces.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

IP: Final = "ip"
TIMEOUT: Final = 10.0


def missing() -> str | None:
    """Why there can be no namespaces here."""
    if os.geteuid() != 0 or shutil.which(IP) is None:
        return "network namespaces need root and ip(8)"
    probe = f"mirliton{os.getpid()}probe"
    made = subprocess.run([IP, "netns", "add", probe], capture_output=True, timeout=TIMEOUT, check=False)
    if made.returncode != 0:
        return f"no network namespace can be made here: {made.stderr.decode().strip()}"
    _ip("netns", "del", probe)
    return None


@dataclass(frozen=True)
class Namespace:
    """One of them. `address` is reached from here and from the others, as long as it is not cut off."""

    name: str
    address: str
    port: str
    """Its plug in the switch of the network."""
    hub: str
    here: str
    """The address by which it reaches this host."""

    @property
    def prefix(self) -> tuple[str, ...]:
        """What runs a command in it."""
        return (IP, "netns", "exec", self.name)

    def cut(self) -> None:
        """From now on nothing comes or goes, and nobody is told, as when a cable is pulled somewhere further on."""
        _ip("-n", self.hub, "link", "set", self.port, "nomaster")

    def heal(self) -> None:
        _ip("-n", self.hub, "link", "set", self.port, "master", "switch")


@contextlib.contextmanager
def namespaces(count: int) -> Iterator[list[Namespace]]:
    """So many, which are gone after the block."""
    own = f"mirliton{os.getpid()}"
    net = f"10.213.{os.getpid() % 250 + 1}"
    hub, here = f"{own}hub", f"m{os.getpid()}"
    numbers = range(1, count + 1)
    found = [Namespace(f"{own}n{each}", f"{net}.{each}", f"port{each}", hub, f"{net}.254") for each in numbers]
    try:
        _ip("netns", "add", hub)
        _ip("-n", hub, "link", "add", "switch", "type", "bridge")
        _ip("-n", hub, "link", "set", "switch", "up")
        _ip("link", "add", here, "type", "veth", "peer", "name", "port0", "netns", hub)
        _ip("addr", "add", f"{net}.254/24", "dev", here)
        _ip("link", "set", here, "up")
        for each in found:
            _ip("netns", "add", each.name)
            _ip("-n", each.name, "link", "add", "eth0", "type", "veth", "peer", "name", each.port, "netns", hub)
            _ip("-n", each.name, "addr", "add", f"{each.address}/24", "dev", "eth0")
            for link in ("lo", "eth0"):
                _ip("-n", each.name, "link", "set", link, "up")
        for port in ("port0", *(each.port for each in found)):
            _ip("-n", hub, "link", "set", port, "master", "switch")
            _ip("-n", hub, "link", "set", port, "up")
        yield found
    finally:
        for name in (hub, *(each.name for each in found)):
            subprocess.run([IP, "netns", "del", name], capture_output=True, timeout=TIMEOUT, check=False)
        subprocess.run([IP, "link", "del", here], capture_output=True, timeout=TIMEOUT, check=False)


def _ip(*words: str) -> None:
    subprocess.run([IP, *words], check=True, capture_output=True, timeout=TIMEOUT)
