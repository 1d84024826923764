"""What all switches, or one, shall do. Exchange switch. Kazoo: kapi_switch."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything


@kapi("switch.reload_acls", "switch_event", "switch", "switch.reload_acls")
class ReloadAcls:
    """Read the access lists again."""


@kapi("switch.reload_gateways", "switch_event", "switch", "switch.reload_gateways")
class ReloadGateways:
    """Read the gateways again."""


@kapi("switch.fs_xml_flush", "switch_event", "switch", "switch.fs_xml_flush")
class FsXmlFlush:
    """Forget what is cached for this user."""

    username: str
    realm: str | None = None


@kapi("switch.notify", "switch_event", "switch", "switch.notify.{realm}.{username}")
class Notify:
    """Send this phone a NOTIFY."""

    event: str
    realm: str
    username: str
    body: str | None = None
    content_type: str | None = None


@kapi("switch.command", "switch_event", "switch", "switch.command.{freeswitch_node|*}")
class Command:
    """Do this API command on a switch."""

    args: Anything
    command: str
    freeswitch_node: str | None = None


@kapi("switch.reply", "switch_event")
class Reply:
    """What the switch said."""

    command: str
    result: Anything
    error: str | None = None
    event_data: Anything = None
    freeswitch_node: str | None = None
    response: Anything = None
