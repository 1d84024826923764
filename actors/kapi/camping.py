"""Ring me when the number is free. Exchange callmgr. Kazoo: kapi_camping."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi


@kapi("camping.request", "camping", "callmgr", "camping.request.{account_id}")
class Request:
    """Watch this number for me."""

    camping_request: str
    account_id: str
