"""Whoever runs a call's callflow, as the call's actor sees it."""

from __future__ import annotations

from typing import Any

from mirliton.runtime import Address, GenServer, Name, OutboxFull, Ref


class Controller:
    """`address` is None while there is nobody. Whoever is at work is registered as `name`."""

    def __init__(self, process: GenServer, name: Name) -> None:
        self._process = process
        self._name = name
        self._ref: Ref | None = None
        self.address: Address | None = None
        self.abandoned = False
        """It died at its work, and no other has come yet."""

    def follow(self, address: Address) -> None:
        """It has attached."""
        self.leave()
        self.address = address
        self._ref = self._process.monitor(address)

    def leave(self) -> None:
        """It has done all it wanted, or another takes its place."""
        if self._ref is not None:
            self._process.demonitor(self._ref, flush=True)
        self.address = self._ref = None
        self.abandoned = False

    def adopt(self) -> bool:
        """Whoever is at work has attached to a predecessor of the process, and need not do so again: whether there is
        somebody."""
        found = self._process.whereis(self._name) is not None
        if found:
            self.follow(self._name)
        return found

    def is_lost(self, ref: Ref) -> bool:
        """Whether this is the end of it. It has not detached: whatever it died of, it was not done."""
        if ref != self._ref:
            return False
        self.leave()
        self.abandoned = True
        return True

    def tell(self, message: Any) -> None:
        """Send it a message, if there is anybody. It is lost where too much waits for its node already: to end with
        that would only have a successor meet it again."""
        if self.address is None:
            return
        try:
            self._process.send(self.address, message)
        except OutboxFull as error:
            self._process.log.warning("controller_not_told", what=type(message).__qualname__, error=str(error))
