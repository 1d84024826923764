"""What must hold between settings that are each fine alone."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mirliton.config.errors import SettingProblem
from mirliton.config.settings import Settings

SHORTEST_COOKIE: Final = 16
LONGEST_NODE_NAME: Final = 255
"""Characters: what a frame between nodes has room for."""
"""Characters: who sees what nodes say can try short ones out."""
MAX_SOCKET_PATH: Final = 107
"""Bytes of a Unix socket's path that Linux can bind (sun_path, less its final zero)."""

_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 (compared with, not bound to)


def inconsistencies(settings: Settings, source: str) -> tuple[SettingProblem, ...]:
    """All that does not fit together in `settings`; `source` is what the problems name as their place."""
    return tuple(
        SettingProblem(source, key, expectation, value)
        for key, expectation, value in itertools.chain(
            _ports(settings),
            _switches(settings),
            _cluster(settings),
            _zones(settings),
            _receiver(settings),
            _paths(settings),
            _database(settings),
            _brokers(settings),
            _times(settings),
        )
    )


_Problem = tuple[str, str, str | None]


def _ports(settings: Settings) -> Iterator[_Problem]:
    listeners = [("api", settings.api.host, settings.api.port)]
    if settings.metrics.enabled:
        listeners.append(("metrics", settings.metrics.host, settings.metrics.port))
    if settings.leg_records.enabled:
        listeners.append(("leg_records", settings.leg_records.host, settings.leg_records.port))
    if settings.simulator.enabled:
        listeners.append(("simulator", settings.simulator.host, settings.simulator.port))
    for (first, its_host, its_port), (second, host, port) in itertools.combinations(listeners, 2):
        if port and port == its_port and (host == its_host or not _EVERYWHERE.isdisjoint({host, its_host})):
            yield f"{second}.port", f"must differ from {first}.port", str(port)


def _switches(settings: Settings) -> Iterator[_Problem]:
    switches = settings.all_switches
    for index, switch in enumerate(settings.switches):
        if not switch.name:
            yield f"switches.{index}.name", "must be given", None
        if not switch.password:
            # FreeSWITCH takes an empty password for the well-known one, so none is ever meant.
            yield f"switches.{index}.password", "must not be empty", None
        for other in switches[index + 1 :]:
            if other.name == switch.name:
                yield f"switches.{index}.name", "must be different for each switch", repr(switch.name)
            if (other.host, other.port) == (switch.host, switch.port):
                also = " (set simulator.enabled = false)" if other is switches[-1] else ""
                expectation = f"must not be the address of {other.name} too{also}"
                yield f"switches.{index}", expectation, f"{switch.host}:{switch.port}"


def _cluster(settings: Settings) -> Iterator[_Problem]:
    amqp = settings.amqp
    if settings.node.apps and not amqp.uri:
        yield "amqp.uri", "must be given where node.apps names a part of all: the other parts are elsewhere", None
    cookies = [("amqp.cookie", amqp.cookie)] if amqp.uri else []
    if amqp.old_cookie:
        cookies.append(("amqp.old_cookie", amqp.old_cookie))
    for key, cookie in cookies:
        if len(cookie.reveal()) < SHORTEST_COOKIE:
            found = f"{len(cookie.reveal())} characters" if cookie else None
            yield key, f"must be the secret of all nodes of the cluster, {SHORTEST_COOKIE} characters or more", found
    if amqp.old_cookie and amqp.old_cookie == amqp.cookie:
        yield "amqp.old_cookie", "must differ from amqp.cookie", None
    for key, path in (("amqp.cafile", amqp.cafile), ("amqp.certfile", amqp.certfile), ("amqp.keyfile", amqp.keyfile)):
        if path and not Path(path).is_file():
            yield key, "must be a file", repr(path)
    if amqp.keyfile and not amqp.certfile:
        yield "amqp.certfile", "must be given when amqp.keyfile is", None
    if (amqp.cafile or amqp.certfile) and any(not uri.startswith("amqps:") for uri in amqp.all_uris):
        yield "amqp.uri", "must begin with amqps:// where there are certificates", None


def _zones(settings: Settings) -> Iterator[_Problem]:
    zones = settings.zones
    if not zones.name and zones.others:
        yield "zones.name", "must be given when zones.others is", None
    if zones.name and not settings.amqp.uri:
        yield "amqp.uri", "must be given when zones.name is: it is the broker of that zone", None
    if zones.name in zones.all_others:
        yield "zones.others", "must not name the zone of the node itself", zones.name
    if len(settings.node_name) > LONGEST_NODE_NAME:
        yield "node.name", f"must be {LONGEST_NODE_NAME} characters with its zone at most", settings.node_name


def _receiver(settings: Settings) -> Iterator[_Problem]:
    receiver = settings.leg_records
    if receiver.enabled and not receiver.password and not _is_loopback(receiver.host):
        yield "leg_records.password", "must be given when leg_records.host is not a loopback address", None
    for section, path in (("leg_records", receiver.path), ("xml_curl", settings.xml_curl.path)):
        if path.partition("/media")[0] == "" and path.removeprefix("/media")[:1] in ("", "/"):
            yield f"{section}.path", "must not be below /media, where media are", repr(path)
    if settings.xml_curl.path == receiver.path:
        yield "xml_curl.path", "must differ from leg_records.path", repr(receiver.path)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _paths(settings: Settings) -> Iterator[_Problem]:
    socket = settings.control_socket.absolute()
    if len(bytes(socket)) > MAX_SOCKET_PATH:
        yield "control.socket", f"must come to at most {MAX_SOCKET_PATH} bytes as a full path", repr(str(socket))
    for key, path in (("control.socket", settings.control.socket), ("store.path", settings.store.path)):
        if path == Path():
            yield key, "must name a file", repr(str(path))
    if settings.store_path == settings.control_socket:
        yield "store.path", "must differ from control.socket", repr(str(settings.store.path))


def _database(settings: Settings) -> Iterator[_Problem]:
    for url in settings.store.all_urls:
        try:
            wrong = urlsplit(url).port == 0
        except ValueError:
            wrong = True
        if wrong:
            yield "store.urls", "must have ports from 1 to 65535", repr(url)
    if settings.store.password and not settings.store.user:
        yield "store.user", "must be given when store.password is", None


def _brokers(settings: Settings) -> Iterator[_Problem]:
    edge = settings.edge
    for number, uri in enumerate(edge.all_uris, 1):
        try:
            parts = urlsplit(uri)
            usable = parts.scheme in ("amqp", "amqps") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            # It is not repeated: there may be a password in it.
            yield (
                "edge.amqp_uri",
                "must be amqp(s)://user:password@host:port, or several with spaces between",
                f"no. {number}",
            )
    if edge.reconnect_first > edge.reconnect_most:
        yield "edge.reconnect_first", "must not exceed edge.reconnect_most", f"{edge.reconnect_first:g}"


def _times(settings: Settings) -> Iterator[_Problem]:
    node, timeouts = settings.node, settings.timeouts
    if node.heartbeat_interval * 2 > node.stall_timeout:
        expectation = "must be at least twice node.heartbeat_interval"
        yield "node.stall_timeout", expectation, f"{node.stall_timeout:g}"
    if node.stalled_handler < node.slow_handler:
        expectation = "must not be below node.slow_handler"
        yield "node.stalled_handler", expectation, f"{node.stalled_handler:g}"
    if settings.amqp.uri and settings.entities.lease >= settings.amqp.heartbeat:
        # The broker gives the shards of a silent node to another after one heartbeat at the earliest.
        expectation = "must be below amqp.heartbeat"
        yield "entities.lease", expectation, f"{settings.entities.lease:g}"
    if timeouts.switch_reconnect_first > timeouts.switch_reconnect_most:
        expectation = "must not exceed timeouts.switch_reconnect_most"
        yield "timeouts.switch_reconnect_first", expectation, f"{timeouts.switch_reconnect_first:g}"
