"""A lookup as mod_xml_curl posts it: a form whose first fields say what is wanted, and whose others are the headers of
the event that led to it (of a leg: all that an event of the leg has)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

from mirliton.ecallmgr.errors import InvalidLookup

MAX_FIELDS: Final = 4096
SECTIONS: Final = frozenset({"configuration", "dialplan", "directory", "languages", "phrases", "chatplan"})


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is asked: the section, for some elements which one by which of its attributes, and the headers."""

    section: str
    tag_name: str
    key_name: str
    key_value: str
    headers: Mapping[str, str]

    def get(self, name: str) -> str:
        """A header; empty where it is not there."""
        return self.headers.get(name, "")


def lookup_of(body: bytes) -> Lookup:
    """The lookup in a posted form. Raises InvalidLookup.

    Of fields with the same name the first counts: what is wanted comes before what callers may have written.
    """
    pairs = body.split(b"&", MAX_FIELDS)
    if len(pairs) > MAX_FIELDS:
        raise InvalidLookup(f"it has more than {MAX_FIELDS} fields")
    fields: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        if name:
            fields.setdefault(_text(name), _text(value))
    section = fields.get("section", "")
    if section not in SECTIONS:
        raise InvalidLookup(f"there is no section {section[:40]!r}")
    return Lookup(section, fields.get("tag_name", ""), fields.get("key_name", ""), fields.get("key_value", ""), fields)


def _text(encoded: bytes) -> str:
    return unquote_plus(encoded.decode("utf-8", "replace"), errors="replace")
