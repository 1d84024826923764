"""The whole node as one supervision tree, made from the settings.

    mirliton (one_for_one)
    ├── store            the document store
    ├── account_keeping  accounts, each an actor
    ├── cdr              records of ended legs
    ├── callflow         where calls go
    ├── ecallmgr         the switches and their calls
    ├── metrics          Prometheus
    ├── api              REST
    ├── control          the command line's socket
    └── chaos            kills by plan; only with the setting chaos.enabled

Five restarts in ten seconds are more than any part needs when it fails by chance; a part that fails for a cause takes
the node with it, and the node supervisor, which has rules of its own, starts the node anew. The calls stay on the
switch all the while.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from mirliton.actors import account
from mirliton.actors.store import CouchAddress, CouchTuning
from mirliton.actors.store.metrics import StoreCollector
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import switch_name
from mirliton.api.app import children as api_children
from mirliton.api.cli.control import CONTROL, ControlServer
from mirliton.api.metrics import MakeCollector
from mirliton.config import Settings
from mirliton.ecallmgr import app as ecallmgr
from mirliton.ecallmgr.connection import SwitchAddress
from mirliton.ecallmgr.metrics import SwitchCollector
from mirliton.ecallmgr.switch_http import Media, SwitchHttpAddress
from mirliton.ecallmgr.translate import Surroundings
from mirliton.runtime import Name, Node
from mirliton.supervisors import Application, ChildSpec, Tree, supervisor, worker
from mirliton.supervisors.chaos import CHAOS, ChaosServer
from mirliton.whapps.callflow import app as callflow
from mirliton.whapps.callflow.metrics import CallflowCollector
from mirliton.whapps.cdr import app as cdr
from mirliton.whapps.cdr.metrics import CdrCollector

ROOT = Name("supervisor", "mirliton")
SWITCHES_WITHIN: Final = 5.0
"""Seconds that a switch may be away in a run of chaos that wants them connected."""


def tree(settings: Settings) -> Tree:
    """The tree. Reads (and makes, where there is none) the secret that signs media URLs."""
    secret = kept_secret(settings.node.state_dir / "media.secret")
    records = settings.leg_records
    media = Media(f"http://{records.host}:{records.port}", secret)
    return Tree(
        "one_for_one",
        [
            worker(StoreServer, store_place(settings), id="store", name=STORE, keep_mail=True, shutdown=10.0),
            supervisor(account.tree()),
            supervisor(cdr.tree()),
            supervisor(callflow.tree(media)),
            supervisor(ecallmgr.tree(switches(settings), surroundings(settings), http(settings, secret))),
            *api_children(settings, collectors=collectors(settings)),
            worker(ControlServer, str(settings.control_socket), ROOT, parts(media), id="control", name=CONTROL),
            *chaos_children(settings),
        ],
        intensity=5,
        period=10.0,
        name=ROOT,
    )


def store_place(settings: Settings) -> str | CouchAddress:
    """Where the store is: a file, or a CouchDB."""
    store = settings.store
    if store.backend == "sqlite":
        return str(settings.store_path)
    tuning = CouchTuning(timeout=settings.timeouts.store, pool=store.pool)
    return CouchAddress(store.all_urls, store.user, store.password, tuning)


def parts(media: Media) -> tuple[Application, ...]:
    """What `mirliton upgrade` can replace in a running node: the whapps."""
    version = importlib.metadata.version("mirliton")
    return (
        Application("callflow", lambda _: callflow.tree(media), version=version, modules=("mirliton.whapps.callflow",)),
        Application("cdr", lambda _: cdr.tree(), version=version, modules=("mirliton.whapps.cdr",)),
    )


def chaos_children(settings: Settings) -> list[ChildSpec]:
    """What carries out plans of chaos, where it is allowed; and what they may name as invariants."""
    if not settings.chaos.enabled:
        return []
    names = [switch.name for switch in settings.all_switches]
    return [worker(ChaosServer, {"switches": partial(switches_connected, names)}, id="chaos", name=CHAOS)]


async def switches_connected(names: Sequence[str], node: Node) -> None:
    """Raise unless each of the switches is connected, or soon is again."""
    until = node.clock.now() + SWITCHES_WITHIN
    while away := [name for name in names if not _is_connected(node, name)]:
        if node.clock.now() >= until:
            raise ConnectionError(f"not connected for {SWITCHES_WITHIN:g} s: {', '.join(away)}")
        await asyncio.sleep(0.05)


def _is_connected(node: Node, switch: str) -> bool:
    cell = node.find(switch_name(switch))
    return cell is not None and getattr(cell.actor, "sockets", None) is not None


def collectors(settings: Settings) -> tuple[MakeCollector, ...]:
    """What is told to Prometheus beyond the runtime, the supervisors and the API."""
    names = tuple(switch.name for switch in settings.all_switches)
    return (StoreCollector, CdrCollector, CallflowCollector, partial(SwitchCollector, switches=names))


def switches(settings: Settings) -> list[SwitchAddress]:
    """The switches to connect to."""
    times = settings.timeouts
    return [
        SwitchAddress(
            switch.name,
            switch.host,
            switch.port,
            switch.password.reveal(),
            connect_timeout=times.switch_connect,
            command_timeout=times.switch_command,
            silence=times.switch_silence,
            reconnect_first=times.switch_reconnect_first,
            reconnect_most=times.switch_reconnect_most,
            event_backlog=settings.limits.event_backlog,
        )
        for switch in settings.all_switches
    ]


def surroundings(settings: Settings) -> Surroundings:
    """What translating commands needs to know of the switches."""
    own = settings.ecallmgr
    return Surroundings(own.freeswitch_context, own.sip_interface, own.default_ringback)


def http(settings: Settings, secret: bytes) -> SwitchHttpAddress | None:
    """Where switches post leg records and fetch media."""
    records = settings.leg_records
    if not records.enabled:
        return None
    return SwitchHttpAddress(
        records.host,
        records.port,
        records.path,
        records.username,
        records.password.reveal(),
        secret,
        records.max_body,
    )


def kept_secret(path: Path) -> bytes:
    """A random secret in a file that only its owner reads, made when there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        secret = secrets.token_bytes(32)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(secret)
        return secret
