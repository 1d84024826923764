"""A node of a cluster as one supervision tree: of the applications, those that its settings name.

    mirliton (one_for_one)
    ├── store              the document store, this node's own door to it
    ├── callflow, cdr, stepswitch, hotornot    on any number of nodes at once
    ├── switch_http        leg records and media: on every node that has ecallmgr
    ├── ecallmgr failover  accounts, switches and their calls, conferences, the edge: on one node at a time
    ├── acdc, teletype, hangups failover   likewise
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

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors import account
from mirliton.actors.account import ACCOUNTS
from mirliton.actors.conferencing import CONFERENCES
from mirliton.actors.edge import EDGE
from mirliton.actors.mailing import TELETYPE
from mirliton.actors.queueing import ACDC
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import CDR, CHANNELS, ROUTER
from mirliton.api.app import children as api_children
from mirliton.api.cli.control import CONTROL, ControlServer
from mirliton.api.cli.root import (
    ROOT,
    chaos_children,
    collectors,
    edge_children,
    http,
    mail_server,
    parts,
    store_place,
    switch_names,
    switch_side,
)
from mirliton.api.cluster import CLUSTER, ClusterServer
from mirliton.api.metrics import MakeCollector
from mirliton.config import AmqpSettings, Settings
from mirliton.ecallmgr.app import ECALLMGR
from mirliton.ecallmgr.metrics import SwitchCollector
from mirliton.ecallmgr.registrations import REGISTRAR
from mirliton.ecallmgr.switch_http import SWITCH_HTTP, Media, SwitchHttp
from mirliton.runtime import Node
from mirliton.runtime.distribution import Distribution, Share, Shared
from mirliton.runtime.transport import Keyring, Limits
from mirliton.runtime.transport.amqp import AmqpNetwork
from mirliton.supervisors import Application, ChildSpec, Tree, supervisor, worker
from mirliton.supervisors.failover import failover
from mirliton.whapps.acdc import app as acdc
from mirliton.whapps.acdc.listener import LISTENER
from mirliton.whapps.callflow import app as callflow
from mirliton.whapps.cdr import app as cdr
from mirliton.whapps.conference import app as conference
from mirliton.whapps.hangups import app as hangups
from mirliton.whapps.hangups.monitor import HANGUPS
from mirliton.whapps.hotornot import app as hotornot
from mirliton.whapps.hotornot.listener import HOTORNOT
from mirliton.whapps.omnipresence.listener import OMNIPRESENCE
from mirliton.whapps.stepswitch import app as stepswitch
from mirliton.whapps.stepswitch.messages import STEPSWITCH
from mirliton.whapps.teletype import app as teletype

SHARED: Final[Shared] = {
    **dict.fromkeys((ACCOUNTS, ACDC, CDR, CHANNELS, CONFERENCES, EDGE, REGISTRAR, ROUTER, STEPSWITCH), Share.ANY),
    **dict.fromkeys((HANGUPS, HOTORNOT, LISTENER, OMNIPRESENCE, TELETYPE), Share.ANY),
    "switch": Share.ANY,
    **dict.fromkeys(("account", "agent", "call", "cf_exe", "conference", "ledger", "queue"), Share.ONE),
}
"""The names that lead to other nodes; all others are each node's own."""
EVERYWHERE: Final = ("callflow", "cdr", "stepswitch", "hotornot")
"""The applications that run on any number of nodes at once."""
ACTING: Final = ("ecallmgr", "acdc", "teletype", "hangups")
"""Those that run on one node at a time."""


def distribution(node: Node, settings: AmqpSettings) -> Distribution:
    """The node's part in the cluster, not yet open. Raises OSError (SSLError) for certificates that cannot be used."""
    network = AmqpNetwork(
        settings.all_uris,
        connect_timeout=settings.connect_timeout,
        publish_timeout=settings.silence,
        heartbeat=settings.heartbeat,
        ssl_context=_ssl(settings),
    )
    cookies = [each.reveal() for each in (settings.cookie, settings.old_cookie) if each]
    limits = Limits(silence=settings.silence, outbox_envelopes=settings.outbox)
    return Distribution(node, network, Keyring(*cookies), limits, SHARED)


def _ssl(settings: AmqpSettings) -> ssl.SSLContext | None:
    if not settings.cafile and not settings.certfile:
        return None
    context = ssl.create_default_context(cafile=settings.cafile or None)
    if settings.certfile:
        context.load_cert_chain(settings.certfile, settings.keyfile or None)
    return context


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
            worker(StoreServer, store_place(settings), id="store", name=STORE, keep_mail=True, shutdown=10.0),
            *(_everywhere(app, media) for app in _in(EVERYWHERE, apps)),
            *_receiver(settings),
            *(supervisor(failover(app, _acting(app, settings))) for app in _in(ACTING, apps)),
            *api_children(settings, collectors=_collectors(settings), rest="api" in apps),
            worker(ClusterServer, apps, _in(ACTING, apps), switch_names(settings), id="cluster", name=CLUSTER),
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


def _everywhere(app: str, media: Media) -> ChildSpec:
    match app:
        case "callflow":
            return supervisor(callflow.tree(media))
        case "cdr":
            return supervisor(cdr.tree())
        case "hotornot":
            return supervisor(hotornot.tree())
    return supervisor(stepswitch.tree())


def _receiver(settings: Settings) -> list[ChildSpec]:
    """Leg records are taken also where another node has the switches: a switch posts them to whoever listens."""
    address = http(settings, media_secret(settings.amqp))
    if address is None or "ecallmgr" not in settings.node.all_apps:
        return []
    return [worker(SwitchHttp, replace(address, shared=True), id="switch_http", name=SWITCH_HTTP)]


def _acting(app: str, settings: Settings) -> list[ChildSpec]:
    match app:
        case "acdc":
            return [supervisor(acdc.tree())]
        case "teletype":
            return [supervisor(teletype.tree(mail_server(settings)))]
        case "hangups":
            return [supervisor(hangups.tree())]
    # An account counts its calls in the channel table and a conference asks all switches, so they are where those are.
    return [
        supervisor(account.tree()),
        supervisor(conference.tree()),
        supervisor(switch_side(settings, None)),
        *edge_children(settings),
    ]


def _collectors(settings: Settings) -> tuple[MakeCollector, ...]:
    return tuple(
        partial(_WhileActing, make=make) if getattr(make, "func", None) is SwitchCollector else make
        for make in collectors(settings)
        if getattr(make, "func", None) is not SwitchCollector or "ecallmgr" in settings.node.all_apps
    )


class _WhileActing(Collector):
    """What a node tells of its switches only while it has them: they are not lost while another has."""

    def __init__(self, node: Node, make: MakeCollector) -> None:
        self._node = node
        self._collector = make(node)

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        return self._collector.collect() if self._node.find(ECALLMGR) is not None else ()
