"""What holds for an endpoint: what its device says, else its owner, else the account. Kazoo: the merge of kz_endpoint.

The owner of a device that somebody has logged in to (hotdesk) is that user, and nobody while several have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from mirliton.actors.store import Document
from mirliton.whapps.callflow.fields import flag, mapping, owner_of, text
from mirliton.whapps.callflow.script import Script

CallerIdKind = Literal["internal", "external", "emergency"]

NOTHING: Final[Document] = {}


@dataclass(frozen=True, slots=True)
class Attributes:
    """The documents of an endpoint, the nearest first; an empty one where there is none."""

    device: Document
    user: Document
    account: Document

    @property
    def documents(self) -> tuple[Document, Document, Document]:
        return self.device, self.user, self.account

    def text(self, *path: str) -> str | None:
        """A text by its path of names: the first document's that has one."""
        *objects, name = path
        for doc in self.documents:
            for part in objects:
                doc = mapping(doc, part)
            if (value := text(doc, name)) is not None:
                return value
        return None

    def value(self, *path: str) -> Any:
        """Any value by its path of names: the first that is not None."""
        *objects, name = path
        for doc in self.documents:
            for part in objects:
                doc = mapping(doc, part)
            if (value := doc.get(name)) is not None:
                return value
        return None

    def caller_id(self, kind: CallerIdKind) -> tuple[str | None, str | None]:
        """The name and the number that calls are to show, each by itself. Whom emergency services see is, where
        nobody says, whom the world sees."""
        kinds = (kind, "external") if kind == "emergency" else (kind,)
        found = {
            part: next((value for each in kinds if (value := self.text("caller_id", each, part))), None)
            for part in ("name", "number")
        }
        number = found["number"]
        if kind == "internal" and number is None:
            presence = (text(self.device, "presence_id") or text(self.user, "presence_id") or "").partition("@")[0]
            number = presence if presence.isascii() and presence.isdigit() else None
        return found["name"], number

    @property
    def do_not_disturb(self) -> bool:
        """Whether any of them does not want to be disturbed."""
        return any(flag(mapping(doc, "do_not_disturb"), "enabled", False) for doc in self.documents)

    @property
    def call_waiting(self) -> bool:
        """Whether the phone may ring while somebody talks."""
        enabled = self.value("call_waiting", "enabled")
        return enabled if isinstance(enabled, bool) else True

    @property
    def forward(self) -> dict[str, Any]:
        """The call forwarding that counts: the first that is enabled, else the first that stands in for a phone that
        cannot be reached; else an empty one. An account has none."""
        all_of_them = [mapping(doc, "call_forward") for doc in (self.device, self.user)]
        for wanted in ("enabled", "failover"):
            for forward in all_of_them:
                if flag(forward, wanted, False) and text(forward, "number"):
                    return forward
        return {}


async def attributes_of(call: Script, device: Document, owner: Document | None = None) -> Attributes:
    """A device's; `owner` where it is known by whom it is rung."""
    if owner is None:
        owner = await _owner(call, owner_of(device))
    return Attributes(device, owner, await _account(call))


async def user_attributes(call: Script, user: Document) -> Attributes:
    """Those of a user, whatever the phone."""
    return Attributes(NOTHING, user, await _account(call))


async def caller_attributes(call: Script) -> Attributes:
    """The caller's: of the phone or user that the call is from, and of whose call it is."""
    authorizing = await found(call, call.vars.get("Authorizing-ID"))
    device = authorizing if authorizing.get("pvt_type") == "device" else NOTHING
    user = await _owner(call, call.vars.get("Owner-ID"))
    if not user and authorizing.get("pvt_type") == "user":
        user = authorizing
    return Attributes(device, user, await _account(call))


async def found(call: Script, doc_id: Any) -> Document:
    """A document of the account; an empty one where there is none, or none any more."""
    doc = await call.known_document(doc_id) if isinstance(doc_id, str) and doc_id else None
    return doc if doc is not None else NOTHING


async def _owner(call: Script, user_id: Any) -> Document:
    user = await found(call, user_id)
    return user if user.get("pvt_type") == "user" else NOTHING


async def _account(call: Script) -> Document:
    return await found(call, call.account_id)
