"""How many messages the owner of a phone has."""

from __future__ import annotations

from dataclasses import dataclass

from mirliton.actors.kapi.presence import MwiUpdate
from mirliton.actors.store import Document, Month, NotFound
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.names import account_db, modb
from mirliton.whapps.omnipresence.wording import address, plain
from mirliton.whapps.registrar.lookup import account_of

MONTHS = 4
"""How many months back messages are looked for, as the mailbox itself does (its retention is 93 days)."""
EXPIRES = 7 * 86_400.0
"""Seconds for which a count is good: it is told anew when it changes, and whenever a phone asks."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The messages of one phone's owner."""

    user: str
    realm: str
    new: int
    saved: int
    extended: str | None = None
    """The presence id of the phone or its owner, where they have one."""

    def update(self) -> MwiUpdate:
        """What a proxy is told."""
        user, realm = plain(self.user), plain(self.realm)
        own = f"sip:{user}@{realm}"
        return MwiUpdate(
            messages_new=self.new,
            messages_saved=self.saved,
            to=own,
            call_id=f"mwi-{user}@{realm}",
            expires=EXPIRES,
            extended_presence_id=self.extended,
            from_=own,
            from_realm=realm,
            from_user=user,
            message_account=own,
            messages_urgent=0,
            messages_urgent_saved=0,
            messages_waiting="yes" if self.new else "no",
            presence_id=f"{user}@{realm}",
            to_realm=realm,
            to_user=user,
        )


async def of_phone(store: StoreClient, user: str, realm: str, now: float) -> Waiting | None:
    """The messages of whoever owns the device with this username; None where there is none. Raises StoreError."""
    account_id = await account_of(store, realm)
    if account_id is None:
        return None
    database = account_db(account_id)
    rows = (await store.view(database, "devices/sip_credentials", key=user, include_docs=True, limit=1)).rows
    owner_id = rows[0].doc.get("owner_id") if rows and rows[0].doc is not None else None
    if not isinstance(owner_id, str) or not owner_id:
        return None
    boxes = (await store.view(database, "attributes/owned", key=[owner_id, "vmbox"])).rows
    new, saved = await _counts(store, account_id, [str(row.id) for row in boxes], now)
    owner = (await store.get_many(database, [owner_id]))[0]
    return Waiting(user, realm, new, saved, _extended(rows[0].doc, owner, realm)) if boxes else None


async def of_box(store: StoreClient, account_id: str, box_id: str, now: float) -> list[Waiting]:
    """The messages as each phone of a mailbox's owner is told. Raises StoreError."""
    database = account_db(account_id)
    account, box = await store.get_many(database, [account_id, box_id])
    realm, owner_id = (account or {}).get("realm"), (box or {}).get("owner_id")
    if not isinstance(realm, str) or not isinstance(owner_id, str) or not owner_id:
        return []
    owner = (await store.get_many(database, [owner_id]))[0]
    boxes = (await store.view(database, "attributes/owned", key=[owner_id, "vmbox"])).rows
    new, saved = await _counts(store, account_id, [str(row.id) for row in boxes], now)
    phones = (await store.view(database, "attributes/owned", key=[owner_id, "device"], include_docs=True)).rows
    found = []
    for row in phones:
        sip = (row.doc or {}).get("sip")
        username = sip.get("username") if isinstance(sip, dict) else None
        if isinstance(username, str) and username:
            extended = _extended(row.doc, owner, realm.lower())
            found.append(Waiting(username.lower(), realm.lower(), new, saved, extended))
    return found


def _extended(device: Document | None, owner: Document | None, realm: str) -> str | None:
    """The presence id that a device says, or its owner; with its realm."""
    for doc in (device, owner):
        said = (doc or {}).get("presence_id")
        if isinstance(said, str) and said:
            found = address(said if "@" in said else f"{said}@{realm}")
            return f"{found[0].lower()}@{found[1]}" if found is not None else None
    return None


async def _counts(store: StoreClient, account_id: str, boxes: list[str], now: float) -> tuple[int, int]:
    """New and saved messages in these mailboxes."""
    counts = {"new": 0, "saved": 0}
    month = Month.at(now)
    for _ in range(MONTHS):
        database = modb(account_id, month.year, month.month)
        month = month.previous
        for box in boxes:
            view = "mailbox_messages/count_per_box_folder"
            try:
                rows = (await store.view(database, view, startkey=[box], endkey=[box, {}], group_level=2)).rows
            except NotFound:
                continue
            for row in rows:
                if row.key[1] in counts:
                    counts[row.key[1]] += int(row.value)
    return counts["new"], counts["saved"]
