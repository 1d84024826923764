"""Converters and classifiers: numbers as the world writes them, and kinds of numbers. Kazoo: knm_converters.

    rules = await number_rules(store)
    rules.e164("4155550100")         # "+14155550100"
    rules.classify("+14155550100")   # Classifier(name="did_us", …)

What is dialled goes through the caller's `dial_plan`, then through the first converter whose pattern it matches. What
no converter takes is parsed with Google's phone number library, where `default_region` (ours; `US`, `DE` …) says from
where it is dialled; else it stays as it was dialled. Converters and classifiers are those of
`system_config/number_manager`; an account may have converters of its own (`configs_number_manager`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import phonenumbers

from mirliton.actors.store import Store
from mirliton.actors.system_config import config_of
from mirliton.whapps.callflow import patterns
from mirliton.whapps.callflow.fields import flag, mapping, text

CATEGORY: Final = "number_manager"
UNKNOWN: Final = "unknown"
LONGEST: Final = patterns.MAX_SUBJECT

DEFAULT_CONVERTERS: Final[dict[str, Any]] = {
    r"^(\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})$": {"prefix": "+1"},
    r"^011(\d{5,})$|^00(\d{5,})$": {"prefix": "+"},
    r"^[2-9]\d{7,}$": {"prefix": "+"},
}
DEFAULT_CLASSIFIERS: Final[dict[str, Any]] = {
    "tollfree_us": {"regex": r"^\+1((?:800|88\d|877|866|855|844|833|822)\d{7})$", "friendly_name": "US Tollfree"},
    "toll_us": {"regex": r"^\+1(900\d{7})$", "friendly_name": "US Toll"},
    "emergency": {
        "regex": r"^(911|922|933|833|811|711|999)$",
        "friendly_name": "Emergency Dispatcher",
        "emergency": True,
    },
    "caribbean": {
        "regex": r"^\+?1((?:684|264|268|242|246|441|284|345|767|809|829|849|473|671|876|664|670|787|939|869|758|784|721"
        r"|868|649|340)\d{7})$",
        "friendly_name": "Caribbean",
    },
    "did_us": {"regex": r"^(\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})$", "friendly_name": "US DID"},
    "international": {"regex": r"^\+([2-9]\d{7,})$", "friendly_name": "International"},
    "unknown": {"regex": r"^(.*)$", "friendly_name": "Unknown"},
}
"""In the order in which they are tried. Those that a document adds come before; what takes all comes last."""
_DECORATION: Final = re.compile(r"[\s().\-/]")
_DIALLED: Final = re.compile(r"\+?[0-9]{1,32}")


@dataclass(frozen=True, slots=True)
class Classifier:
    """A kind of number."""

    name: str
    regex: str
    friendly_name: str
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Converter:
    """A number that matches `pattern` is its last captured group (or all of it) between `prefix` and `suffix`."""

    pattern: str
    prefix: str
    suffix: str
    trusted: bool
    """Whether an operator wrote the pattern; one of a tenant's is run only if it cannot take long."""

    def convert(self, number: str) -> str | None:
        """The number converted; None when it does not match."""
        found = _match(self.pattern, number, self.trusted)
        if found is None:
            return None
        root = found[found.lastindex] if found.lastindex else found[0]
        return f"{self.prefix}{root}{self.suffix}"


@dataclass(frozen=True, slots=True)
class NumberRules:
    """How numbers are read and told apart."""

    converters: tuple[Converter, ...]
    classifiers: tuple[Classifier, ...]
    default_region: str | None = None

    def e164(self, dialled: str, dial_plan: Mapping[str, Any] | None = None) -> str:
        """What is meant by what was dialled: in E.164 where that can be told, else as it is."""
        number = _DECORATION.sub("", dialled) if dialled[:1] in "+0123456789(" else dialled
        number = with_dial_plan(number, dial_plan or {})
        if len(number) > LONGEST:
            return number
        for converter in self.converters:
            converted = converter.convert(number)
            if converted is not None:
                return converted
        return self._parsed(number) or number

    def classify(self, number: str) -> Classifier:
        """Of what kind a number (in E.164, where it has such a form) is."""
        for classifier in self.classifiers:
            if _match(classifier.regex, number, trusted=True):
                return classifier
        return _UNKNOWN

    def is_emergency(self, number: str) -> bool:
        """Whether it calls for help."""
        return self.classify(number).emergency

    def _parsed(self, number: str) -> str | None:
        if not _DIALLED.fullmatch(number) or (self.default_region is None and not number.startswith("+")):
            return None
        try:
            parsed = phonenumbers.parse(number, self.default_region)
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_valid_number(parsed):
            return None
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


async def number_rules(store: Store, account_id: str | None = None) -> NumberRules:
    """The rules that hold, with an account's own converters. Raises StoreError when the store cannot be asked."""
    system = await config_of(store, CATEGORY)
    own = await config_of(store, CATEGORY, account_id=account_id) if account_id is not None else system
    return rules_of(system, mapping(own, "e164_converters"))


def rules_of(system: Mapping[str, Any], converters: Mapping[str, Any] | None = None) -> NumberRules:
    """The rules of `system_config/number_manager`, what is missing as Kazoo has it. `converters`: all that hold for an
    account, of which those that are not the system's are the account's own."""
    trusted = mapping(system, "e164_converters") or DEFAULT_CONVERTERS
    chosen = converters or trusted
    region = text(system, "default_region")
    return NumberRules(
        converters=tuple(
            Converter(pattern, text(spec, "prefix") or "", text(spec, "suffix") or "", pattern in trusted)
            for pattern, spec in chosen.items()
            if isinstance(spec, dict)
        ),
        classifiers=_classifiers(mapping(system, "classifiers")),
        default_region=region if region in phonenumbers.SUPPORTED_REGIONS else None,
    )


def with_dial_plan(number: str, dial_plan: Mapping[str, Any]) -> str:
    """A number as the caller's `dial_plan` makes it: the first pattern that matches puts its prefix and suffix around
    what it captured."""
    for pattern, spec in dial_plan.items():
        if not isinstance(spec, dict) or not isinstance(pattern, str):
            continue
        made = Converter(pattern, text(spec, "prefix") or "", text(spec, "suffix") or "", False).convert(number)
        if made is not None:
            return made
    return number


def formatted(number: str, form: str) -> str:
    """A number as a gateway wants it: `e164`, `npan` (ten digits), `1npan` (eleven), `strip_plus`; else as it is."""
    digits = number.removeprefix("+")
    match form:
        case "npan":
            return digits.removeprefix("1") if len(digits) == 11 else digits
        case "1npan":
            return f"1{digits}" if len(digits) == 10 else digits
        case "strip_plus":
            return digits
    return number


_UNKNOWN: Final = Classifier(UNKNOWN, "", "Unknown")


def _classifiers(written: Mapping[str, Any]) -> tuple[Classifier, ...]:
    chosen = written or DEFAULT_CLASSIFIERS
    order = {name: position for position, name in enumerate(DEFAULT_CLASSIFIERS, 1)}
    names: Iterable[str] = sorted(chosen, key=lambda name: order.get(name, 0))
    return tuple(
        Classifier(name, regex, text(spec, "friendly_name") or name, flag(spec, "emergency", False))
        for name in names
        if isinstance(spec := chosen[name], dict) and (regex := text(spec, "regex")) is not None
    )


def _match(pattern: str, number: str, trusted: bool) -> re.Match[str] | None:
    if not trusted:
        return patterns.match(pattern, number)
    compiled = _compiled(pattern)
    return compiled.search(number) if compiled is not None and len(number) <= LONGEST else None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """An operator's pattern; None for one that is wrong."""
    try:
        return re.compile(pattern, re.ASCII)
    except (re.error, OverflowError, RecursionError):
        return None
