"""Templates of mails: the ones that come with us, and what the system or an account has in their place.

A template is a document `notification.{id}` (Kazoo's `notifications` schema) in the account's database, else in those
of the accounts above it, else in `system_config`; its texts are the attachments `template.text/plain` and
`template.text/html`. What none of them says is as in our own, which are files beside this one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Final

from mirliton.actors.store import Document, InvalidName, NotFound, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db

TEXT: Final = "text/plain"
HTML: Final = "text/html"
ORIGINAL, SPECIFIED, ADMINS = "original", "specified", "admins"
ADDRESS_FIELDS: Final = ("to", "cc", "bcc")
MOST_ADDRESSES: Final = 100


@dataclass(frozen=True, slots=True)
class Addresses:
    """Who gets a mail: whom the event names (original), these (specified), or the account's administrators (admins)."""

    type: str = SPECIFIED
    email_addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """A template, whole. Fields as Kazoo's `notifications` schema has them."""

    id: str
    subject: str
    category: str
    friendly_name: str
    to: Addresses
    text: str
    html: str
    cc: Addresses = Addresses()
    bcc: Addresses = Addresses()
    sender: str = ""
    """`from`; empty: the one of the settings."""
    reply_to: str = ""
    enabled: bool = True


@cache
def builtin(template_id: str) -> MailTemplate:
    """Ours. Raises LookupError for a kind of mail that there is none of."""
    folder = files(__package__) / "templates"
    meta = tomllib.loads((folder / "templates.toml").read_text("utf-8")).get(template_id)
    if meta is None:
        raise LookupError(f"there is no template {template_id!r}")
    return MailTemplate(
        template_id,
        meta["subject"],
        meta["category"],
        meta["friendly_name"],
        Addresses(meta["to"]),
        (folder / f"{template_id}.text").read_text("utf-8"),
        (folder / f"{template_id}.html").read_text("utf-8"),
    )


async def find(store: Store, template_id: str, account_id: str | None) -> MailTemplate:
    """The template as it is for this account."""
    template = builtin(template_id)
    for db in reversed(await _places(store, account_id)):
        template = await _overlaid(store, db, template)
    return template


async def _places(store: Store, account_id: str | None) -> list[str]:
    """The databases that may have the template, the nearest first."""
    if account_id is None:
        return ["system_config"]
    try:
        account = await store.get(account_db(account_id), account_id)
    except (NotFound, InvalidName):
        return ["system_config"]
    above = account.get("pvt_tree")
    tree = [one for one in above if isinstance(one, str)] if isinstance(above, list) else []
    found = [account_db(account_id)]
    for one in reversed(tree):
        try:
            found.append(account_db(one))
        except InvalidName:
            continue
    return [*found, "system_config"]


async def _overlaid(store: Store, db: str, template: MailTemplate) -> MailTemplate:
    doc_id = f"notification.{template.id}"
    try:
        doc = await store.get(db, doc_id)
    except NotFound:
        return template
    if is_deleted(doc):
        return template
    template = merged(template, doc)
    for content_type in (TEXT, HTML):
        name = f"template.{content_type}"
        if name in doc.get("_attachments", {}):
            try:
                data = (await store.get_attachment(db, doc_id, name)).data
            except NotFound:
                continue
            told = data.decode("utf-8", "replace")
            template = replace(template, text=told) if content_type == TEXT else replace(template, html=told)
    return template


def merged(template: MailTemplate, doc: Document | Mapping[str, Any]) -> MailTemplate:
    """The template with what a document, or the notification, has in its place. What is malformed is left out."""
    changes: dict[str, Any] = {}
    for field, name in (("subject", "subject"), ("sender", "from"), ("reply_to", "reply_to")):
        if isinstance(value := doc.get(name), str) and value:
            changes[field] = value
    for name in ADDRESS_FIELDS:
        if isinstance(value := doc.get(name), dict) and value.get("type") in (ORIGINAL, SPECIFIED, ADMINS):
            changes[name] = Addresses(value["type"], addresses(value.get("email_addresses")))
    if isinstance(value := doc.get("enabled"), bool):
        changes["enabled"] = value
    return replace(template, **changes)


def addresses(value: Any) -> tuple[str, ...]:
    """The mail addresses of a list, or of one address; the first of so many, each once, in order."""
    given = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
    plausible = (one.strip() for one in given if isinstance(one, str))
    return tuple(dict.fromkeys(one for one in plausible if is_address(one)))[:MOST_ADDRESSES]


def is_address(value: str) -> bool:
    """Whether a mail could be sent there: one @ with something on each side, nothing that ends a header."""
    local, at, domain = value.rpartition("@")
    return (
        bool(local and at and domain)
        and len(value) <= 254
        and value.isprintable()
        and not any(character in value for character in ' ,;:<>"()[]\\')
        and "@" not in local
    )
