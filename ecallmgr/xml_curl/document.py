"""Answers as XML.

mod_xml_curl writes an answer to a file and reads it as it reads its configuration: line by line, with a preprocessor
before the parser. That one expands `$${name}` (to the event socket's password, say), and obeys lines with
`X-PRE-PROCESS`, which can run programs; a last line without a newline it drops. It knows nothing of references to
characters, the parser behind it does. So the serializer escapes what is XML's, and then `$` and that word are written
by such references: whatever callers and tenants wrote arrives as they wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PREPROCESSED: Final = re.compile(r"(x)-(pre)-(process)", re.IGNORECASE)
_GLOBAL: Final = "\ue000"
"""Stands for the first sign of a variable that the switch is to fill in. Taken out of every text."""
_GLOBAL_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,63}")


def document(section: str, *elements: Element) -> bytes:
    """The answer to a lookup in a section."""
    root = Element("document", {"type": "freeswitch/xml"})
    inner = SubElement(root, "section", {"name": section})
    inner.extend(elements)
    return _written(root)


def not_found() -> bytes:
    """The answer that there is nothing: the switch looks into its files."""
    return document("result", element("result", status="not found"))


def element(name: str, /, *children: Element, **attributes: str) -> Element:
    """An element; `_` at the end of an attribute's name is left out (`class_`)."""
    made = Element(name, {key.rstrip("_"): _plain(value) for key, value in attributes.items()})
    made.extend(children)
    return made


def params(values: Mapping[str, str] | Iterable[tuple[str, str]], tag: str = "param") -> list[Element]:
    """`<param name="…" value="…"/>` for each."""
    pairs = values.items() if isinstance(values, Mapping) else values
    return [Element(tag, {"name": _plain(name), "value": _valued(value)}) for name, value in pairs]


class Global(str):
    """The name of a variable that the switch fills in by its own value: `Global("local_ip_v4")`. For names of ours,
    never for one that somebody wrote."""

    __slots__ = ()

    def __new__(cls, name: str) -> Global:
        if not _GLOBAL_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a global variable")
        return super().__new__(cls, name)


def _valued(value: str) -> str:
    return f"{_GLOBAL}{_GLOBAL}{{{value}}}" if isinstance(value, Global) else _plain(value)


def _plain(value: str) -> str:
    return _NOT_XML.sub("", value).replace(_GLOBAL, "")


def _written(root: Element) -> bytes:
    text = ElementTree.tostring(root, encoding="unicode")
    text = _PREPROCESSED.sub(r"\1&#45;\2&#45;\3", text.replace("$", "&#36;")).replace(_GLOBAL, "$")
    return f"{text}\n".encode()
