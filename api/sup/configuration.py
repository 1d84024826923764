"""Settings kept as documents, and the store. Kazoo: kapps_config, kapps_account_config, kapps_maintenance.

A category is a document of `system_config`: {"default": {key: value}, node: {key: value}}; an account's is a document
`configs_{category}` in its database. Values are JSON; what is none is taken as text.
"""

from __future__ import annotations

import json
from typing import Any, Final

from mirliton.actors.store import Document, NotFound, Store, update
from mirliton.actors.store.documents import stamp
from mirliton.actors.store.names import account_db
from mirliton.actors.system_config import SYSTEM_CONFIG, config_of
from mirliton.api.sup.commands import Answer, Sup, SupError, command

DEFAULT: Final = "default"


@command("kapps_config")
async def get(sup: Sup, category: str, key: str, node: str = "") -> Answer:
    """A value: a node's own, or else the default one."""
    return _shown(category, key, await config_of(sup.store, category, node=node or sup.node.name))


@command("kapps_config", changes=True)
async def set(sup: Sup, category: str, key: str, value: str) -> Answer:  # Kazoo's name
    """Set a value for this node."""
    return await _set(sup, category, key, value, sup.node.name)


@command("kapps_config", changes=True)
async def set_default(sup: Sup, category: str, key: str, value: str) -> Answer:
    """Set a value for all nodes."""
    return await _set(sup, category, key, value, DEFAULT)


@command("kapps_config", changes=True)
async def set_node(sup: Sup, category: str, key: str, value: str, node: str) -> Answer:
    """Set a value for a node."""
    return await _set(sup, category, key, value, node)


@command("kapps_account_config")
async def get_account(sup: Sup, account_id: str, category: str, key: str) -> Answer:
    """A value as it is for an account: its own, or else the system's."""
    return _shown(category, key, await config_of(sup.store, category, account_id=account_id))


@command("kapps_account_config", changes=True)
async def set_account(sup: Sup, account_id: str, category: str, key: str, value: str) -> Answer:
    """Set a value for an account."""
    doc_id = f"configs_{category}"
    await _change(sup.store, account_db(account_id), doc_id, "account_config", key.split("."), _value(value))
    return f"{account_id} {category}.{key} = {value}"


@command("kapps_maintenance", changes=True)
async def refresh(sup: Sup, database: str = "") -> Answer:
    """Build the views of a database, or of all, that are new or have changed."""
    return f"{await sup.store.refresh(database or None)} views built"


async def _set(sup: Sup, category: str, key: str, value: str, section: str) -> Answer:
    await sup.store.create_database(SYSTEM_CONFIG)
    await _change(sup.store, SYSTEM_CONFIG, category, "config", [section, *key.split(".")], _value(value))
    return f"{category}.{key} = {value} ({section})"


async def _change(store: Store, db: str, doc_id: str, kind: str, path: list[str], value: Any) -> None:
    def change(doc: Document) -> Document:
        made = json.loads(json.dumps(doc))
        place = made
        for name in path[:-1]:
            if not isinstance(place.setdefault(name, {}), dict):
                raise SupError(f"{'.'.join(path)}: {name!r} is a value, and has no parts")
            place = place[name]
        place[path[-1]] = value
        return stamp(made, type=kind, db=db)

    try:
        await update(store, db, doc_id, change, create=True)
    except NotFound as error:
        raise SupError(str(error)) from None


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return text


def _no_json(name: str) -> Any:
    """NaN and the infinities, which Python reads and no store takes."""
    raise ValueError(name)


def _shown(category: str, key: str, config: Any) -> Answer:
    value = config
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        raise SupError(f"{category} has no {key!r}")
    return value if isinstance(value, str | dict | list) else json.dumps(value)
