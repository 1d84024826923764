"""Every node tells every few seconds that it is alive, and what it has. Exchange nodes, a fanout. Kazoo: kapi_nodes."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Header, Number, TextMillis, Vars


@kapi("nodes.advertise", "nodes", "nodes", "")
class Advertise:
    """I am here, for `expires` seconds from now."""

    expires: TextMillis
    channels: Number | None = None
    conferences: Number | None = None
    globals: Vars = field(default_factory=dict)
    media_servers: Vars = field(default_factory=dict)
    node_info: Vars = field(default_factory=dict)
    ports: Vars = field(default_factory=dict)
    processes: Number | None = None
    registrations: Number | None = None
    used_memory: Number | None = None
    version: str | None = None
    whapps: Vars = field(default_factory=dict)
    zone: str | None = None
    md5: Annotated[str | None, Header("md5")] = None
    roles: Vars = field(default_factory=dict)
    """Of a SIP proxy: what it does, and for how many."""
    runtime_info: Vars = field(default_factory=dict)
    startup: Number | None = None
    """Seconds since 1970."""
