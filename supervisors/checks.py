"""Validation of trees and child specs, with the error terms and in the order of OTP (supervisor:check_childspecs).

Where Python has no equal (name, keep_mail, backoff, start_timeout are ours) the terms follow the same pattern.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mirliton.runtime import Name, Process, Via
from mirliton.supervisors.backoff import backoff_fault
from mirliton.supervisors.errors import InvalidChildSpec, InvalidFlags
from mirliton.supervisors.specs import RESERVED, ChildSpec, StartSpec
from mirliton.supervisors.terms import is_sendable
from mirliton.supervisors.tree import Tree

STRATEGIES: Final = ("one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one")
RESTARTS: Final = ("permanent", "transient", "temporary")
TYPES: Final = ("worker", "supervisor")
AUTO_SHUTDOWNS: Final = ("never", "any_significant", "all_significant")


def check_tree(tree: Tree) -> list[ChildSpec]:
    """The child specs of `tree`, all valid. Looks at this supervisor only, not at those below it.

    Raises SpecError whose reason is what start_link answers in OTP.
    """
    try:
        check_flags(tree)
    except InvalidFlags as error:
        raise InvalidFlags(error.where, ("supervisor_data", error.reason)) from None
    if tree.strategy == "simple_one_for_one" and len(tree.children) != 1:
        raise InvalidChildSpec(_place(tree), ("bad_start_spec", list(tree.children)))
    try:
        return check_child_specs(tree.children, tree.auto_shutdown)
    except InvalidChildSpec as error:
        raise InvalidChildSpec(f"{_place(tree)}, {error.where}", ("start_spec", error.reason)) from None


def check_flags(tree: Tree) -> None:
    """Raise InvalidFlags unless strategy, intensity, period, auto_shutdown, name and max_children are valid."""
    where = _place(tree)
    if tree.strategy not in STRATEGIES:
        raise InvalidFlags(where, ("invalid_strategy", tree.strategy))
    if type(tree.intensity) is not int or tree.intensity < 0:
        raise InvalidFlags(where, ("invalid_intensity", tree.intensity))
    if not _is_seconds(tree.period) or tree.period <= 0:
        raise InvalidFlags(where, ("invalid_period", tree.period))
    if tree.auto_shutdown not in AUTO_SHUTDOWNS:
        raise InvalidFlags(where, ("invalid_auto_shutdown", tree.auto_shutdown))
    if tree.name is not None and type(tree.name) is not Name:
        raise InvalidFlags(where, ("invalid_name", tree.name))
    most = tree.max_children
    if most is not None and (type(most) is not int or most < 0 or tree.strategy != "simple_one_for_one"):
        raise InvalidFlags(where, ("invalid_max_children", most))


def check_child_specs(specs: Sequence[Any], auto_shutdown: str | None = None) -> list[ChildSpec]:
    """The specs in order, all valid and with different ids. `auto_shutdown` None: that of the tree is not known.

    Raises InvalidChildSpec, also ("badarg", V) for an auto_shutdown that is none.
    """
    if auto_shutdown is not None and auto_shutdown not in AUTO_SHUTDOWNS:
        raise InvalidChildSpec("auto_shutdown", ("badarg", auto_shutdown))
    checked: list[ChildSpec] = []
    seen: set[Any] = set()
    for position, spec in enumerate(specs, start=1):
        child = check_child_spec(spec, auto_shutdown, f"child {position}")
        key = id_key(child.id)
        if key in seen:
            raise InvalidChildSpec(f"child {position}", ("duplicate_child_name", child.id))
        seen.add(key)
        checked.append(child)
    return checked


def check_child_spec(spec: Any, auto_shutdown: str | None = None, where: str = "child") -> ChildSpec:
    """The spec as a ChildSpec: it may be one, or a mapping with the same keys (OTP's map form).

    Raises InvalidChildSpec.
    """
    child = _as_child_spec(spec, where)
    reason = _fault(child, auto_shutdown)
    if reason is not None:
        raise InvalidChildSpec(f"{where} {child.id!r}", reason)
    return child


def check_arguments(arguments: Any) -> None:
    """What a dynamic child adds to its template's arguments.

    Raises TypeError unless it is a list or tuple, or a mapping whose keys are words of the child's.
    """
    if type(arguments) is tuple or type(arguments) is list:
        return
    if isinstance(arguments, Mapping):
        if any(type(word) is not str or word in RESERVED for word in arguments):
            raise TypeError(f"keyword arguments are words, and none of {', '.join(RESERVED)}: {arguments!r}")
    elif not isinstance(arguments, Sequence) or isinstance(arguments, str | bytes):
        raise TypeError(f"arguments are a list, a tuple or a mapping, not {arguments!r}")


def id_key(child_id: Any) -> Any:
    """What a child is looked up by: ids may be any value, also one that cannot be hashed; 1, 1.0 and True differ."""
    if type(child_id) is str or type(child_id) is int:
        return child_id  # the usual ones, as they are: no other key is a str or an int
    try:
        hash(child_id)
    except TypeError:
        return (type(child_id), repr(child_id))
    return (type(child_id), child_id)


def _as_child_spec(spec: Any, where: str) -> ChildSpec:
    if type(spec) is ChildSpec:
        return spec
    if not isinstance(spec, Mapping):
        raise InvalidChildSpec(where, ("invalid_child_spec", spec))
    if "id" not in spec:
        raise InvalidChildSpec(where, "missing_id")
    if "start" not in spec:
        raise InvalidChildSpec(f"{where} {spec['id']!r}", "missing_start")
    unknown = [key for key in spec if key not in _FIELDS]
    if unknown:
        raise InvalidChildSpec(f"{where} {spec['id']!r}", ("invalid_key", unknown[0]))
    return ChildSpec(**spec)


_FIELDS: Final = frozenset(ChildSpec.__dataclass_fields__)
_RESERVED: Final = frozenset(RESERVED)


def _fault(child: ChildSpec, auto_shutdown: str | None) -> object:
    """OTP's error term for the first thing that is wrong, in OTP's order; None when nothing is."""
    if child.id is None:
        return "missing_id"
    if child.start is None:
        return "missing_start"
    if type(child.id) is not str and type(child.id) is not int and not is_sendable(child.id):
        return ("invalid_id", child.id)
    if not _start_is_valid(child.start):
        return ("invalid_mfa", child.start)
    if child.restart not in RESTARTS:
        return ("invalid_restart_type", child.restart)
    significant: Any = child.significant
    if significant is True and auto_shutdown == "never":
        return ("bad_combination", [("auto_shutdown", "never"), ("significant", True)])
    if significant is True and child.permanent:
        return ("bad_combination", [("restart", "permanent"), ("significant", True)])
    if type(significant) is not bool:
        return ("invalid_significant", significant)
    if child.type not in TYPES:
        return ("invalid_child_type", child.type)
    if not _shutdown_is_valid(child.shutdown):
        return ("invalid_shutdown", child.shutdown)
    return _modules_fault(child.modules) or _own_fault(child)


def _modules_fault(modules: Any) -> object:
    if modules is None or modules == "dynamic":
        return None
    if not isinstance(modules, list | tuple):
        return ("invalid_modules", modules)
    return next((("invalid_module", module) for module in modules if type(module) is not str), None)


def _own_fault(child: ChildSpec) -> object:
    """The same for the fields that OTP does not have."""
    if child.name is not None and type(child.name) is not Name and type(child.name) is not Via:
        return ("invalid_name", child.name)
    if child.keep_mail is not False and not (child.keep_mail is True and type(child.name) is Name):
        return ("invalid_keep_mail", child.keep_mail)
    if child.backoff is not None and backoff_fault(child.backoff):
        return ("invalid_backoff", child.backoff)
    if child.start_timeout is not None and not (_is_seconds(child.start_timeout) and child.start_timeout > 0):
        return ("invalid_start_timeout", child.start_timeout)
    return None


def _start_is_valid(start: Any) -> bool:
    if type(start) is not StartSpec:
        return False
    if not (isinstance(start.cls, type) and isinstance(start.args, list | tuple) and isinstance(start.kwargs, dict)):
        return False
    if start.function is not None:
        return type(start.function) is str and callable(getattr(start.cls, start.function, None))
    return issubclass(start.cls, Process) and _RESERVED.isdisjoint(start.kwargs)


def _shutdown_is_valid(shutdown: Any) -> bool:
    if shutdown is None or shutdown in ("brutal_kill", "infinity"):
        return True
    return _is_seconds(shutdown) and shutdown >= 0


def _is_seconds(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _place(tree: Tree) -> str:
    return f"tree {tree.name}" if tree.name is not None else f"{tree.strategy} tree"
