"""The whole node as one supervision tree, made from the settings.

    mirliton (one_for_one)
    ├── store            the document store
    ├── store_follower   what others change in it
    ├── entity_keeping   accounts, ledgers, conferences, queues and agents
    ├── cdr              records of ended legs
    ├── callflow         where calls go
    ├── stepswitch       carriers
    ├── teletype         mails
    ├── media_mgr        where media are
    ├── ecallmgr         the switches and their calls
    ├── hotornot         what calls cost
    ├── hangups          how calls end, and alerts
    ├── tasks            what is done in the background
    ├── edge             SIP proxies and third parties; only with the setting edge.amqp_uri
    ├── metrics          Prometheus
    ├── api              REST
    ├── cluster          what operators ask of a node: is it ready?
    ├── control          the command line's socket
    └── chaos            kills by plan; only with the setting chaos.enabled

Five restarts in ten seconds are more than any part needs when it fails by chance; a part that fails for a cause takes
the node with it, and the node supervisor, which has rules of its own, starts the node anew. The calls stay on the
switch all the while.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from mirliton.actors import entity_server
from mirliton.actors.conference_metrics import ConferenceCollector
from mirliton.actors.store import CouchAddress, CouchTuning
from mirliton.actors.store.follower import FOLLOWER, Follower
from mirliton.actors.store.metrics import StoreCollector
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import switch_name
from mirliton.api.app import children as api_children
from mirliton.api.cli import edge
from mirliton.api.cli.control import CONTROL, ControlServer
from mirliton.api.cli.store_keys import store_keys
from mirliton.api.cluster import ClusterServer
from mirliton.api.cluster_messages import CLUSTER
from mirliton.api.cluster_metrics import ClusterCollector
from mirliton.api.metrics import MakeCollector
from mirliton.api.outside_chaos import OUTSIDE, OutsideChaos
from mirliton.config import Settings
from mirliton.ecallmgr import app as ecallmgr
from mirliton.ecallmgr.connection import SwitchAddress
from mirliton.ecallmgr.metrics import SwitchCollector, Tells, every_switch
from mirliton.ecallmgr.switch_http import Media, SwitchHttpAddress
from mirliton.ecallmgr.translate import Surroundings
from mirliton.ecallmgr.xml_curl.answering import LookupSettings
from mirliton.runtime import Name, Node
from mirliton.supervisors import Application, ChildSpec, Tree, supervisor, worker
from mirliton.supervisors.chaos import CHAOS, ChaosServer
from mirliton.supervisors.entities import Options, ShardHub
from mirliton.whapps.acdc import app as acdc
from mirliton.whapps.acdc.metrics import AcdcCollector
from mirliton.whapps.callflow import app as callflow
from mirliton.whapps.callflow.metrics import CallflowCollector
from mirliton.whapps.callflow.overload import Bounds
from mirliton.whapps.cdr import app as cdr
from mirliton.whapps.cdr.metrics import CdrCollector
from mirliton.whapps.hangups import app as hangups
from mirliton.whapps.hotornot import app as hotornot
from mirliton.whapps.media_mgr import app as media_mgr
from mirliton.whapps.media_mgr.speech import EspeakNg, Speech
from mirliton.whapps.media_mgr.spoken import Spoken
from mirliton.whapps.registrar import app as registrar
from mirliton.whapps.stepswitch import app as stepswitch
from mirliton.whapps.stepswitch.metrics import StepswitchCollector
from mirliton.whapps.tasks import app as tasks
from mirliton.whapps.tasks.metrics import TasksCollector
from mirliton.whapps.teletype import app as teletype
from mirliton.whapps.teletype.metrics import TeletypeCollector
from mirliton.whapps.teletype.smtp import MailServer

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
            worker(
                StoreServer,
                store_place(settings),
                store_keys(settings),
                id="store",
                name=STORE,
                keep_mail=True,
                shutdown=10.0,
            ),
            worker(Follower, id="store_follower", name=FOLLOWER),
            supervisor(entity_server.tree(ShardHub(settings.entities.shards).shards, entity_options(settings))),
            supervisor(cdr.tree()),
            supervisor(callflow.tree(media, call_bounds(settings))),
            supervisor(stepswitch.tree()),
            supervisor(hotornot.tree()),
            supervisor(acdc.tree()),
            supervisor(teletype.tree(mail_server(settings))),
            supervisor(media_mgr.tree(media, speech(settings))),
            supervisor(switch_side(settings, secret)),
            supervisor(hangups.tree()),
            supervisor(tasks.tree()),
            *edge_children(settings),
            *api_children(settings, collectors=collectors(settings)),
            worker(ClusterServer, settings.node.all_apps, {}, switch_names(settings), id="cluster", name=CLUSTER),
            worker(
                ControlServer, str(settings.control_socket), ROOT, parts(settings, media), id="control", name=CONTROL
            ),
            *chaos_children(settings),
        ],
        intensity=5,
        period=10.0,
        name=ROOT,
    )


def entity_options(settings: Settings, *, hosts: bool = True) -> Options:
    """How this node takes part in the entities."""
    own = settings.entities
    tick = min(0.5, own.lease / 6)
    return Options(hosts=hosts, lease=own.lease, tick=tick, give_back=own.give_back, park_for=own.park_for)


def switch_side(settings: Settings, secret: bytes | None, *, spread: bool = False) -> Tree:
    """ecallmgr's tree. Without the secret it takes no leg records and serves no media: somebody else does. For `spread`
    see there."""
    return ecallmgr.tree(
        switches(settings),
        surroundings(settings),
        http(settings, secret) if secret is not None else None,
        edge=edge.address(settings.edge),
        deviation=settings.ecallmgr.expires_deviation_time,
        spread=spread,
    )


def edge_children(settings: Settings) -> list[ChildSpec]:
    """The edge, where there is a broker for it; else who tells our own switches the passwords of phones."""
    if not settings.edge.all_uris:
        return [supervisor(registrar.tree(None))] if settings.xml_curl.enabled else []
    names, interface = switch_names(settings), settings.ecallmgr.sip_interface
    return [supervisor(edge.tree(settings.edge, names, interface, settings.node.all_apps))]


def call_bounds(settings: Settings) -> Bounds:
    """Beyond which new calls are refused."""
    return Bounds(settings.limits.calls, settings.limits.call_delay)


def mail_server(settings: Settings) -> MailServer | None:
    """Where mails go; None: nowhere."""
    given = settings.smtp_client
    if not given.relay:
        return None
    return MailServer(
        given.relay,
        given.port,
        given.username,
        given.password.reveal(),
        given.auth,
        given.tls,
        given.use_ssl,
        given.send_timeout,
        given.default_from,
        settings.node.name.partition("@")[2] or platform.node(),
    )


def store_place(settings: Settings) -> str | CouchAddress:
    """Where the store is: a file, or a CouchDB."""
    store = settings.store
    if store.backend == "sqlite":
        return str(settings.store_path)
    tuning = CouchTuning(timeout=settings.timeouts.store, pool=store.pool)
    return CouchAddress(store.all_urls, store.user, store.password, tuning)


def parts(settings: Settings, media: Media) -> tuple[Application, ...]:
    """What `mirliton upgrade` can replace in a running node: the whapps."""
    version = importlib.metadata.version("mirliton")
    server = mail_server(settings)
    return (
        Application(
            "callflow",
            lambda _: callflow.tree(media, call_bounds(settings)),
            version=version,
            modules=("mirliton.whapps.callflow",),
        ),
        Application("acdc", lambda _: acdc.tree(), version=version, modules=("mirliton.whapps.acdc",)),
        Application(
            "teletype", lambda _: teletype.tree(server), version=version, modules=("mirliton.whapps.teletype",)
        ),
        Application("cdr", lambda _: cdr.tree(), version=version, modules=("mirliton.whapps.cdr",)),
    )


def chaos_children(settings: Settings) -> list[ChildSpec]:
    """What carries out plans of chaos, where it is allowed; and what they may name as invariants."""
    if not settings.chaos.enabled:
        return []
    names = switch_names(settings)
    children = [worker(ChaosServer, {"switches": partial(switches_connected, names)}, id="chaos", name=CHAOS)]
    if settings.chaos.outside:
        folder, socket = settings.node.state_dir / f"chaos-{settings.node.name}", settings.control_socket
        children.append(
            worker(OutsideChaos, settings.chaos.outside, str(folder), str(socket), id="chaos_outside", name=OUTSIDE)
        )
    return children


async def switches_connected(names: Sequence[str], node: Node) -> None:
    """Raise unless each of the switches is connected, or soon is again. Of one that another node has that is taken for
    granted."""
    until = node.clock.now() + SWITCHES_WITHIN
    while away := [name for name in names if not _is_connected(node, name)]:
        if node.clock.now() >= until:
            raise ConnectionError(f"not connected for {SWITCHES_WITHIN:g} s: {', '.join(away)}")
        await asyncio.sleep(0.05)


def _is_connected(node: Node, switch: str) -> bool:
    cell = node.find(switch_name(switch))
    if cell is None:
        return node.whereis(switch_name(switch)) is not None
    return getattr(cell.actor, "sockets", None) is not None


def collectors(settings: Settings, tells: Tells = every_switch) -> tuple[MakeCollector, ...]:
    """What is told to Prometheus beyond the runtime, the supervisors and the API; `tells` says of which switches."""
    names = switch_names(settings)
    whapps = (
        CdrCollector,
        CallflowCollector,
        AcdcCollector,
        ConferenceCollector,
        StepswitchCollector,
        TeletypeCollector,
        TasksCollector,
    )
    own = (StoreCollector, ClusterCollector, *whapps, partial(SwitchCollector, switches=names, tells=tells))
    return (*own, *edge.collectors(settings.edge))


def switch_names(settings: Settings) -> tuple[str, ...]:
    """Of all switches to connect to."""
    return tuple(switch.name for switch in settings.all_switches)


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
        lookups=lookups(settings),
        spoken=settings.node.state_dir / settings.media.spoken,
    )


def speech(settings: Settings) -> Speech | None:
    """What speaks texts."""
    own = settings.media
    if not own.speaker:
        return None
    return Speech(EspeakNg(own.speaker), Spoken(settings.node.state_dir / own.spoken, own.spoken_most))


def lookups(settings: Settings) -> LookupSettings | None:
    """What switches may look up there."""
    if not settings.xml_curl.enabled:
        return None
    times = settings.timeouts.route, settings.ecallmgr.fetch_timeout
    return LookupSettings(settings.xml_curl.path, surroundings(settings), *times)


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
