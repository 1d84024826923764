"""CouchDB's order of view keys, as bytes that compare in that order.

null < false < true < numbers < strings < arrays < objects. Numbers compare by value (1 and 1.0 are one key);
arrays element by element, a shorter one first; objects member by member in their own order: name, then value,
then who has more. `encode` turns a key into bytes so that comparing bytes is comparing keys: an index on them
is a view. The encoding of an array is that of its elements, so a prefix of a key is a prefix of its bytes.

Strings: CouchDB compares them with ICU's root collation. Here the order is that one exactly for ASCII
(punctuation < digits < letters; letters first without regard to case, then a before A), and for letters with
accents (after the plain letter, before the next one). Letters of other scripts come after z in the order of
their code points, other punctuation and symbols after those of ASCII, and what Unicode has not assigned comes
last, so that ["a\\ufff0"] still ends a range of all that begins with a. Where ICU calls two different
strings equal (control characters do not count there) they stay two keys here.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

# One byte opens each value. END closes an array or object and sorts below everything that may stand in its
# place; HIGH sorts above, for the upper end of "all that begins with".
END = b"\x00"
HIGH = b"\xff"
_NULL, _FALSE, _TRUE, _NUMBER, _STRING, _ARRAY, _OBJECT = (bytes([tag]) for tag in range(0x10, 0x80, 0x10))

_LEVEL = b"\x01"  # between the levels of a string; below every weight
_SAFE_INTEGER = 2**53


def encode(key: Any) -> bytes:
    """The key as sortable bytes. Raises TypeError for what is not JSON, ValueError for NaN and lone surrogates."""
    if key is None:
        return _NULL
    if key is True:
        return _TRUE
    if key is False:
        return _FALSE
    if isinstance(key, str):
        return _STRING + encode_text(key)
    if isinstance(key, int | float):
        return _NUMBER + _number(key)
    if isinstance(key, list | tuple):
        return _ARRAY + b"".join([encode(part) for part in key]) + END
    if isinstance(key, Mapping):
        members = [encode_text(name) + encode(value) for name, value in key.items()]
        # 0x02 says "a member follows"; the END of a smaller object sorts below it.
        return _OBJECT + b"".join([b"\x02" + member for member in members]) + END
    raise TypeError(f"a {type(key).__name__} cannot be a view key")


def _number(value: float) -> bytes:
    """The nearest double in sortable form; beyond 2**53 also the distance to it, so that integers stay exact."""
    nearest = float(value)
    if nearest != nearest:
        raise ValueError("NaN cannot be a view key")
    (bits,) = struct.unpack(">Q", struct.pack(">d", nearest + 0.0))  # + 0.0 makes -0.0 the same key as 0.0
    bits = bits ^ 0xFFFFFFFFFFFFFFFF if bits & (1 << 63) else bits | (1 << 63)
    packed: bytes = struct.pack(">Q", bits)
    if -_SAFE_INTEGER < nearest < _SAFE_INTEGER:
        return packed
    distance = value - int(nearest) if isinstance(value, int) else 0
    return packed + struct.pack(">H", distance + 0x8000)


# ASCII in ICU's root order. What is not listed here (the control characters) has no weight at all.
_ASCII_SPACE = "\t\n\v\f\r "
_ASCII_PUNCTUATION = "_-,;:!?.'\"()[]{}@*/\\&#%"
_ASCII_SYMBOLS = "`^+<=>|~"
_ASCII_ORDER = [*_ASCII_SPACE, "Z", *_ASCII_PUNCTUATION, "P", *_ASCII_SYMBOLS, "S", "$", "C", *"0123456789"]
# The capital letters above are places for everything else of that general category (Z: separators …).
_WEIGHTS = {symbol: index + 2 for index, symbol in enumerate(_ASCII_ORDER)}
_CATEGORY_WEIGHT = {category: _WEIGHTS.pop(category) for category in "ZPSC"}
_WEIGHTS |= {letter: index + 0x60 for index, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
_OTHER_LETTER = 0xE0
_UNASSIGNED = 0xF0
_HIGHEST = 0xFE  # U+FFFF, which CouchDB users write for "after everything"

_PRIMARY_TABLE = bytes(_WEIGHTS.get(chr(code).lower(), 0) if code < 128 else 0 for code in range(256))
_CASE_TABLE = bytes(3 if 65 <= code <= 90 else 2 for code in range(256))
_WEIGHTLESS = bytes(code for code in range(128) if not _PRIMARY_TABLE[code])
_PLAIN, _CAPITAL = b"\x02", b"\x03"  # "no accent" and "small letter"; the weight of a capital
# The last level is the string's own bytes, moved up by two so as to leave 0 and 1 for what they mean.
_SHIFT = bytes((code + 2) & 0xFF for code in range(256))


def encode_text(text: str) -> bytes:
    """A string as sortable bytes that end themselves. Raises ValueError where it has no UTF-8."""
    raw = text.encode()
    if text.isascii():
        primary = raw.translate(_PRIMARY_TABLE, _WEIGHTLESS)
        case = raw.translate(_CASE_TABLE, _WEIGHTLESS).rstrip(_PLAIN)
        # Printable ASCII is told apart by these two levels alone.
        exact = b"" if len(primary) == len(raw) else raw.translate(_SHIFT)
        return primary + _LEVEL + _LEVEL + case + _LEVEL + exact + _LEVEL
    primary, accents, case = _levels(text)
    return primary + _LEVEL + accents + _LEVEL + case + _LEVEL + raw.translate(_SHIFT) + _LEVEL


def _levels(text: str) -> tuple[bytes, bytes, bytes]:
    """The three levels of the Unicode collation algorithm: letters, accents, case.

    Trailing plain weights are dropped: strings that are equal on the level before have equally many, so the
    order is the same and the key shorter.
    """
    weights = [_weights(character) for character in unicodedata.normalize("NFKD", text)]
    accents = [accent for _, accent, _ in weights]
    while accents and accents[-1] in (_PLAIN, b""):
        accents.pop()
    case = b"".join([capital for _, _, capital in weights]).rstrip(_PLAIN)
    return b"".join([weight for weight, _, _ in weights]), b"".join(accents), case


@lru_cache(maxsize=4096)
def _weights(character: str) -> tuple[bytes, bytes, bytes]:
    small = character.lower()
    capital = _CAPITAL if small != character else _PLAIN
    if weight := _WEIGHTS.get(small):
        return bytes([weight]), _PLAIN, capital
    code = ord(character)
    if code == 0xFFFF:
        return bytes([_HIGHEST]), _PLAIN, _PLAIN
    category = unicodedata.category(character)
    if category in ("Mn", "Mc", "Me"):
        return b"", b"\x03" + code.to_bytes(3, "big"), b""
    if category in ("Cc", "Cf"):
        return b"", b"", b""
    if category == "Nd":
        return bytes([_WEIGHTS[str(unicodedata.decimal(character))]]), _PLAIN, _PLAIN
    if category in ("Cn", "Co", "Cs"):
        lead = _UNASSIGNED
    elif category == "Sc":
        lead = _CATEGORY_WEIGHT["C"]
    elif category[0] in "ZPS":
        lead = _CATEGORY_WEIGHT[category[0]]
    else:
        lead = _OTHER_LETTER
        code = ord(small) if len(small) == 1 else code
    return bytes([lead]) + code.to_bytes(3, "big"), _PLAIN, capital
