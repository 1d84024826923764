"""Where a request comes from: the address of the connection, or the one that a trusted proxy tells.

A proxy appends who connected to it to `X-Forwarded-For`. The header is read from its end for as long as the address
reached is that of a trusted proxy (`api.trusted_proxies`); what a client itself wrote into it is never believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from aiohttp import web

Network = IPv4Network | IPv6Network
UNKNOWN: Final = ""


def networks(text: str) -> tuple[Network, ...]:
    """The networks that a setting lists, with spaces between. Raises ValueError."""
    return tuple(ip_network(part) for part in text.split())


def client_address(request: web.Request, trusted: Sequence[Network]) -> str:
    """The address of whoever asks."""
    nearest = _address(request.remote or "")
    if not trusted or not _within(nearest, trusted):
        return nearest
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    for hop in reversed(hops):
        given = _address(hop.strip())
        if given == UNKNOWN:
            return nearest
        nearest = given
        if not _within(nearest, trusted):
            break
    return nearest


def _address(text: str) -> str:
    """The address in its one spelling; "" for what is none."""
    try:
        found = ip_address(text)
    except ValueError:
        return UNKNOWN
    return str(getattr(found, "ipv4_mapped", None) or found)


def _within(address: str, trusted: Sequence[Network]) -> bool:
    return address != UNKNOWN and any(ip_address(address) in network for network in trusted)
