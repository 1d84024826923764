"""A job for whatever application takes it. Exchange kapps, key `delegate.{application}.{key}`. Kazoo: kapi_delegate."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything


@kapi("delegate.job", "delegate", "kapps", binding="delegate.*.*")
class Job:
    """Do this. The application and the key are not in the message: give the routing key when it is published."""

    delegate_message: Anything
