"""Addresses: a Pid is one process, a Name is whoever holds it now on this node, a NameAt whoever does on another, a
Via is whom another process has under a key.

All are Thespian ActorAddresses (so Thespian's own API takes them), and unlike Thespian's they can be hashed.
"""

from __future__ import annotations

from typing import Any

from thespian.actors import ActorAddress

from mirliton.runtime.place import Place


class Pid(Place, ActorAddress):
    """This very process: stale once it ends, also when a supervisor starts another in its place (as in Erlang).

    `node` is the name of its node, `incarnation` tells the node's starts apart, `serial` is never used twice in one
    incarnation.
    """

    __slots__ = ()
    __match_args__ = ("node", "incarnation", "serial")

    @property
    def addressDetails(self) -> str:
        return str(self)

    @property
    def actorAddressString(self) -> str:
        return str(self)

    def __str__(self) -> str:
        # No angle brackets, as Erlang's have: an operator types this in a shell.
        return f"{self.node}.{self.incarnation:x}.{self.serial}"

    def __repr__(self) -> str:
        return f"<{self}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Pid, (self.node, self.incarnation, self.serial)


class Name(ActorAddress):
    """Whoever is that entity now: `Name("call", call_id)`, `Name("account", account_id)`, `Name("service", "cdr")`.

    Resolved at each send, so it survives restarts.
    """

    __slots__ = ("_hash", "key", "kind")
    __match_args__ = ("kind", "key")

    def __init__(self, kind: str, key: str) -> None:
        self.kind = kind
        self.key = key
        self._hash = hash((kind, key))

    def at(self, node: str) -> NameAt:
        """Whoever has this name on that node."""
        return NameAt(self, node)

    @property
    def addressDetails(self) -> str:
        return str(self)

    @property
    def actorAddressString(self) -> str:
        return str(self)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Name) and self.kind == other.kind and self.key == other.key

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"

    def __repr__(self) -> str:
        return f"Name({self.kind!r}, {self.key!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Name, (self.kind, self.key)


class NameAt(ActorAddress):
    """Whoever has the Name on that node now: `Name("service", "cdr").at("whapps1@host")` (Erlang's {Name, Node}).

    Resolved there at each arrival, so it survives restarts of the process and of the node.
    """

    __slots__ = ("_hash", "name", "node")
    __match_args__ = ("name", "node")

    def __init__(self, name: Name, node: str) -> None:
        self.name = name
        self.node = node
        self._hash = hash((name, node))

    @property
    def addressDetails(self) -> str:
        return str(self)

    @property
    def actorAddressString(self) -> str:
        return str(self)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NameAt) and self.name == other.name and self.node == other.node

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __str__(self) -> str:
        return f"{self.name}@{self.node}"

    def __repr__(self) -> str:
        return f"NameAt({self.name!r}, {self.node!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return NameAt, (self.name, self.node)


class Via(ActorAddress):
    """Whoever a directory has under a key now: `Via(Name("service", "lines"), "1001")` (OTP: `{via, Module, Name}`).

    `registry` is where the directory is: a KeyRegistry, a PartitionSupervisor, or any process with `whereis_name`
    (see via.py). `key` can be hashed; to travel it must be sendable too. Resolved at each send, on the sender's node.
    """

    __slots__ = ("_hash", "key", "registry")
    __match_args__ = ("registry", "key")

    def __init__(self, registry: Pid | Name, key: Any) -> None:
        self.registry = registry
        self.key = key
        self._hash = hash((registry, key))

    @property
    def addressDetails(self) -> str:
        return str(self)

    @property
    def actorAddressString(self) -> str:
        return str(self)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Via) and self.registry == other.registry and bool(self.key == other.key)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __str__(self) -> str:
        return f"{self.registry}[{self.key!r}]"

    def __repr__(self) -> str:
        return f"Via({self.registry!r}, {self.key!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Via, (self.registry, self.key)


ProcessName = Name | Via
"""What a process can be registered under."""
Address = Pid | Name | NameAt | Via
