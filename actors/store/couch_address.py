"""Where a CouchDB is and how it is talked to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from mirliton.actors.store.errors import InvalidName
from mirliton.config.secret import Secret

DEFAULT_PORTS: Final = {"http": 5984, "https": 6984}


@dataclass(frozen=True, slots=True)
class CouchTuning:
    """How the servers are asked. Durations in seconds."""

    timeout: float = 5.0
    """Deadline of every call, with all its attempts and all its waiting."""
    build_timeout: float = 600.0
    """Deadline for building one design document's views in `refresh`; a view that is asked has `timeout`."""
    transfer_timeout: float = 60.0
    """Deadline of calls that carry an attachment."""
    pool: int = 32
    """Connections, and so requests under way, at once."""
    polls: int = 256
    """Feeds of changes that may be followed at once; each has a connection besides the pool's."""
    queue: int = 1024
    """Calls that may wait for a connection; more are refused with StoreOverloaded."""
    keepalive: float = 4.0
    """How long an idle connection is kept; less than the servers and proxies do, so that none breaks under a write."""
    connect_timeout: float = 2.0
    attempts: int = 4
    """How often a call that changes nothing is made when it is interrupted; one that writes is never made twice."""
    patience: float = 2.0
    """How long calls wait for a host to come back when all are away; later ones are refused at once until one is."""
    first_pause: float = 0.1
    """Between the attempts, and between the probes of a host that is away; doubles."""
    longest_pause: float = 5.0
    url_length: int = 4000
    """Longer questions are posted."""


@dataclass(frozen=True, slots=True)
class CouchAddress:
    """The hosts of one CouchDB cluster in the order in which they are preferred, and who we are there."""

    urls: tuple[str, ...]
    user: str = ""
    password: Secret = field(default=Secret(""))
    tuning: CouchTuning = field(default_factory=CouchTuning)

    def __post_init__(self) -> None:
        if not self.urls:
            raise InvalidName("store", "", "at least one URL of a CouchDB is needed")
        for url in self.urls:
            check_url(url)

    def __str__(self) -> str:
        return ", ".join(self.urls)


def check_url(url: str) -> str:
    """The URL, if it can be a CouchDB's: http or https, host, perhaps a port; no credentials and no path."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed when it is asked
    except ValueError as error:
        raise InvalidName("store", url, str(error)) from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise InvalidName("store", url, "it must be http://host:port or https://host:port")
    if "@" in parts.netloc:
        raise InvalidName("store", "(hidden)", "user and password are settings of their own, not part of the URL")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidName("store", url, "it must end with the port")
    return url
