"""One process for a name, anywhere. Exchange globals. Kazoo: kapi_globals."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything


@kapi("globals.query", "globals", "globals", "globals.query.{name}")
class Query:
    """Who has this name?"""

    name: str


@kapi("globals.query_resp", "globals")
class QueryResp:
    """This node has it, since then."""

    name: str
    state: Anything = None
    timestamp: int | None = None


@kapi("globals.send", "globals", "globals", "globals.send.{name}")
class Send:
    """A message for whoever has the name."""

    message: Anything
    name: str


@kapi("globals.call", "globals", "globals", "globals.call.{name}")
class Call:
    """A question for whoever has the name."""

    message: Anything
    name: str


@kapi("globals.reply", "globals")
class Reply:
    """The answer to a question."""

    reply: Anything
    name: str | None = None


@kapi("globals.register", "globals", "globals", "globals.register.{name}")
class Register:
    """I want this name."""

    name: str
    state: Anything = None
    timestamp: int | None = None


@kapi("globals.register_resp", "globals")
class RegisterResp:
    """What came of it."""

    name: str
    state: Anything = None
    timestamp: int | None = None


@kapi("globals.unregister", "globals", "globals", "globals.unregister.{name}")
class Unregister:
    """I no longer have this name."""

    name: str
    reason: str | None = None
