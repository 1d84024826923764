"""What every notification has."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar, dataclass_transform

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def mail(name: str, key: str) -> Callable[[type[T]], type[T]]:
    """Define the notification with this Event-Name, and what its routing key ends with."""
    return kapi(f"notifications.{name}", "notification", "notifications", f"notifications.{key}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What every mail may be given, in place of what its template has."""

    account_db: str | None = None
    attachment_url: Anything = None
    bcc: Anything = None
    cc: Anything = None
    from_: Anything = None
    html: str | None = None
    preview: bool | None = None
    reply_to: Anything = None
    subject: str | None = None
    text: str | None = None
    to: Anything = None


@kapi("notifications.notify_update", "notification")
class NotifyUpdate(Mail):
    """What became of a notification."""

    status: Literal["completed", "disabled", "failed", "ignored", "pending"]
    failure_message: str | None = None
    metadata: Anything = None
