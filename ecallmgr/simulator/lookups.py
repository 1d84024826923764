"""Looking up an extension over HTTP, as mod_xml_curl does: what is asked, and how an answer is read.

An answer goes through the switch's preprocessor before it is parsed: `$${name}` becomes a global variable of the
switch, a line with X-PRE-PROCESS is obeyed (here: noted in `obeyed`, which no answer may ever bring about) or, where it
does not begin a tag, dropped; and so is a last line without a newline.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree

import aiohttp
import structlog

from mirliton.ecallmgr.simulator.dialplan import Action

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.channel import Leg
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

MAX_ANSWER = 1024 * 1024
_GLOBAL = re.compile(r"\$\$\{([^}]*)\}")
_log = structlog.get_logger(__name__)


class Lookups:
    """Asks at `url`; `timeout` is in real seconds. What cannot be looked up, or is not found, is left to the switch's
    own dialplan."""

    def __init__(self, switch: SimulatedSwitch, url: str, timeout: float = 4.0) -> None:
        parts = urlsplit(url)
        self._switch = switch
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()
        self._headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "freeswitch-xml/1.0",
            **({"Authorization": f"Basic {b64encode(user).decode()}"} if parts.username else {}),
        }
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None
        self.asked = 0
        self.failed = 0
        self.obeyed: list[str] = []

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def find(self, leg: Leg, number: str) -> list[Action] | None:
        """The actions of the extension that a leg has come to, or None."""
        context = leg.profile.get("Context")
        headers = {**self._switch.bus.opening("REQUEST_PARAMS"), **leg.headers(variables=True)}
        texts = {name: value if isinstance(value, str) else value[0] for name, value in headers.items()}
        hunt = {f"Hunt{name[6:]}": value for name, value in texts.items() if name.startswith("Caller-")}
        found = await self.ask("dialplan", {**texts, **hunt, "Hunt-Destination-Number": number})
        if found is None:
            return None
        for each in found.iterfind("context"):
            if each.get("name") == context:
                actions = each.iterfind("extension/condition/action")
                return [(action.get("application", ""), action.get("data")) for action in actions]
        return None

    async def ask(
        self, section: str, headers: dict[str, str], *, key: tuple[str, str, str] = ("", "", "")
    ) -> ElementTree.Element | None:
        """The section that the answer has, or None. `key`: the tag, the attribute and its value that are looked for."""
        fields = {"hostname": self._switch.name, "section": section}
        fields |= dict(zip(("tag_name", "key_name", "key_value"), key, strict=True))
        pairs = [*fields.items(), *headers.items()]
        form = "&".join(f"{name}={quote(value, safe=',/-._()!*', errors='replace')}" for name, value in pairs)
        self.asked += 1
        try:
            answer = await self._post(form.encode())
            root = ElementTree.fromstring(self._preprocessed(answer))  # noqa: S314 - whoever answers steers this switch
        except (aiohttp.ClientError, TimeoutError, OSError, ElementTree.ParseError, ValueError) as error:
            self.failed += 1
            _log.debug("lookup failed", section=section, error=str(error))
            return None
        return root.find(f"section[@name='{section}']")

    async def _post(self, form: bytes) -> str:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers=self._headers)
        async with self._session.post(self._url, data=form) as response:
            answer = await response.content.read(MAX_ANSWER + 1)
            if response.status != 200 or len(answer) > MAX_ANSWER:
                raise ValueError(f"status {response.status}, {len(answer)} bytes")
        return answer.decode()

    def _preprocessed(self, text: str) -> str:
        lines = []
        for line in text.split("\n")[:-1]:
            expanded = _GLOBAL.sub(lambda match: self._switch.globals.get(match[1], ""), line)
            at = expanded.lower().find("x-pre-process")
            if at < 0:
                lines.append(expanded)
            elif expanded[at - 1 : at] == "<":
                self.obeyed.append(expanded)
        return "\n".join(lines)
