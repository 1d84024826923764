"""acl.conf: from which addresses calls are taken without a password. Kazoo: the setting `ecallmgr.acls` and carriers.

    authoritative   SIP proxies and other switches, as operators list them
    trusted         carriers: as operators list them, and the gateways of all resources by their address
    mirliton_sip    both, and this host: what the SIP profile of config/freeswitch asks

The event socket does not go by these lists (config/freeswitch/autoload_configs/event_socket.conf.xml), so no setting
can lock Mirliton out.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any, Final
from xml.etree.ElementTree import Element

import structlog

from mirliton.actors.store import Store
from mirliton.actors.system_config import config_of
from mirliton.ecallmgr.plan import Surroundings
from mirliton.ecallmgr.xml_curl.carriers import gateways
from mirliton.ecallmgr.xml_curl.document import element
from mirliton.ecallmgr.xml_curl.request import Lookup

LISTS: Final = ("authoritative", "trusted")
TOGETHER: Final = "mirliton_sip"
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
MOST: Final = 4096
RESOLVED_WITHIN: Final = 1.0
"""Seconds for the names of all gateways together; one that is not found by then is not on the list."""
AT_ONCE: Final = 16

Node = tuple[str, str]
"""allow or deny, and a network."""
log = structlog.get_logger()


async def access_lists(store: Store, lookup: Lookup, around: Surroundings) -> list[Element]:
    """The lists; none while nobody has set any and there is no carrier. Raises StoreError."""
    lists: dict[str, list[Node]] = {name: [] for name in LISTS}
    config = await config_of(store, "ecallmgr")
    for name, entry in _entries(config.get("acls")):
        where, node = entry.get("network-list-name"), _node(entry)
        if isinstance(where, str) and where in lists and node is not None:
            lists[where].append(node)
        else:
            log.warning("acl_not_usable", acl=str(name)[:80])
    lists["trusted"] += await _of_carriers(store)
    if not any(lists.values()):
        return []
    own = [("allow", network) for network in LOOPBACK]
    lists[TOGETHER] = [*own, *lists["authoritative"], *lists["trusted"]]
    made = [_list(name, nodes) for name, nodes in lists.items()]
    return [element("network-lists", *made)]


def _list(name: str, nodes: Iterable[Node]) -> Element:
    distinct = list(dict.fromkeys(nodes))[:MOST]
    made = [element("node", type_=kind, cidr=cidr) for kind, cidr in distinct]
    return element("list", *made, name=name, default="deny")


def _entries(acls: Any) -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(acls, dict):
        return []
    return [(name, entry) for name, entry in acls.items() if isinstance(entry, dict)][:MOST]


def _node(entry: dict[str, Any]) -> Node | None:
    kind = entry.get("type", "allow")
    try:
        network = ipaddress.ip_network(str(entry.get("cidr")), strict=False)
    except ValueError:
        return None
    # A list that lets everybody call is a mistake that costs money.
    return (kind, str(network)) if kind in ("allow", "deny") and (network.prefixlen or kind == "deny") else None


async def _of_carriers(store: Store) -> list[Node]:
    names = dict.fromkeys(
        str(gateway["server"]).strip("[]")
        for _, gateway in await gateways(store)
        if gateway.get("endpoint_type") in (None, "sip") and isinstance(gateway.get("server"), str)
    )
    at_once = asyncio.Semaphore(AT_ONCE)
    found: list[Node] = []

    async def resolve(name: str) -> None:
        async with at_once:
            found.extend(("allow", address) for address in await _addresses(name))

    tasks = [asyncio.create_task(resolve(name)) for name in names]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=RESOLVED_WITHIN)
        for task in late:
            task.cancel()
        if late:
            log.warning("carriers_not_resolved", names=len(late))
    return sorted(found)


async def _addresses(name: str) -> list[str]:
    try:
        return [str(ipaddress.ip_network(name))]
    except ValueError:
        pass
    try:
        rows = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except OSError as error:
        log.warning("carrier_not_resolved", server=name[:253], error=str(error))
        return []
    return [str(ipaddress.ip_network(str(row[4][0]).partition("%")[0])) for row in rows]
