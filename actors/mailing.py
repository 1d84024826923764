"""Having somebody told by mail: a notification is put into the spool, and teletype sends it when it can.

    await notify(store, process, VoicemailNew(…), key=message_id)

The spool is Kazoo's database `pending_notifications`. A notification that is in it survives every kill; it leaves when
the mail server has taken the mail. It is known by its kind and `key`, so to give it twice is to give it once.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from mirliton.actors.kapi import Envelope, definition_of, to_headers
from mirliton.actors.kapi.notifications import Mail
from mirliton.actors.store import Conflict, DatabaseNotFound, DocumentNotFound, Store
from mirliton.actors.store.documents import stamp
from mirliton.runtime import Name, message

TELETYPE: Final = Name("service", "teletype")
SPOOL: Final = "pending_notifications"


@message("teletype.look")
class LookIntoSpool:
    """There is something in the spool."""


async def notify(store: Store, process: Any, mail: Mail, *, key: str) -> bool:
    """Have this mail sent; True when it is safe in the spool, False when it was there already (or has been sent since).

    `key` tells it from others of its kind. `process` is a process, or a node: it wakes teletype. Raises InvalidMessage
    for a mail that breaks its definition, and StoreError when the spool cannot be reached.
    """
    definition = definition_of(mail)
    kind = definition.tag.rpartition(".")[2]
    doc_id = spool_id(kind, key)
    doc = stamp(
        {
            "_id": doc_id,
            "notification_type": kind,
            "payload": to_headers(mail, Envelope(msg_id=doc_id)),
            "attempts": 0,
            "retry_after": 0,
        },
        type="kapi_notification",
        account_id=getattr(mail, "account_id", None),
        db=SPOOL,
    )
    # A document that was deleted may be made again, so its tombstone is what tells that the mail has gone.
    try:
        await store.get(SPOOL, doc_id)
        return False
    except DocumentNotFound as error:
        if error.deleted:
            return False
    except DatabaseNotFound:
        await store.create_database(SPOOL)
    try:
        await store.put(SPOOL, doc)
    except Conflict:
        return False
    process.send(TELETYPE, LookIntoSpool())
    return True


def spool_id(kind: str, key: str) -> str:
    """The id of a notification in the spool, of `kind` (Event-Name) and what tells it from others."""
    return f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
