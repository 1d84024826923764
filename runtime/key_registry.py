"""KeyRegistry: which processes are registered under which key, each with a value (Elixir: Registry).

The node's own names (`Name`) are for the few processes that everybody knows. A KeyRegistry is a directory of one's
own: any key, one process per key ("unique") or many ("duplicate"), a value beside each. It is itself a process, so it
stands in a supervision tree, and an entry goes when its process does, before anybody hears of that end. A unique
registry also names processes: `Via(registry, key)` takes the place of a Pid in send, cast, call, monitor and start.

    import asyncio

    from mirliton.runtime import GenServer, KeyRegistry, Name, Node, NoProc, Reply, Via, key_registry

    LINES = Name("service", "lines")        # unique: one process per phone number
    RINGING = Name("service", "ringing")    # duplicate: everybody who wants to hear of it


    class Line(GenServer):
        def init(self, number: str) -> None:
            key_registry.register(self, RINGING, "floor-2", number)

        def handle_call(self, request, sender):
            return Reply(10 // request)      # 0 crashes it


    async def main() -> None:
        async with Node() as node:
            await node.start(KeyRegistry, "unique", name=LINES)
            await node.start(KeyRegistry, "duplicate", name=RINGING)
            for number in ("201", "202"):
                await node.start(Line, number, name=Via(LINES, number))

            assert await node.call(Via(LINES, "201"), 5) == 2
            heard = []
            key_registry.dispatch(node, RINGING, "floor-2", lambda entries: heard.extend(v for _, v in entries))
            assert heard == ["201", "202"]

            try:
                await node.call(Via(LINES, "201"), 0)
            except Exception as error:
                assert "ZeroDivisionError" in str(error)
            assert key_registry.count(node, LINES) == key_registry.count(node, RINGING) == 1
            try:
                await node.call(Via(LINES, "201"), 5)
            except NoProc as error:
                assert error.target == Via(LINES, "201")


    asyncio.run(main())

The functions below look into the table of the registry directly, as Erlang looks into an ETS table: they send nothing,
wait for nothing and see every registration at once. `asker` is a process or the node. Each raises NoProc when there is
no registry at that address. Keys are compared as Python's dicts do. Values are handed over by reference and must not be
changed; `update_value` puts another in the place.

A registry's own end takes its entries with it, and as in Elixir the processes registered in it: they get an exit signal
with its reason, as if linked, since what they rely on is no longer true. Their supervisors start them anew, and they
register again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mirliton.runtime.addresses import Address, Name, Pid, Via
from mirliton.runtime.errors import MailboxFull, NameNotRegistered, NameTaken, NoProc
from mirliton.runtime.gen_server import GenServer, Stop
from mirliton.runtime.messages import message
from mirliton.runtime.node import Node
from mirliton.runtime.process import Process
from mirliton.runtime.protocol import ExitSignal

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell

Entry = tuple[Pid, Any]
"""Who is registered, and the value beside it."""
Asker = Process | Node


@message("key_registry.registered")
class KeyRegistered:
    """To a listener: `pid` has been registered under `key`. `registry` is the registry's Name where it has one."""

    registry: Any
    key: Any
    pid: Pid
    value: Any


@message("key_registry.unregistered")
class KeyUnregistered:
    """To a listener: the entries of `pid` under `key` are gone, by its own wish or with it."""

    registry: Any
    key: Any
    pid: Pid


class KeyRegistry(GenServer):
    """A directory of processes. Start it with "unique" or "duplicate"; `listeners` are told of what comes and goes.

    A restart of it is empty. Use the functions of this module, not its methods.
    """

    directory_open = False

    def init(self, keys: Literal["unique", "duplicate"] = "unique", listeners: Sequence[Name] = ()) -> Any:
        if keys not in ("unique", "duplicate"):
            return Stop(("invalid_keys", keys))
        self.trap_exit()  # what it registers is not to take it along
        self.keys = keys
        self.listeners = tuple(listeners)
        self.entries: dict[Any, list[Entry]] = {}
        """By key, in the order of registration."""
        self.keys_of: dict[Pid, list[Any]] = {}
        """By process: one for each of its entries, oldest first."""
        self.watched: dict[Pid, Callable[[], None]] = {}
        """By process: what it was given to own, so that its entries go with it."""
        self.own(self._fall)
        self.directory_open = True
        return None

    # The directory of a Via

    def whereis_name(self, key: Any) -> Pid | None:
        """Who holds `key`. Raises TypeError for a registry whose keys are not unique."""
        if self.keys != "unique":
            raise TypeError(f"a Via needs a registry of unique keys, which {self.called} is not")
        found = self.entries.get(key)
        return found[0][0] if found else None

    def register_name(self, key: Any, pid: Pid) -> None:
        self.enter(key, pid, None)

    def unregister_name(self, key: Any, pid: Pid) -> bool:
        return self.remove(key, pid)

    # The table

    @property
    def called(self) -> Name | Pid:
        """Its name, or its Pid when it has none."""
        names = self._myRef.names
        return names[0] if names else self.pid

    def enter(self, key: Any, pid: Pid, value: Any) -> None:
        """Register a living process of this node. Raises NameTaken (unique keys), or NoProc."""
        present = self.entries.get(key)
        if present and self.keys == "unique":
            raise NameTaken(Via(self.called, key), present[0][0])
        cell = self.node.find(pid)
        if cell is None:
            raise NoProc(pid)
        self.entries.setdefault(key, []).append((pid, value))
        self.keys_of.setdefault(pid, []).append(key)
        self._watch(cell)
        self._tell(KeyRegistered(self.called, key, pid, value))

    def remove(self, key: Any, pid: Pid) -> bool:
        """Take all entries of a process under `key` out; whether there were any."""
        keys = self.keys_of.get(pid)
        if not keys or key not in keys:
            return False
        self._drop(key, pid)
        left = [each for each in keys if each != key]
        if left:
            self.keys_of[pid] = left
        else:
            del self.keys_of[pid]
            self._watch_no_more(pid)
        return True

    def change(self, key: Any, pid: Pid, change: Callable[[Any], Any]) -> tuple[Any, Any]:
        """Put `change(value)` in the place of the value. Returns the new one and the old one."""
        if self.keys != "unique":
            raise TypeError(f"update_value needs a registry of unique keys, which {self.called} is not")
        found = self.entries.get(key)
        if not found or found[0][0] != pid:
            raise NameNotRegistered(Via(self.called, key))
        old = found[0][1]
        new = change(old)
        if self.entries.get(key) is not found:  # `change` itself may have ended the registration
            raise NameNotRegistered(Via(self.called, key))
        found[0] = (pid, new)
        return new, old

    def state(self) -> dict[str, Any]:
        """What `sys.get_state` shows."""
        return {
            "keys": self.keys,
            "listeners": self.listeners,
            "entries": {key: list(found) for key, found in self.entries.items()},
        }

    def set_state(self, state: Any) -> None:
        """Refused: the table has to agree with the processes."""
        raise TypeError("the state of a registry cannot be replaced; register and unregister")

    def handle_info(self, message: Any) -> None:
        if not isinstance(message, ExitSignal):  # of somebody who has it linked for reasons of their own
            super().handle_info(message)

    def _drop(self, key: Any, pid: Pid) -> None:
        left = [entry for entry in self.entries[key] if entry[0] != pid]
        if left:
            self.entries[key] = left
        else:
            del self.entries[key]
        self._tell(KeyUnregistered(self.called, key, pid))

    def _watch(self, cell: Cell) -> None:
        """Forget the process when it ends: at once, and before anybody hears of its end."""
        pid = cell.pid
        if pid in self.watched:
            return
        self.watched[pid] = lambda: self._ended(pid)
        if cell.owned is None:
            cell.owned = []
        cell.owned.append(self.watched[pid])

    def _watch_no_more(self, pid: Pid) -> None:
        close = self.watched.pop(pid)
        cell = self.node.find(pid)
        if cell is not None and cell.owned is not None:
            cell.owned.remove(close)

    def _ended(self, pid: Pid) -> None:
        del self.watched[pid]
        for key in dict.fromkeys(self.keys_of.pop(pid, ())):
            self._drop(key, pid)

    def _tell(self, news: Any) -> None:
        if not self._myRef.alive:
            return
        for listener in self.listeners:
            try:
                self.send(listener, news)
            except MailboxFull as error:
                # Whoever registers is not to suffer for a listener that is behind.
                self.log.warning("listener_not_told", listener=str(listener), error=str(error))

    def _fall(self) -> None:
        """The registry ends, and with it the processes registered in it.

        They are linked to it only now, which is to say last: its supervisor hears of its end before it hears of theirs,
        and restarts them all together where it is told to (rest_for_one).
        """
        registered, self.keys_of, self.entries = list(self.keys_of), {}, {}
        for pid in registered:
            self._watch_no_more(pid)
            self.node.signals.link(self._myRef, pid)


def register(me: Process, registry: Address, key: Any, value: Any = None) -> None:
    """Register the process `me` under `key`; in a duplicate registry any number of times.

    Raises NameTaken where keys are unique and somebody, be it `me`, has it.
    """
    _table(me, registry).enter(key, me.pid, value)


def unregister(me: Process, registry: Address, key: Any) -> None:
    """Take all of `me`'s entries under `key` out; nothing happens when there is none."""
    _table(me, registry).remove(key, me.pid)


def lookup(asker: Asker, registry: Address, key: Any) -> list[Entry]:
    """Who is registered under `key`, with the values: oldest registration first."""
    return list(_table(asker, registry).entries.get(key, ()))


def match(asker: Asker, registry: Address, key: Any, where: Callable[[Any], bool]) -> list[Entry]:
    """The entries under `key` whose value `where` accepts."""
    return [entry for entry in lookup(asker, registry, key) if where(entry[1])]


def select(asker: Asker, registry: Address, where: Callable[[Any, Pid, Any], bool]) -> list[tuple[Any, Pid, Any]]:
    """All entries (key, pid, value) that `where(key, pid, value)` accepts."""
    rows = [(key, *entry) for key, found in _table(asker, registry).entries.items() for entry in found]
    return [row for row in rows if where(*row)]


def dispatch(asker: Asker, registry: Address, key: Any, function: Callable[[list[Entry]], object]) -> None:
    """Hand the entries under `key` to `function`, in the asker; it is not called when there are none."""
    entries = lookup(asker, registry, key)
    if entries:
        function(entries)


def values(asker: Asker, registry: Address, key: Any, pid: Pid) -> list[Any]:
    """The values of one process under `key`."""
    return [value for holder, value in lookup(asker, registry, key) if holder == pid]


def keys(asker: Asker, registry: Address, pid: Pid) -> list[Any]:
    """What a process is registered under, once for each of its entries, oldest first."""
    return list(_table(asker, registry).keys_of.get(pid, ()))


def update_value(me: Process, registry: Address, key: Any, change: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Put `change(value)` in the place of `me`'s value under `key` (unique keys). Returns the new one and the old one.

    Raises NameNotRegistered when `me` does not hold the key. When `change` raises, the value stays.
    """
    return _table(me, registry).change(key, me.pid, change)


def count(asker: Asker, registry: Address) -> int:
    """How many entries there are."""
    return sum(map(len, _table(asker, registry).entries.values()))


def _table(asker: Asker, registry: Address) -> KeyRegistry:
    node = asker._cell.node if isinstance(asker, Process) else asker
    cell = node.find(registry)
    if cell is None or not isinstance(cell.actor, KeyRegistry) or not cell.actor.directory_open:
        raise NoProc(registry, "no registry of keys is there")
    return cell.actor
