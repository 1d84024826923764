"""Files of the switch's configuration that follow what operators set for all. Kazoo: ecallmgr_fs_fetch_configuration.

The switch asks for each file that it opens; all but these are its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from xml.etree.ElementTree import Element

from mirliton.actors.store import Store
from mirliton.ecallmgr.plan import Surroundings
from mirliton.ecallmgr.xml_curl.acls import access_lists
from mirliton.ecallmgr.xml_curl.conference import conferences
from mirliton.ecallmgr.xml_curl.document import document, element, not_found
from mirliton.ecallmgr.xml_curl.request import Lookup
from mirliton.ecallmgr.xml_curl.sofia import sip_profiles

Answer = Callable[[Store, Lookup, Surroundings], Awaitable[list[Element]]]
FILES: Final[dict[str, Answer]] = {
    "acl.conf": access_lists,
    "conference.conf": conferences,
    "sofia.conf": sip_profiles,
}


async def configuration(store: Store, lookup: Lookup, around: Surroundings) -> bytes:
    """The answer. Raises StoreError when it cannot be known now: the switch keeps what it has."""
    answer = FILES.get(lookup.key_value) if lookup.tag_name == "configuration" else None
    found = await answer(store, lookup, around) if answer is not None else []
    if not found:
        return not_found()
    return document("configuration", element("configuration", *found, name=lookup.key_value))
