"""Tells third parties that documents have changed, as Kazoo does: `doc_edited` and the like on exchange configuration.

The documents themselves are not sent: they hold passwords, and everybody who may use the broker would read them.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.edge.messages import Publish
from mirliton.actors.kapi.conf import DocUpdate
from mirliton.actors.store.news import EVERYTHING, listen
from mirliton.runtime import Address, GenServer, Name

DOC_UPDATES: Final = Name("service", "doc_updates")


class DocUpdates(GenServer):
    """Under DOC_UPDATES: hands what is told of changes, on any node, to the edge, which publishes it where somebody has
    bound it. A restart loses what was under way."""

    mailbox_limit = 20_000
    mailbox_overflow = "drop_oldest"

    def init(self, edge: Address) -> None:
        self.edge = edge
        listen(self, EVERYTHING)

    def handle_info(self, message: Any) -> None:
        match message:
            case DocUpdate():
                self.cast(self.edge, Publish(message))
            case _:
                super().handle_info(message)
