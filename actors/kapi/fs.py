"""FreeSWITCH's own commands, passed through to the leg's switch. Exchange callctl. Kazoo: kapi_fs."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything


@kapi("fs.command", "fs", "callctl")
class Command:
    """Do this application of the switch on the leg."""

    application_name: str
    args: Anything
    insert_at: str | None = None
