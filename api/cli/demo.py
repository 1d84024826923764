"""The demo account of `make run`: a few people with phones, a ring group, a menu, a voicemail box, two ways in.

1001 alice    answers           2000   rings all three at once
1002 bob      answers           3000   the menu: 1 alice, 2 all, 0 voicemail
1003 carol    is busy: her      *97    check voicemail
     voicemail answers          +15550100 from outside: the menu
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mirliton.actors.store import Conflict, Document
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import stamp
from mirliton.actors.store.names import account_db, new_id
from mirliton.api.credentials import Credentials
from mirliton.config import Settings
from mirliton.ecallmgr.simulator.scripts import BUSY, Script, answer, ring
from mirliton.runtime import Node
from mirliton.whapps.numbers.keeping import Numbers

REALM: Final = "demo.mirliton.test"
ACCOUNT_NAME: Final = "demo"
ADMIN: Final = "admin"
OUTSIDE_NUMBER: Final = "+15550100"


@dataclass(frozen=True, slots=True)
class DemoPhone:
    """A person with a phone: `answers` after so many seconds, or None: always busy."""

    user: str
    number: str
    answers: float | None


PHONES: Final = (DemoPhone("alice", "1001", 1.5), DemoPhone("bob", "1002", 2.0), DemoPhone("carol", "1003", None))


def script_of(phone: DemoPhone) -> Script:
    """How the simulated phone behaves when it is called."""
    return BUSY if phone.answers is None else (ring(after=0.3), answer(after=phone.answers))


async def load_demo(node: Node, settings: Settings) -> None:
    """Load the demo account into a store that has no master account. The admin's password is random, and kept in a file
    of the state directory that only its owner reads."""
    store = StoreClient(node)
    await store.create_database("system_config")
    try:
        account_id = new_id()
        await store.put(
            "system_config",
            stamp({"_id": "accounts", "default": {"master_account_id": account_id}}, type="config", db="system_config"),
        )
    except Conflict:
        return
    password = kept_password(settings.node.state_dir)
    db = account_db(account_id)
    for name in ("accounts", db, f"numbers/{OUTSIDE_NUMBER[:5]}"):
        await store.create_database(name)
    account = {"_id": account_id, "name": ACCOUNT_NAME, "realm": REALM, "enabled": True, "timezone": "UTC"}
    account |= {"pvt_tree": [], "pvt_enabled": True, "pvt_superduper_admin": True}
    stamped = stamp(account, type="account", account_id=account_id)
    await store.put("accounts", stamped)
    await store.put(db, stamped)
    login = await Credentials(store, settings.api.login_secret, node.clock.time).of_password(ADMIN, password)
    for doc in demo_documents(account_id, login):
        await store.put(db, doc)
    number = {"_id": OUTSIDE_NUMBER, "pvt_state": "in_service", "pvt_assigned_to": account_id}
    await store.put(f"numbers/{OUTSIDE_NUMBER[:5]}", stamp(number, type="number", db=f"numbers/{OUTSIDE_NUMBER[:5]}"))
    await Numbers(store, node.clock.time).mend(OUTSIDE_NUMBER)
    node.log.info("demo_loaded", account_id=account_id)


def kept_password(state_dir: Path) -> str:
    """The admin's password, made when there is none yet."""
    path = state_dir / "admin.password"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        password = secrets.token_urlsafe(12)
        path.touch(mode=0o600)
        path.write_text(password + "\n")
        return password


def demo_documents(account_id: str, login: Document) -> list[Document]:
    """Everything in the demo account but the account itself; `login` is what is kept of the admin's password."""
    people = {phone.user: (new_id(), new_id()) for phone in PHONES}
    box, menu = new_id(), new_id()

    def made(kind: str, doc: dict[str, Any]) -> Document:
        return stamp({"_id": new_id(), **doc}, type=kind, account_id=account_id)

    def rings(user: str) -> dict[str, Any]:
        return {"module": "user", "data": {"id": people[user][0], "timeout": 20}}

    everybody = {
        "module": "ring_group",
        "data": {
            "strategy": "simultaneous",
            "timeout": 20,
            "endpoints": [{"id": device, "endpoint_type": "device"} for _, device in people.values()],
        },
    }
    leave = {"module": "voicemail", "data": {"id": box, "action": "compose"}}
    flow_of_menu = {
        "module": "menu",
        "data": {"id": menu},
        "children": {"1": rings("alice"), "2": everybody, "0": leave, "_": leave},
    }
    docs = [
        made(
            "user",
            {
                "first_name": "Demo",
                "last_name": "Admin",
                "username": ADMIN,
                "priv_level": "admin",
                "enabled": True,
                **login,
            },
        ),
        made("vmbox", {"_id": box, "name": "carol", "mailbox": "1003", "pin": "1234", "owner_id": people["carol"][0]}),
        made("menu", {"_id": menu, "name": "reception", "retries": 3, "max_extension_length": 1, "timeout": 5000}),
        made("callflow", {"name": "everybody", "numbers": ["2000"], "flow": everybody}),
        made("callflow", {"name": "reception", "numbers": ["3000", OUTSIDE_NUMBER], "flow": flow_of_menu}),
        made(
            "callflow",
            {
                "name": "check voicemail",
                "numbers": ["*97"],
                "flow": {"module": "voicemail", "data": {"id": box, "action": "check"}},
            },
        ),
    ]
    for phone in PHONES:
        user_id, device_id = people[phone.user]
        flow = rings(phone.user)
        if phone.answers is None:
            flow["children"] = {"_": leave}
        docs += [
            made(
                "user",
                {
                    "_id": user_id,
                    "first_name": phone.user.capitalize(),
                    "last_name": "Demo",
                    "username": phone.user,
                    "presence_id": phone.number,
                },
            ),
            made(
                "device",
                {
                    "_id": device_id,
                    "name": f"{phone.user.capitalize()}'s phone",
                    "owner_id": user_id,
                    "enabled": True,
                    "sip": {"username": phone.user, "password": secrets.token_urlsafe(12), "method": "password"},
                },
            ),
            made("callflow", {"name": phone.user, "numbers": [phone.number], "owner_id": user_id, "flow": flow}),
        ]
    return docs
