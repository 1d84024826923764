"""What keys in a call have done. Exchange kapps. Kazoo: kapi_konami."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.errors import NoRoutingKey
from mirliton.actors.kapi.routing import segment
from mirliton.actors.kapi.wire import Vars


def _transferred_key(transferred: Transferred) -> str:
    call_id = transferred.call.get("Call-ID")
    if not isinstance(call_id, str) or not call_id:
        raise NoRoutingKey("Transferred", "call.Call-ID")
    return f"konami.transferred.{segment(call_id)}"


@kapi("konami.transferred", "konami", "kapps", _transferred_key, binding="konami.transferred.*")
class Transferred:
    """A metaflow has transferred the call."""

    transferee: str
    target: str
    call: Vars
    transferor: str | None = None
