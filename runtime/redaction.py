"""What may be shown of a value: short, and without secrets. For dossiers, log lines and looks into processes.

A secret is known by what it is called (a key, a field, the first of a pair: `password`, `auth_token`, `pin` …) and by
how it looks (a JSON web token, `Bearer …`, `sip_auth_password=…` inside a text, the password in a URL, a private key).
A class of your own may say itself what is shown of it:

    class Credentials:
        def __init__(self, user, key):
            self.user, self.key = user, key

        def __redact__(self):
            return {"user": self.user}

>>> class Credentials:
...     def __redact__(self):
...         return {"user": "alice"}
>>> summarise([Credentials(), {"pin": "1234"}, "a;password=hunter2;b"])
"[{'Credentials': {'user': 'alice'}}, {'pin': '«hidden»'}, 'a;password=«hidden»;b']"
"""

from __future__ import annotations

import itertools
import re
import reprlib
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from mirliton.runtime.reasons import Crash

HIDDEN: Final = "«hidden»"
WIDTH: Final = 100
"""Items of one container that are looked at."""
ITEMS: Final = 1_000
"""Items of one value that are looked at, all levels together."""
TEXT: Final = 2_000
"""Characters of a summary or an error text that are shown."""
LONGEST_LOOK: Final = 20_000
"""Characters of a text in which secrets are sought; what is beyond is cut off."""

_SECRET = re.compile(r"(?i)(password|passwd|secret|token|credential|a1.?hash|(^|[_-])(pin|auth|digits?)([_-]|$))")

_LOOKS_SECRET = re.compile(
    r"""(?ix)
    (?P<before>
        \b [\w-]* (?: password | passwd | secret | token | credential s? | a1 [_-]? hash | \b pin ) \w*
            ["']? \s* [=:] \s* ["']?                                        # password=…, "token": "…"
      | authorization ["']? \s* [=:] \s* ["']? (?: (?: basic | bearer | digest ) \s+ )?
      | \b bearer \s+
      | :// [^\s/:@]* :                                                     # the password in a URL
    )
    (?P<secret> (?<= digest\s ) [^\r\n]+ | (?! [«<{[(] ) [^\s,;&"'}\])@]+ )
    | eyJ [\w-]{8,} (?: \. [\w-]* ){0,2}                                    # a JSON web token
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY----- .*? (?: -----END | \Z )
    """,
    re.DOTALL,
)
_SUSPECT = re.compile(r"(?i)passw|secret|token|credential|a1.?hash|pin|authoriz|bearer|://|eyJ|PRIVATE KEY")

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 200
_repr.maxdict = _repr.maxlist = _repr.maxtuple = 12
_repr.maxlevel = 4


def scrub(text: str) -> str:
    """The text without what looks like a secret.

    >>> scrub("originate {sip_auth_password=hunter2,x=1} to sip:bob@example.com")
    'originate {sip_auth_password=«hidden»,x=1} to sip:bob@example.com'
    """
    if len(text) > LONGEST_LOOK:
        text = text[:LONGEST_LOOK] + "…"
    if _SUSPECT.search(text) is None:
        return text
    return _LOOKS_SECRET.sub(lambda found: f"{found['before'] or ''}{HIDDEN}", text)


def redact(value: Any, depth: int = 5) -> Any:
    """The value without its secrets.

    Looks at a hundred items of a container, at a thousand in all, and five levels deep; what lies beyond is left out.
    """
    return _Redaction().of(value, depth)


class _Redaction:
    """One value being looked at; `left` is how many more items may be."""

    def __init__(self) -> None:
        self.left = ITEMS

    def of(self, value: Any, depth: int) -> Any:
        self.left -= 1
        if isinstance(value, str):
            return scrub(value)
        if isinstance(value, bytes):
            return _bytes(value)
        if isinstance(value, int | float | None):
            return value
        if depth == 0 or self.left <= 0:
            return f"<{type(value).__qualname__}>"
        hook = getattr(type(value), "__redact__", None)
        if hook is not None:
            return {type(value).__qualname__: self.of(hook(value), depth - 1)}
        if isinstance(value, Mapping):
            items = self._some(value.items())
            return {key: HIDDEN if _is_secret(key, item) else self.of(item, depth - 1) for key, item in items}
        if isinstance(value, list | tuple | deque | set | frozenset):
            if len(value) == 2 and isinstance(value, list | tuple) and _is_secret(*value):
                return [value[0], HIDDEN]
            return [self.of(item, depth - 1) for item in self._some(value)]
        fields = getattr(type(value), "__dataclass_fields__", None)
        if fields is not None and not isinstance(value, type):
            shown = {name: getattr(value, name, None) for name in fields}
            return {type(value).__qualname__: self.of(shown, depth - 1)}
        return value

    def _some(self, items: Iterable[Any]) -> Iterable[Any]:
        return itertools.islice(items, max(0, min(WIDTH, self.left)))


def _bytes(value: bytes) -> bytes:
    text = value[:LONGEST_LOOK].decode("latin-1")
    shown = scrub(text)
    return value if shown == text and len(value) <= LONGEST_LOOK else shown.encode("utf-8")


def is_secret(key: Any) -> bool:
    """Whether this is what secrets are called."""
    if isinstance(key, bytes):
        key = key.decode("latin-1")
    return isinstance(key, str) and _SECRET.search(key) is not None


def _is_secret(key: Any, value: Any) -> bool:
    return not (value is None or (isinstance(value, str | bytes) and not value)) and is_secret(key)


def summarise(value: Any) -> str:
    """A short, redacted description of any value: at most 2,000 characters."""
    try:
        text = scrub(_repr.repr(redact(value)))
    except Exception as error:  # noqa: BLE001 - a value whose repr raises must not hide the crash
        return f"<{type(value).__qualname__}: {type(error).__name__} while describing it>"
    return text if len(text) <= TEXT else f"{text[:TEXT]}…"


def describe(reason: Any) -> str:
    """An exit reason in words, for a log line."""
    if isinstance(reason, Crash):
        return scrub(f"{reason.kind}: {reason.text[:TEXT]}")
    return scrub(reason[:TEXT]) if isinstance(reason, str) else summarise(reason)


def summarise_state(state: Mapping[str, Any]) -> dict[str, str]:
    """Each attribute in short, without secrets."""
    items = itertools.islice(state.items(), WIDTH)
    return {key: HIDDEN if value is not None and is_secret(key) else summarise(value) for key, value in items}
