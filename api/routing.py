"""Which URL is which resource: a table of shapes such as `accounts/{account_id}/devices/{device_id}`.

A literal segment wins over a parameter, so `vmboxes/messages` is found beside `vmboxes/{vmbox_id}`. The table's form is
that of Kazoo's own list of URLs (Kazoo reference 5.6).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

from mirliton.api.errors import UnknownUrl

if TYPE_CHECKING:
    from mirliton.api.context import Context
    from mirliton.api.resource import Resource

Handler = Callable[["Context"], Awaitable[Any]]

Scope = Literal["public", "token", "account", "master"]
"""Who may ask: anybody; whoever has a token; who has power over the account in the URL; the master account."""

PlainUser = Literal["any", "own"]
"""What a user who is no administrator may do: anything of this method, or only with what belongs to them."""

Reserved = Literal["above", "master"]
"""Who alone may do it to the account in the URL: those above it (and the master account to itself), or the master."""

MAX_SEGMENTS: Final = 12
MAX_SEGMENT: Final = 1024
"""Characters; a token is a segment of `user_auth/{token}`, and has some 300."""


@dataclass(frozen=True, slots=True)
class Route:
    """One URL shape.

    `methods` is what may be done; `plain` says for which methods a user without `priv_level` admin may do it (see
    `rights.py`), by default for none. `raw` methods take a body that is no JSON.
    """

    shape: str
    resource: str
    methods: Mapping[str, Handler]
    scope: Scope = "account"
    plain: Mapping[str, PlainUser] = field(default_factory=dict)
    raw: frozenset[str] = frozenset()
    reserved: Mapping[str, Reserved] = field(default_factory=dict)
    """Methods that not everybody with power over the account may use."""
    documents: Resource | None = None
    """The declared resource whose documents it serves, for the description of the API."""
    cost: int = 1
    """Tokens of the client's bucket (`buckets.py`)."""

    @property
    def allowed(self) -> tuple[str, ...]:
        """The methods it answers."""
        return tuple(self.methods)


class _Place:
    __slots__ = ("below", "parameter", "parameter_name", "route")

    def __init__(self) -> None:
        self.below: dict[str, _Place] = {}
        self.parameter: _Place | None = None
        self.parameter_name = ""
        self.route: Route | None = None


class Router:
    """Finds the route of a path. Two routes of one shape, or one place with two parameter names, are a ValueError."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Place()
        self.routes = tuple(routes)
        for route in self.routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        place = self._root
        for segment in route.shape.split("/"):
            if segment.startswith("{"):
                name = segment.strip("{}")
                if place.parameter is None:
                    place.parameter, place.parameter_name = _Place(), name
                elif place.parameter_name != name:
                    raise ValueError(
                        f"{route.shape}: {{{name}}} stands where {{{place.parameter_name}}} does elsewhere"
                    )
                place = place.parameter
            else:
                place = place.below.setdefault(segment, _Place())
        if place.route is not None:
            raise ValueError(f"two routes have the shape {route.shape}")
        place.route = route

    def find(self, raw_path: str) -> tuple[Route, dict[str, str]]:
        """The route of a path below the version, still percent-encoded, and its parameters. Raises UnknownUrl."""
        parts = raw_path.strip("/").split("/")
        if len(parts) > MAX_SEGMENTS or any(len(part) > MAX_SEGMENT for part in parts):
            raise UnknownUrl
        try:
            segments = [unquote(part, errors="strict") for part in parts]
        except UnicodeDecodeError:
            raise UnknownUrl from None
        if not all(segment and segment.isprintable() for segment in segments):
            raise UnknownUrl
        parameters: dict[str, str] = {}
        route = self._walk(self._root, segments, 0, parameters)
        if route is None:
            raise UnknownUrl
        return route, parameters

    def _walk(self, place: _Place, segments: list[str], index: int, parameters: dict[str, str]) -> Route | None:
        if index == len(segments):
            return place.route
        literal = place.below.get(segments[index])
        if literal is not None and (found := self._walk(literal, segments, index + 1, parameters)) is not None:
            return found
        if place.parameter is not None:
            found = self._walk(place.parameter, segments, index + 1, parameters)
            if found is not None:
                parameters[place.parameter_name] = segments[index]
                return found
        return None
