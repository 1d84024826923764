"""Phones: who can be called here, where, and how each behaves by default and in its next calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping

from mirliton.ecallmgr.simulator.calls import RemoteCall
from mirliton.ecallmgr.simulator.errors import Late, UnknownPhone
from mirliton.ecallmgr.simulator.scripts import ANSWERS, Script

MAX_QUEUED = 10_000
DEFAULT_USER_AGENT = "simulated phone"


class Phone:
    """A scripted phone: `user`@`realm`, reachable at `contact` (host:port).

    `script` is what it does in any call; scripts queued with `next` are used first, one per call.
    `variables` are what its user's directory entry sets on calls it places and shows in its registrations.
    """

    def __init__(
        self,
        user: str,
        realm: str,
        *,
        contact: str = "127.0.0.1:5090",
        script: Script = ANSWERS,
        variables: Mapping[str, str] | None = None,
        user_agent: str = DEFAULT_USER_AGENT,
    ) -> None:
        self.user = user
        self.realm = realm
        self.contact = contact
        self.script = script
        self.variables = dict(variables or {})
        self.user_agent = user_agent
        self._next: deque[Script] = deque()
        self._arrived: deque[RemoteCall] = deque(maxlen=MAX_QUEUED)
        self._waiters: deque[asyncio.Future[RemoteCall]] = deque()

    def __repr__(self) -> str:
        return f"<Phone {self.user}@{self.realm} at {self.contact}>"

    def next(self, *scripts: Script) -> Phone:
        """Queue scripts for the next calls, one each."""
        if len(self._next) + len(scripts) > MAX_QUEUED:
            raise ValueError(f"{self!r} has {len(self._next)} scripts waiting; {MAX_QUEUED} is the most")
        self._next.extend(scripts)
        return self

    def take_script(self) -> Script:
        """The script of the call that arrives now."""
        return self._next.popleft() if self._next else self.script

    def arrive(self, call: RemoteCall) -> None:
        """A call reaches the phone."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(call)
                return
        self._arrived.append(call)

    async def next_call(self, within: float = 5.0) -> RemoteCall:
        """The next call that reached this phone and was not taken yet; raises Late after `within` real seconds."""
        if self._arrived:
            return self._arrived.popleft()
        waiter: asyncio.Future[RemoteCall] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(within):
                return await waiter
        except TimeoutError:
            raise Late(f"a call to {self.user}@{self.realm}", within) from None


class PhoneBook:
    """All phones, by user and realm and by contact."""

    def __init__(self) -> None:
        self._phones: dict[tuple[str, str], Phone] = {}
        self._contacts: dict[tuple[str, str], Phone] = {}

    def __iter__(self) -> Iterator[Phone]:
        return iter(list(self._phones.values()))

    def add(self, phone: Phone) -> Phone:
        """Add a phone, in place of one with the same user and realm."""
        old = self._phones.get((phone.user, phone.realm))
        if old is not None:
            self.remove(phone.user, phone.realm)
        self._phones[(phone.user, phone.realm)] = phone
        self._contacts[(phone.user, phone.contact)] = phone
        return phone

    def remove(self, user: str, realm: str) -> None:
        """Take a phone away; raises UnknownPhone."""
        phone = self._phones.pop((user, realm), None)
        if phone is None:
            raise UnknownPhone(user, realm)
        if self._contacts.get((user, phone.contact)) is phone:
            del self._contacts[(user, phone.contact)]

    def get(self, user: str, realm: str) -> Phone | None:
        """The phone of a user; without a realm the first with that user."""
        if realm:
            return self._phones.get((user, realm))
        return next((phone for phone in self._phones.values() if phone.user == user), None)

    def require(self, user: str, realm: str) -> Phone:
        """The phone of a user; raises UnknownPhone."""
        phone = self.get(user, realm)
        if phone is None:
            raise UnknownPhone(user, realm)
        return phone

    def at(self, address: str) -> Phone | None:
        """The phone that answers at `user@host[:port]`: by contact, by realm, or a wildcard user `*` there."""
        user, _, host_port = address.partition("@")
        host = host_port.partition(":")[0]
        return (
            self._contacts.get((user, host_port))
            or self._phones.get((user, host_port))
            or self._phones.get((user, host))
            or self._contacts.get(("*", host_port))
            or self._phones.get(("*", host_port))
            or self._phones.get(("*", host))
        )
