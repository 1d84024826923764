"""What every Kazoo message carries besides its own headers.

In process a message goes without an envelope; the edge puts one on when the message leaves and takes it off when one
arrives. A message that needs one of these headers in process too (`msg_id` of a command, `server_id` of a route
response) has a field for it, which then wins over the envelope's.
"""

from __future__ import annotations

import secrets
from dataclasses import field
from importlib.metadata import version
from typing import Final

from mirliton.actors.kapi.shape import Shape
from mirliton.actors.kapi.wire import Flag, ReplyTo, Required, Vars
from mirliton.runtime import message

VERSION: Final = version("mirliton")


@message("kapi.envelope")
class Envelope:
    """The headers any message may have. One made for sending gets a fresh `msg_id` unless one is given.

    To answer a request, take its `msg_id` and send to its `server_id`: whoever waits compares the former.
    """

    app_name: Required[str] = "mirliton"
    app_version: Required[str] = VERSION
    msg_id: Required[str] = field(default_factory=lambda: secrets.token_hex(16))
    server_id: ReplyTo | None = None
    """The queue that answers go to."""
    node: str | None = None
    call_id: str | None = None
    account_id: str | None = None
    system_log_id: str | None = None
    defer_response: Flag | None = None
    """An answer that counts only if no better one comes."""
    destination_server: str | None = None
    geo_location: str | None = None
    access_group: str | None = None
    server_queue_id: str | None = None
    request_from_pid: str | None = None
    reply_to_pid: str | None = None
    deliver_to_pid: str | None = None
    raw_headers: Vars = field(default_factory=dict)
    amqp_broker: str | None = None
    amqp_broker_zone: str | None = None


SHAPE: Final = Shape(Envelope)
