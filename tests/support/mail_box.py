"""A mail server that keeps what it takes: a real one (aiosmtpd), on a free port of the loopback address."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from scene import free_port


class MailBox:
    """`mails` are those that it took. `answers` are given to the next mails in place of taking them."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answers: list[str] = []
        self.refused: list[str] = []
        self.delay = 0.0
        self.attempts = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.attempts += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.answers:
            return self.answers.pop(0)
        assert isinstance(envelope.content, bytes)
        made: Any = message_from_bytes(envelope.content, policy=default)
        self.mails.append(made)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 taken"


@contextlib.asynccontextmanager
async def a_mail_box() -> AsyncIterator[MailBox]:
    """The mail server, for the length of a block."""
    box = MailBox(free_port())
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", box.port)
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
