"""Commands for faxes."""

from __future__ import annotations

from typing import Literal

from mirliton.actors.kapi._family import command
from mirliton.actors.kapi.dialplan._command import Command
from mirliton.actors.kapi.wire import Flag, Required, TextSeconds


@command("receive_fax")
class ReceiveFax(Command):
    """Receive a fax."""

    fax_local_filename: str | None = None
    enable_t38_fax: Flag | None = None
    enable_t38_fax_request: Flag | None = None
    enable_t38_gateway: str | None = None
    enable_t38_passthrough: Flag | None = None


@command("store_fax")
class StoreFax(Command):
    """Send a received fax to where it is kept."""

    media_transfer_destination: str
    media_transfer_method: Required[Literal["put"]] = "put"
    fax_local_filename: str | None = None
    additional_headers: tuple[str, ...] = ()


@command("fax_detection")
class FaxDetection(Command):
    """Listen for the tone of a fax machine, `duration` seconds long."""

    action: Literal["start", "stop"]
    direction: Literal["inbound", "outbound"] | None = None
    duration: TextSeconds | None = None
