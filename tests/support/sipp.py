"""SIPp, one scenario at a time: phones and switches, as far as a test needs them."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kamailio import free_port, program

PATIENCE: Final = 20.0
_numbers: Final = itertools.count(1)


@dataclass(frozen=True)
class Result:
    """How a scenario ended, and all messages that went to and fro, as text."""

    status: int
    messages: str
    output: str

    @property
    def went_well(self) -> bool:
        return self.status == 0

    def received(self) -> list[str]:
        """What came, each message as text."""
        parts = re.split(r"-{20,} \d{4}-\d\d-\d\d[^\n]*\n", self.messages)
        return [part for part in parts if re.match(r"UDP message received", part.lstrip())]

    def statuses(self) -> list[int]:
        """The status codes that came, in their order."""
        return [int(code) for code in re.findall(r"^SIP/2\.0 (\d{3})", "\n".join(self.received()), re.MULTILINE)]


class Sipp:
    """A SIPp that runs. `port` is where it listens."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, port: int) -> None:
        self._process, self._folder, self.port = process, folder, port

    @property
    def messages(self) -> str:
        """All messages up to now."""
        path = self._folder / "messages.log"
        return path.read_text(errors="replace") if path.exists() else ""

    async def ended(self, within: float = PATIENCE) -> Result:
        """How it ended; raises TimeoutError, with what has been said, when it does not."""
        try:
            async with asyncio.timeout(within):
                output, _ = await self._process.communicate()
        except TimeoutError:
            await self.end()
            raise TimeoutError(f"SIPp is not done within {within:g} s:\n{self.messages[-4000:]}") from None
        return Result(self._process.returncode or 0, self.messages, output.decode(errors="replace")[-2000:])

    async def end(self) -> None:
        """End it at once."""
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def start(
    folder: Path, scenario: str, *, to: int | None = None, port: int | None = None, calls: int = 1, timeout: int = 15
) -> Sipp:
    """Run a scenario (the inside of SIPp's <scenario>) against a port, or as whoever is called; `calls` times (0: for
    ever)."""
    own = folder / f"sipp-{next(_numbers)}"
    own.mkdir(parents=True)
    here = port or free_port()
    (own / "scenario.xml").write_text(f'<?xml version="1.0"?>\n<scenario name="a phone">\n{scenario}\n</scenario>\n')
    command = [program("sipp") or "sipp", *([f"127.0.0.1:{to}"] if to is not None else []), "-sf", "scenario.xml",
               "-i", "127.0.0.1", "-p", str(here), "-nostdin", "-timeout", str(timeout), "-timeout_error",
               "-trace_msg", "-message_file", str(own / "messages.log"), "-message_overwrite", "true",
               *(["-m", str(calls)] if calls else []), "-l", str(max(1, calls)),
               "-default_behaviors", "all,-bye", "-cid_str", f"{secrets.token_hex(8)}-%u-%p@%s"]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, cwd=own, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    return Sipp(process, own, here)


async def run(folder: Path, scenario: str, *, to: int, port: int | None = None, timeout: int = 15) -> Result:
    """Run a scenario to its end."""
    return await (await start(folder, scenario, to=to, port=port, timeout=timeout)).ended(timeout + 5.0)


def request(
    method: str,
    uri: str,
    user: str,
    realm: str,
    *,
    cseq: int = 1,
    to: str = "",
    more: str = "",
    body: str = "",
    retransmits: bool = True,
    ends: str = "",
) -> str:
    """One request of a phone; `more` are further headers, `ends` what stands in <send> besides."""
    lines = [
        f"{method} {uri} SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        f"From: <sip:{user}@{realm}>;tag=[call_number]",
        f"To: <{to or uri}>",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:{user}@[local_ip]:[local_port]>",
        "Max-Forwards: 70",
        "User-Agent: SIPp/phone",
        *[line for line in more.splitlines() if line],
        "Content-Length: [len]",
    ]
    text = "\n".join(f"    {line}" for line in lines) + "\n\n" + (f"{body}\n" if body else "")
    wait = ' retrans="500"' if retransmits else ""
    return f"<send{wait}{ends}><![CDATA[\n\n{text}\n    ]]></send>"


def expect(status: int, *, auth: bool = False, optional: bool = False) -> str:
    """One answer that is to come."""
    also = (' auth="true"' if auth else "") + (' optional="true"' if optional else "")
    return f'<recv response="{status}"{also}></recv>'


def register(user: str, realm: str, password: str, status: int = 200, expires: int = 300, more: str = "") -> str:
    """Register with a digest; `status` is the answer to expect."""
    uri, who = f"sip:{realm}", f"sip:{user}@{realm}"
    wanted = f"Expires: {expires}\n{more}"
    digest = f"[authentication username={user} password={password}]"
    return "\n".join(
        [
            request("REGISTER", uri, user, realm, to=who, more=wanted),
            expect(401, auth=True),
            request("REGISTER", uri, user, realm, to=who, cseq=2, more=f"{wanted}\n{digest}"),
            expect(status),
        ]
    )


SDP: Final = """v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 6000 RTP/AVP 0
a=rtpmap:0 PCMU/8000"""


def invite(user: str, realm: str, password: str, number: str = "2000", *, refused: int | None = None) -> str:
    """Call a number, with a digest, and hang up when it is answered; or be `refused` with a status."""
    uri = f"sip:{number}@{realm}"
    digest = f"[authentication username={user} password={password}]"
    first = [
        _call("INVITE", uri, user, realm, 1, body=SDP),
        expect(100, optional=True),
        expect(407, auth=True),
        _call("ACK", uri, user, realm, 1, branch="[branch-2]", peer=True),
        _call("INVITE", uri, user, realm, 2, more=digest, body=SDP),
        expect(100, optional=True),
    ]
    if refused is not None:
        return "\n".join([*first, expect(refused), _call("ACK", uri, user, realm, 2, branch="[branch-3]", peer=True)])
    return "\n".join(
        [
            *first,
            expect(180, optional=True),
            '<recv response="200" rrs="true"></recv>',
            _call("ACK", "[next_url]", user, realm, 2, more="[routes]", peer=True, to=uri),
            # One that overtakes the ACK on its way would end SIPp's other end.
            '<pause milliseconds="50"/>',
            _call("BYE", "[next_url]", user, realm, 3, more="[routes]", peer=True, to=uri),
            expect(200),
        ]
    )


def bare_invite(user: str, realm: str, number: str = "2000", *, refused: int | None = None) -> str:
    """Call a number without a digest, and hang up when it is answered; or be `refused` with a status."""
    uri = f"sip:{number}@{realm}"
    first = [_call("INVITE", uri, user, realm, 1, body=SDP), expect(100, optional=True)]
    if refused is not None:
        return "\n".join([*first, expect(refused), _call("ACK", uri, user, realm, 1, branch="[branch-2]", peer=True)])
    return "\n".join(
        [
            *first,
            expect(180, optional=True),
            '<recv response="200" rrs="true"></recv>',
            _call("ACK", "[next_url]", user, realm, 1, more="[routes]", peer=True, to=uri),
            '<pause milliseconds="50"/>',
            _call("BYE", "[next_url]", user, realm, 2, more="[routes]", peer=True, to=uri),
            expect(200),
        ]
    )


def switch(name: str, status: int = 200, more: str = "") -> str:
    """A switch that answers a call, with its name in a header; or refuses it with a status, and `more` headers."""
    reply = """SIP/2.0 {status} Fine
    [last_Via:]
    [last_From:]
    [last_To:];tag=[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    [last_Record-Route:]
    Contact: <sip:[local_ip]:[local_port]>
    X-Switch: {name}
    {more}Content-Length: [len]

{body}"""

    def answer(status: int, body: str = "", more: str = "") -> str:
        text = reply.format(status=status, name=name, body=body, more=more)
        return f"<send><![CDATA[\n\n    {text}\n    ]]></send>"

    if status != 200:
        return "\n".join(['<recv request="INVITE"></recv>', answer(status, "", more), '<recv request="ACK"></recv>'])
    return "\n".join(
        [
            '<recv request="OPTIONS" optional="true" next="9"></recv>',
            '<recv request="INVITE" rrs="true"></recv>',
            answer(180),
            answer(200, SDP, "Content-Type: application/sdp\n    "),
            '<recv request="ACK"></recv>',
            '<recv request="BYE"></recv>',
            '<label id="9"/>',
            answer(200),
        ]
    )


def _call(
    method: str, uri: str, user: str, realm: str, cseq: int, *, branch: str = "[branch]", more: str = "",
    body: str = "", peer: bool = False, to: str = "",
) -> str:  # fmt: skip
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}",
        f"From: <sip:{user}@{realm}>;tag=[call_number]",
        f"To: <{to or uri}>{'[peer_tag_param]' if peer else ''}",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:{user}@[local_ip]:[local_port]>",
        "Max-Forwards: 70",
        *[line for line in more.splitlines() if line],
        *(["Content-Type: application/sdp"] if body else []),
        "Content-Length: [len]",
    ]
    text = "\n".join(f"    {line}" for line in lines) + "\n\n" + (f"{body}\n" if body else "")
    wait = "" if method == "ACK" else ' retrans="500"'
    return f"<send{wait}><![CDATA[\n\n{text}\n    ]]></send>"


def subscribe(user: str, realm: str, password: str, watched: str, event: str, accept: str) -> str:
    """Watch somebody, and take what is told until the end."""
    uri = f"sip:{watched}@{realm}"
    wanted = f"Event: {event}\nAccept: {accept}\nExpires: 600"
    digest = f"[authentication username={user} password={password}]"
    reply = """SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0
"""
    return "\n".join(
        [
            _call("SUBSCRIBE", uri, user, realm, 1, more=wanted),
            expect(407, auth=True),
            _call("SUBSCRIBE", uri, user, realm, 2, more=f"{wanted}\n{digest}"),
            expect(200),
            '<label id="1"/>',
            '<recv request="NOTIFY"></recv>',
            f'<send next="1"><![CDATA[\n\n    {reply}\n    ]]></send>',
        ]
    )


def trusted_invite(uri: str, user: str, realm: str) -> str:
    """Call as a switch does, without a password, and hang up when it is answered."""
    return "\n".join(
        [
            _call("INVITE", uri, user, realm, 1, body=SDP),
            expect(100, optional=True),
            expect(180, optional=True),
            '<recv response="200" rrs="true"></recv>',
            _call("ACK", "[next_url]", user, realm, 1, more="[routes]", peer=True, to=uri),
            '<pause milliseconds="50"/>',
            _call("BYE", "[next_url]", user, realm, 2, more="[routes]", peer=True, to=uri),
            expect(200),
        ]
    )
