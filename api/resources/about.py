"""`about`: which system this is. Kazoo: cb_about."""

from __future__ import annotations

from typing import Final

from mirliton.api.context import Answer, Context
from mirliton.api.envelope import VERSION
from mirliton.api.routing import Route


async def _about(context: Context) -> Answer:
    return Answer({"product": "mirliton", "version": VERSION, "node": context.services.node.name})


ROUTES: Final = (Route("about", "about", {"GET": _about}, "token"),)
