"""A node of a cluster as one supervision tree: of the applications, those that its settings name.

    mirliton (one_for_one)
    ├── store              the document store, this node's own door to it
    ├── store_follower     what others change in it
    ├── entity_keeping     accounts, ledgers, conferences, queues and agents: each on one node; not on a mere api node
    ├── callflow, cdr, stepswitch, hotornot    on any number of nodes at once
    ├── switch_http        leg records and media: on every node that has ecallmgr
    ├── media_mgr          where media are: on the same
    ├── ecallmgr           answers for all channel tables; below it, each under a failover, so on one node at a time:
    │   ├── registrar
    │   └── switch NAME    each switch, with its channel table and its calls
    ├── edge failover      SIP proxies and third parties; only with the setting edge.amqp_uri
    ├── acdc, teletype, hangups, tasks failover   each on one node at a time
    ├── api                REST; and metrics, on each node
    ├── cluster            what operators ask of a node
    ├── control            the command line's socket
    └── chaos              kills by plan; only with the setting chaos.enabled

The intensities and their reasons are those of root.py.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from mirliton.actors import entity_server
from mirliton.actors.edge import EDGE
from mirliton.actors.entity_kinds import KINDS
from mirliton.actors.mailing import TELETYPE
from mirliton.actors.presence import OMNIPRESENCE
from mirliton.actors.store.follower import FOLLOWER, Follower
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import AUTHN, CDR, CHANNELS, ROUTER, switch_group
from mirliton.api.app import children as api_children
from mirliton.api.cli.control import CONTROL, ControlServer
from mirliton.api.cli.root import (
    ROOT,
    call_bounds,
    chaos_children,
    collectors,
    edge_children,
    entity_options,
    http,
    mail_server,
    parts,
    speech,
    store_place,
    switch_names,
    switch_side,
)
from mirliton.api.cli.store_keys import store_keys
from mirliton.api.cluster import ClusterServer
from mirliton.api.cluster_messages import CLUSTER
from mirliton.config import AmqpSettings, Settings, ZoneSettings
from mirliton.ecallmgr.metrics import acts_for
from mirliton.ecallmgr.registrations import REGISTRAR
from mirliton.ecallmgr.switch_http import SWITCH_HTTP, Media, SwitchHttp
from mirliton.runtime import Node
from mirliton.runtime.distribution import Distribution, Share, Shared
from mirliton.runtime.transport import Keyring, Limits, Network, Zones
from mirliton.runtime.transport.amqp import AmqpNetwork
from mirliton.supervisors import Application, ChildSpec, Tree, supervisor, worker
from mirliton.supervisors.entities.amqp_shards import AmqpShards
from mirliton.supervisors.failover import failover
from mirliton.whapps.acdc import app as acdc
from mirliton.whapps.acdc.listener import LISTENER
from mirliton.whapps.callflow import app as callflow
from mirliton.whapps.cdr import app as cdr
from mirliton.whapps.hangups import app as hangups
from mirliton.whapps.hangups.monitor import HANGUPS
from mirliton.whapps.hotornot import app as hotornot
from mirliton.whapps.hotornot.listener import HOTORNOT
from mirliton.whapps.media_mgr import app as media_mgr
from mirliton.whapps.stepswitch import app as stepswitch
from mirliton.whapps.stepswitch.messages import STEPSWITCH
from mirliton.whapps.tasks import app as tasks
from mirliton.whapps.tasks.record import TASKS
from mirliton.whapps.teletype import app as teletype

SHARED: Final[Shared] = {
    **dict.fromkeys((AUTHN, CDR, CHANNELS, EDGE, REGISTRAR, ROUTER, STEPSWITCH), Share.ANY),
    **dict.fromkeys((HANGUPS, HOTORNOT, LISTENER, OMNIPRESENCE, TASKS, TELETYPE), Share.ANY),
    **dict.fromkeys(KINDS, Share.ANY),
    **dict.fromkeys(("call", "cf_exe", "channels", "switch"), Share.ONE),
}
"""The names that lead to other nodes; all others are each node's own. Those of entities are among them so that they can
be looked up and monitored from everywhere. That there is one of each is not this table's affair."""
EVERYWHERE: Final = ("callflow", "cdr", "stepswitch", "hotornot")
"""The applications that run on any number of nodes at once."""
ACTING: Final = ("acdc", "teletype", "hangups", "tasks")
"""Those that run on one node at a time. Of ecallmgr each part does."""
JOIN_TIMEOUT: Final = 30.0
"""Seconds at least in which all shards are joined: the first node of all makes their queues."""


def distribution(node: Node, settings: AmqpSettings, zones: ZoneSettings | None = None) -> Distribution:
    """The node's part in the cluster, not yet open. Raises OSError (SSLError) for certificates that cannot be used."""
    network: Network = _network(settings, settings.all_uris)
    if zones is not None and zones.name:
        others = {zone: _network(settings, uris, listens=False) for zone, uris in zones.all_others.items()}
        network = Zones(zones.name, network, others)
    limits = Limits(silence=settings.silence, outbox_envelopes=settings.outbox)
    return Distribution(node, network, _keyring(settings), limits, SHARED)


def _network(settings: AmqpSettings, uris: tuple[str, ...], *, listens: bool = True) -> AmqpNetwork:
    return AmqpNetwork(
        uris,
        connect_timeout=settings.connect_timeout,
        publish_timeout=settings.silence,
        heartbeat=settings.heartbeat,
        ssl_context=_ssl(settings),
        listens=listens,
    )


def _ssl(settings: AmqpSettings) -> ssl.SSLContext | None:
    if not settings.cafile and not settings.certfile:
        return None
    context = ssl.create_default_context(cafile=settings.cafile or None)
    if settings.certfile:
        context.load_cert_chain(settings.certfile, settings.keyfile or None)
    return context


def _shards(settings: Settings) -> AmqpShards:
    amqp = settings.amqp
    return AmqpShards(
        amqp.all_uris,
        _keyring(amqp),
        count=settings.entities.shards,
        connect_timeout=max(amqp.connect_timeout, JOIN_TIMEOUT),
        publish_timeout=amqp.silence,
        heartbeat=amqp.heartbeat,
        ssl_context=_ssl(amqp),
    )


def _keyring(settings: AmqpSettings) -> Keyring:
    return Keyring(*[each.reveal() for each in (settings.cookie, settings.old_cookie) if each])


def media_secret(settings: AmqpSettings) -> bytes:
    """What signs media URLs: whoever makes one and whoever is asked for it are on different nodes."""
    return hmac.digest(settings.cookie.reveal().encode(), b"mirliton media", hashlib.sha256)


def tree(settings: Settings) -> Tree:
    """The tree."""
    apps = settings.node.all_apps
    records = settings.leg_records
    media = Media(f"http://{records.host}:{records.port}", media_secret(settings.amqp))
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
            supervisor(
                entity_server.tree(partial(_shards, settings), entity_options(settings, hosts=apps != ("api",)))
            ),
            *(_everywhere(app, media, settings) for app in _in(EVERYWHERE, apps)),
            *_receiver(settings, media),
            *(_switch_side(settings) if "ecallmgr" in apps else ()),
            *(supervisor(failover(app, [_acting(app, settings)])) for app in _in(ACTING, apps)),
            *api_children(settings, collectors=collectors(settings, acts_for), rest="api" in apps),
            worker(ClusterServer, apps, groups(settings), switch_names(settings), id="cluster", name=CLUSTER),
            worker(
                ControlServer, str(settings.control_socket), ROOT, _parts(settings, media), id="control", name=CONTROL
            ),
            *chaos_children(settings),
        ],
        intensity=5,
        period=10.0,
        name=ROOT,
    )


def _in(some: Iterable[str], apps: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(app for app in some if app in apps)


def _parts(settings: Settings, media: Media) -> tuple[Application, ...]:
    return tuple(part for part in parts(settings, media) if part.name in settings.node.all_apps)


def _everywhere(app: str, media: Media, settings: Settings) -> ChildSpec:
    match app:
        case "callflow":
            return supervisor(callflow.tree(media, call_bounds(settings)))
        case "cdr":
            return supervisor(cdr.tree())
        case "hotornot":
            return supervisor(hotornot.tree())
    return supervisor(stepswitch.tree())


def _receiver(settings: Settings, media: Media) -> list[ChildSpec]:
    """Leg records are taken also where another node has the switches: a switch posts them to whoever listens."""
    address = http(settings, media_secret(settings.amqp))
    if address is None or "ecallmgr" not in settings.node.all_apps:
        return []
    return [
        worker(SwitchHttp, replace(address, shared=True), id="switch_http", name=SWITCH_HTTP),
        supervisor(media_mgr.tree(media, speech(settings))),
    ]


def groups(settings: Settings) -> dict[str, tuple[str, ...]]:
    """By application: what of it runs on one node at a time, by the names of its failovers."""
    apps = settings.node.all_apps
    found: dict[str, tuple[str, ...]] = {app: (app,) for app in _in(ACTING, apps)}
    if "ecallmgr" in apps:
        edge = ("edge",) if edge_children(settings) else ()
        found["ecallmgr"] = ("registrar", *edge, *map(switch_group, switch_names(settings)))
    return found


def _switch_side(settings: Settings) -> list[ChildSpec]:
    edge = edge_children(settings)
    return [
        supervisor(switch_side(settings, None, spread=True)),
        *([supervisor(failover("edge", edge))] if edge else []),
    ]


def _acting(app: str, settings: Settings) -> ChildSpec:
    match app:
        case "acdc":
            return supervisor(acdc.tree())
        case "teletype":
            return supervisor(teletype.tree(mail_server(settings)))
        case "tasks":
            return supervisor(tasks.tree())
    return supervisor(hangups.tree())
