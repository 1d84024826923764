"""Settings that are kept in one place. Exchange sysconf. Kazoo: kapi_sysconf."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Flag


@kapi("sysconf.get_req", "sysconf", "sysconf", "sysconf.get")
class GetReq:
    """What is this setting?"""

    category: str
    key: str
    default: Anything = None


@kapi("sysconf.get_resp", "sysconf")
class GetResp:
    """This."""

    category: str
    key: str
    value: Anything


@kapi("sysconf.set_req", "sysconf", "sysconf", "sysconf.set")
class SetReq:
    """Set this."""

    category: str
    key: str
    value: Anything
    node_specific: Flag | None = None


@kapi("sysconf.set_resp", "sysconf")
class SetResp:
    """It is set."""

    category: str
    key: str
    value: Anything
    status: str | None = None


@kapi("sysconf.flush_req", "sysconf", "sysconf", "sysconf.flush")
class FlushReq:
    """Forget what is cached of this category."""

    category: str
    key: str | None = None
