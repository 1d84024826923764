"""An account whose devices register: what a registrar can be asked for, as documents in a store."""

from __future__ import annotations

import time
from typing import Any, Final

from mirliton.actors.store import Document, Month, Store, update
from mirliton.actors.store.documents import stamp
from mirliton.actors.store.names import account_db, modb, month_id

ACCOUNT: Final = "c" * 32
OFF: Final = "d" * 32
REALM: Final = "acme.test"
A1: Final = "0a4f113b0a4f113b0a4f113b0a4f113b"


def _device(name: str, account: str = ACCOUNT, **fields: Any) -> Document:
    sip = {"username": name, "password": f"{name}-secret"} | fields.pop("sip", {})
    doc = {"_id": f"device-{name}", "name": name, "sip": sip, **fields}
    return stamp(doc, type="device", account_id=account)


DEVICES: Final = (
    _device("alice", owner_id="user-ann", presence_id="1001", sip={"custom_sip_headers": {"in": {"X-Desk": "12"}}}),
    _device("bob", register_overwrite_notify=True),
    _device("Carol"),
    _device("dora", enabled=False),
    _device("erik", owner_id="user-off"),
    _device("fax", sip={"method": "ip", "ip": "127.0.0.1", "password": None}),
    _device("gate", sip={"method": "a1-hash", "password": A1}),
    _device("hugo", sip={"password": ""}),
    _device("iris", sip={"method": "sim"}),
    _device("twin", _id="device-twin-1"),
    _device("twin", _id="device-twin-2"),
)


def _account(account_id: str, realm: str, **fields: Any) -> Document:
    doc = {"_id": account_id, "name": realm.split(".")[0], "realm": realm, "enabled": True, **fields}
    return stamp(doc, type="account", account_id=account_id)


def _user(name: str, **fields: Any) -> Document:
    doc = {"_id": f"user-{name}", "first_name": name, "last_name": "Test", **fields}
    return stamp(doc, type="user", account_id=ACCOUNT)


BOX: Final = stamp(
    {"_id": "box-ann", "name": "Ann", "mailbox": "1001", "owner_id": "user-ann"}, type="vmbox", account_id=ACCOUNT
)


async def write(store: Store) -> None:
    """Write an account that is on, with all devices, and one that is off, with a device `alice`."""
    await store.create_database("accounts")
    for account, docs in (
        (_account(ACCOUNT, REALM), [_user("ann"), _user("off", enabled=False), BOX, *DEVICES]),
        (_account(OFF, "off.test", enabled=False, pvt_enabled=False), [_device("alice", OFF)]),
    ):
        database = account_db(account["_id"])
        await store.create_database(database)
        await store.put("accounts", account)
        await store.bulk(database, [account, *docs])


async def change(store: Store, device: str, **fields: Any) -> None:
    """Change fields of a device."""
    await update(store, account_db(ACCOUNT), f"device-{device}", lambda doc: {**doc, **fields})


async def leave_messages(store: Store, new: int, saved: int) -> None:
    """Put messages into Ann's mailbox."""
    month = Month.at(time.time())
    database = modb(ACCOUNT, month.year, month.month)
    await store.create_database(database)
    for folder in ["new"] * new + ["saved"] * saved:
        doc = {"_id": month_id(month), "source_id": "box-ann", "metadata": {"folder": folder, "timestamp": 1}}
        await store.put(database, stamp(doc, type="mailbox_message", account_id=ACCOUNT, db=database))
