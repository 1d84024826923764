"""What phones watch, as the SIP proxy reports it. Exchange omnipresence. Kazoo: kapi_omnipresence.

Subscription has the Event-Category and Event-Name of presence.py's: the exchange tells them apart. Reset is the same
message, heard here too.
"""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.presence import Reset as Reset
from mirliton.actors.kapi.routing import segment, user_and_realm
from mirliton.actors.kapi.wire import TextSeconds


def _subscription_key(subscription: Subscription) -> str:
    user, realm = user_and_realm(subscription, "user")
    return f"subscribe.{segment(realm)}.{segment(user)}"


@kapi("omnipresence.subscription", "presence", "omnipresence", _subscription_key, binding="subscribe.*.*")
class Subscription:
    """A phone watches a user."""

    user: str
    expires: TextSeconds
    queue: str | None = None
    from_: str | None = None
    event_package: str | None = None
    call_id: str | None = None
    from_tag: str | None = None
    to_tag: str | None = None
    contact: str | None = None


def _notify_key(notify: Notify) -> str:
    user, realm = user_and_realm(notify, "to")
    return f"notify.{segment(realm)}.{segment(user)}"


@kapi("omnipresence.notify", "presence", "omnipresence", _notify_key, binding="notify.*.*")
class Notify:
    """A phone was told."""

    to: str
    from_: str
    call_id: str | None = None
    event_package: str | None = None
    from_tag: str | None = None
    to_tag: str | None = None
    body: str | None = None
