"""The whole node as one supervision tree, made from the settings.

    mirliton (one_for_one)
    ├── store            the document store
    ├── account_keeping  accounts, each an actor
    ├── cdr              records of ended legs
    ├── callflow         where calls go
    ├── ecallmgr         the switches and their calls
    ├── metrics          Prometheus
    ├── api              REST
    └── control          the command line's socket

Five restarts in ten seconds are more than any part needs when it fails by chance; a part that fails for a cause takes
the node with it, and the node supervisor, which has rules of its own, starts the node anew. The calls stay on the
switch all the while.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from mirliton.actors import account
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.api.app import children as api_children
from mirliton.api.cli.control import CONTROL, ControlServer
from mirliton.config import Settings
from mirliton.ecallmgr import app as ecallmgr
from mirliton.ecallmgr.connection import SwitchAddress
from mirliton.ecallmgr.switch_http import Media, SwitchHttpAddress
from mirliton.ecallmgr.translate import Surroundings
from mirliton.runtime import Name
from mirliton.supervisors import Tree, supervisor, worker
from mirliton.whapps.callflow import app as callflow
from mirliton.whapps.cdr import app as cdr

ROOT = Name("supervisor", "mirliton")


def tree(settings: Settings) -> Tree:
    """The tree. Reads (and makes, where there is none) the secret that signs media URLs."""
    secret = kept_secret(settings.node.state_dir / "media.secret")
    records = settings.leg_records
    media = Media(f"http://{records.host}:{records.port}", secret)
    return Tree(
        "one_for_one",
        [
            worker(StoreServer, str(settings.store_path), id="store", name=STORE, keep_mail=True, shutdown=10.0),
            supervisor(account.tree()),
            supervisor(cdr.tree()),
            supervisor(callflow.tree(media)),
            supervisor(ecallmgr.tree(switches(settings), surroundings(settings), http(settings, secret))),
            *api_children(settings),
            worker(ControlServer, str(settings.control_socket), ROOT, id="control", name=CONTROL),
        ],
        intensity=5,
        period=10.0,
        name=ROOT,
    )


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
