"""Who leads, among nodes. Exchange leader, key `{name}.{node}` or `{name}.broadcast`. Kazoo: kapi_leader."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything


@kapi("leader.req", "leader", "leader", binding="*.*")
class Req:
    """A message of the election, in Erlang's own form. Its routing key is not in it: give it when it is published."""

    message: Anything = None
