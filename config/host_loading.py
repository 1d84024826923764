"""From a host file to a `Host`, or to one error that lists everything that is wrong, by file, table and key."""

from __future__ import annotations

import graphlib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

from mirliton.config.consistency import MAX_SOCKET_PATH
from mirliton.config.errors import SettingProblem, SettingsError, nearest
from mirliton.config.host import DEFAULTS, MAX_NODES, NODE_NAME, OF_ONE_NODE, Host, HostNode, HostSettings
from mirliton.config.settings import Bounds
from mirliton.config.values import Unusable, coerce, shown

MAX_FILE: Final = 1024 * 1024
MAX_ITEMS: Final = 1024
_TABLES: Final = ("host", "defaults", "nodes")

Table = Mapping[str, Any]


def load_host(file: Path) -> Host:
    """Read `file` and nothing else. Raises `SettingsError` with all problems at once."""
    problems: list[SettingProblem] = []
    document = _Document(str(file), problems)
    tables = document.read(file)
    host = document.values(HostSettings, "host", document.table(tables, "host"), _names(HostSettings))
    defaults = document.values(HostNode, "defaults", document.table(tables, "defaults"), DEFAULTS)
    nodes: dict[str, HostNode] = {}
    for name, table in document.nodes(tables).items():
        own = document.values(HostNode, f"nodes.{name}", table, _names(HostNode))
        if "role" not in table:
            document.fault(f"nodes.{name}.role", "must be given")
        nodes[name] = HostNode(**{**defaults, **own})
    made = Host(file, HostSettings(**host), nodes)
    for key, expectation, value in () if problems else _inconsistencies(made):
        document.fault(key, expectation, value)
    if problems:
        raise SettingsError(problems)
    return made


class _Document:
    """A host file being read; what is wrong with it is collected in `problems`."""

    def __init__(self, source: str, problems: list[SettingProblem]) -> None:
        self._source = source
        self._problems = problems

    def fault(self, key: str, expectation: str, value: str | None = None, hint: str | None = None) -> None:
        self._problems.append(SettingProblem(self._source, key, expectation, value, hint))

    def read(self, file: Path) -> Table:
        try:
            with file.open("rb") as stream:
                content = stream.read(MAX_FILE + 1)
            if len(content) > MAX_FILE:
                self.fault("the file", f"must be smaller than {MAX_FILE} bytes")
                return {}
            tables = tomllib.loads(content.decode())
        except OSError as error:
            self.fault("the file", f"cannot be read: {error.strerror}")
            return {}
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            self.fault("the file", f"is not TOML: {error}")
            return {}
        for name in tables:
            if name not in _TABLES:
                self.fault(f"[{name}]", "is not a table of a host file", hint=nearest(name, _TABLES))
        if "nodes" not in tables:
            self.fault("[nodes]", "must be given: a table [nodes.NAME] for each node")
        return tables

    def table(self, tables: Table, name: str) -> Table:
        table = tables.get(name, {})
        if isinstance(table, dict):
            return table
        self.fault(name, f"must be a table, [{name}]", shown(table))
        return {}

    def nodes(self, tables: Table) -> Mapping[str, Table]:
        nodes: dict[str, Table] = {}
        given = self.table(tables, "nodes")
        if isinstance(tables.get("nodes"), dict) and not 1 <= len(given) <= MAX_NODES:
            self.fault("[nodes]", f"must hold from 1 to {MAX_NODES} nodes", str(len(given)))
            return nodes
        for name, table in given.items():
            if not isinstance(table, dict):
                self.fault(f"nodes.{name}", f"must be a table, [nodes.{name}]", shown(table))
            elif not re.fullmatch(NODE_NAME, name):
                self.fault(f"nodes.{name}", "must have a name of at most 64 letters, digits, '.', '_', '@' or '-'")
            else:
                nodes[name] = table
        return nodes

    def values(self, kind: type, name: str, table: Table, allowed: Collection[str]) -> dict[str, Any]:
        """The values of a table, as the fields of the dataclass `kind` take them."""
        hints = get_type_hints(kind)
        bounds = {each.name: each.metadata.get("bounds", Bounds()) for each in fields(kind)}
        found: dict[str, Any] = {}
        for key, value in table.items():
            if key not in allowed:
                only = key in OF_ONE_NODE and kind is HostNode
                match = None if only else nearest(key, allowed)
                expectation = "belongs in a node's own table" if only else "is not an option"
                self.fault(f"{name}.{key}", expectation, hint=f"{name}.{match}" if match else None)
                continue
            try:
                found[key] = _converted(value, hints[key], bounds[key])
            except Unusable as error:
                # An environment may hold passwords.
                self.fault(f"{name}.{key}", error.expectation, None if key == "environment" else shown(value))
        return found


def _names(kind: type) -> frozenset[str]:
    return frozenset(each.name for each in fields(kind))


def _converted(value: Any, hint: Any, bounds: Bounds) -> Any:
    """As `coerce`, and lists and tables of simple values."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        kind = "whole numbers" if arguments[0] is int else "texts"
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise Unusable(f"must be a list of {kind}")
        try:
            items = tuple(coerce(item, arguments[0], Bounds()) for item in value)
        except Unusable as error:
            raise Unusable(f"must be a list of {kind}, each of which {error.expectation}") from error
        if len(set(items)) != len(items) and arguments[0] is int:
            raise Unusable("must not name one twice")
        return items
    if origin is dict:
        if not isinstance(value, dict) or not all(name and "=" not in name and "\0" not in name for name in value):
            raise Unusable("must be a table of names and texts")
        try:
            return {name: coerce(text, str, Bounds()) for name, text in value.items()}
        except Unusable as error:
            raise Unusable(f"must be a table of names and texts, each of which {error.expectation}") from error
    return coerce(value, hint, bounds)


def _inconsistencies(host: Host) -> Iterator[tuple[str, str, str | None]]:
    socket = host.socket.absolute()
    if len(bytes(socket)) > MAX_SOCKET_PATH:
        yield "host.socket", f"must come to at most {MAX_SOCKET_PATH} bytes as a full path", repr(str(socket))
    for name, node in host.nodes.items():
        for key, expectation, value in _of_node(node):
            yield f"nodes.{name}.{key}", expectation, value
        for other in node.after:
            if other not in host.nodes:
                match = nearest(other, host.nodes)
                hint = f" (did you mean {match}?)" if match else ""
                yield f"nodes.{name}.after", f"names {other!r}, which is no node{hint}", None
    try:
        graphlib.TopologicalSorter({name: node.after for name, node in host.nodes.items()}).prepare()
    except graphlib.CycleError as error:
        circle = error.args[1][::-1]
        yield f"nodes.{circle[0]}.after", f"must not lead back to itself: {' after '.join(circle)}", None


def _of_node(node: HostNode) -> Iterator[tuple[str, str, str | None]]:
    if node.role == "program":
        if not node.program:
            yield "program", 'must be given for the role "program"', None
        if node.settings:
            yield "settings", 'has no meaning for the role "program"', repr(node.settings)
    else:
        for key in ("program", "arguments"):
            if getattr(node, key):
                yield key, 'needs the role "program"', shown(getattr(node, key))
    if node.role == "whapps" and not node.apps:
        yield "apps", 'must be given for the role "whapps"', None
    if node.role != "whapps" and node.apps:
        yield "apps", 'needs the role "whapps"', shown(list(node.apps))
    if node.memory_kill and not node.memory:
        yield "memory_kill", "needs memory to be given too", str(node.memory_kill)
    elif node.memory_kill and node.memory_kill < node.memory:
        yield "memory_kill", "must not be below memory", str(node.memory_kill)
    if node.backoff_first > node.backoff_most:
        yield "backoff_first", "must not exceed backoff_most", f"{node.backoff_first:g}"
    if any(cpu < 0 for cpu in node.cpus):
        yield "cpus", "must be numbers of CPUs, from 0", shown(list(node.cpus))
    if 0 < node.stall_timeout < 0.05:
        yield "stall_timeout", "must be 0 or at least 0.05", f"{node.stall_timeout:g}"
