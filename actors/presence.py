"""What those who light lamps are told by those who know."""

from __future__ import annotations

from typing import Final

from mirliton.runtime import message

MAILBOX_NEWS: Final = "mailbox news"
"""The group of those who are told of each MailboxChanged."""


@message("mailbox.changed")
class MailboxChanged:
    """A mailbox has other messages than before, or others of them are new."""

    account_id: str
    box_id: str
