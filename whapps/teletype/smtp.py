"""Handing a mail to the mail server (RFC 5321), by aiosmtplib."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Literal

import aiosmtplib

from mirliton.whapps.teletype.envelope import Prepared


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails go. Fields as Kazoo's `smtp_client` configuration has them; `timeout` in seconds."""

    relay: str
    port: int = 25
    username: str = ""
    password: str = field(default="", repr=False)
    auth: Literal["never", "if_available", "always"] = "if_available"
    tls: Literal["never", "if_available", "always"] = "if_available"
    use_ssl: bool = False
    timeout: float = 10.0
    sender: str = "no_reply@localhost"
    hostname: str = ""
    """What we are called in EHLO and in message ids."""


class NotTaken(Exception):
    """The mail server did not take the mail. `for_good`: it will not take it later either."""

    def __init__(self, problem: str, *, for_good: bool) -> None:
        super().__init__(problem)
        self.for_good = for_good


async def send(server: MailServer, mail: Prepared) -> str:
    """Hand it over; returns the server's answer. Where it takes it for some and refuses others, it counts as taken.

    Raises NotTaken.
    """
    client = aiosmtplib.SMTP(
        hostname=server.relay,
        port=server.port,
        local_hostname=server.hostname or None,
        use_tls=server.use_ssl,
        start_tls={"never": False, "if_available": None, "always": True}[server.tls],
        timeout=server.timeout,
    )
    try:
        async with client:
            if server.username and (
                server.auth == "always" or (server.auth != "never" and client.supports_extension("auth"))
            ):
                await client.login(server.username, server.password)
            refused, answer = await client.send_message(
                mail.message, sender=mail.sender, recipients=list(mail.recipients)
            )
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [one.code for one in error.recipients]
        raise NotTaken(f"all recipients refused: {error}", for_good=all(500 <= code < 600 for code in codes)) from error
    except aiosmtplib.SMTPAuthenticationError as error:
        raise NotTaken(f"not logged in: {error}", for_good=False) from error
    except aiosmtplib.SMTPResponseException as error:
        raise NotTaken(str(error), for_good=500 <= error.code < 600) from error
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
        raise NotTaken(f"{type(error).__name__}: {error}", for_good=False) from error
    return f"{answer}; refused: {', '.join(refused)}" if refused else answer
