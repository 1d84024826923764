"""The part of the tree that speaks Kazoo's messages with SIP proxies and third parties; only where there is a broker.

    edge (one_for_one)
    ├── registrar        tells proxies the passwords of phones
    ├── omnipresence     tells proxies who is on the phone and who has messages
    ├── advertiser       tells proxies which switches there are
    ├── doc_updates      tells third parties which documents have changed
    └── edge             the connections to the brokers: last to come and first to go, so that somebody hears what comes

Five restarts in ten seconds, then the node's root decides. Calls do not depend on any of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from mirliton.actors.edge import EDGE, Edge, Interest
from mirliton.actors.edge.amqp import AmqpLink
from mirliton.actors.edge.border import Listeners
from mirliton.actors.edge.doc_updates import DOC_UPDATES, DocUpdates
from mirliton.actors.edge.metrics import EdgeCollector
from mirliton.actors.kapi.authn import AuthnReq
from mirliton.actors.kapi.presence import MwiQuery, Probe
from mirliton.actors.kapi.registration import RegFlush, RegQuery, RegSuccess
from mirliton.actors.presence import OMNIPRESENCE
from mirliton.api.metrics import MakeCollector
from mirliton.config import EdgeSettings, Secret
from mirliton.ecallmgr.advertising import ADVERTISER, Advertiser
from mirliton.ecallmgr.registrations import REGISTRAR
from mirliton.runtime import Address, Name
from mirliton.supervisors import Tree, supervisor, worker
from mirliton.whapps.omnipresence import app as omnipresence
from mirliton.whapps.omnipresence.metrics import OmnipresenceCollector
from mirliton.whapps.registrar import app as registrar
from mirliton.whapps.registrar.listener import AUTHN
from mirliton.whapps.registrar.metrics import RegistrarCollector

APP: Final = "mirliton"
"""App-Name of what goes out; the shared queue is named after it."""
QUEUE_LENGTH: Final = 10_000
"""Messages that may wait at a broker for us: a proxy that is asked tells all its registrations at once."""
PROXIES_NEED: Final = ("nodes", "presence", "registration")
"""Families that are published always: a proxy may bind single keys of them."""

OTHERS_MAY_WANT: Final = ("conf",)
"""Families that are published while somebody has bound them."""

OF_ONE_NODE: Final[Listeners] = {AuthnReq: AUTHN, Probe: OMNIPRESENCE, MwiQuery: OMNIPRESENCE}
"""What one of all nodes answers."""
OF_ALL_NODES: Final[Listeners] = {RegSuccess: REGISTRAR, RegQuery: REGISTRAR, RegFlush: (REGISTRAR, AUTHN)}
"""What each node keeps for itself."""
TOLD: Final = (REGISTRAR, ADVERTISER, OMNIPRESENCE)
"""Who is told that a broker is there (again)."""


def address(settings: EdgeSettings) -> Address | None:
    """The edge, where there is one."""
    return EDGE if settings.all_uris else None


def tree(settings: EdgeSettings, switches: Sequence[str], interface: str, apps: Sequence[str] = ()) -> Tree:
    """The tree, for settings with a broker. `interface` is the switches' SIP profile for calls; `apps` are told to
    others as what this node runs."""
    links = [
        partial(AmqpLink, Secret(uri), pause=settings.reconnect_first, longest_pause=settings.reconnect_most)
        for uri in settings.all_uris
    ]
    edge = worker(
        Edge,
        links,
        APP,
        OF_ALL_NODES,
        Interest({**dict.fromkeys(PROXIES_NEED, "always"), **dict.fromkeys(OTHERS_MAY_WANT, "bound")}),
        OF_ONE_NODE,
        TOLD,
        QUEUE_LENGTH,
        name=EDGE,
    )
    heartbeat = (EDGE, tuple(switches), interface, settings.zone, tuple(apps))
    return Tree(
        "one_for_one",
        [
            supervisor(registrar.tree(EDGE)),
            supervisor(omnipresence.tree(EDGE)),
            worker(Advertiser, *heartbeat, id="advertiser", name=ADVERTISER),
            worker(DocUpdates, EDGE, id="doc_updates", name=DOC_UPDATES),
            edge,
        ],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "edge"),
    )


def collectors(settings: EdgeSettings) -> tuple[MakeCollector, ...]:
    """What it tells Prometheus."""
    return (EdgeCollector, RegistrarCollector, OmnipresenceCollector) if settings.all_uris else ()
