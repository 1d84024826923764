"""Taking another tree while running (OTP: supervisor's code_change)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mirliton.runtime import IGNORE, reason_of
from mirliton.supervisors.checks import check_child_specs, check_flags
from mirliton.supervisors.children import Child
from mirliton.supervisors.errors import SpecError
from mirliton.supervisors.requests import OK, Refused
from mirliton.supervisors.specs import ChildSpec
from mirliton.supervisors.tree import Tree

if TYPE_CHECKING:
    from mirliton.supervisors.supervisor import Supervisor


def change_tree(supervisor: Supervisor, arguments: Sequence[Any] | None) -> str | Refused:
    """Describe the tree anew and take it over; all or nothing."""
    args, kwargs = supervisor.arguments if arguments is None else (tuple(arguments), {})
    try:
        described = supervisor.describe(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - as in OTP: what describes the tree fails, the supervisor goes on
        return Refused(("EXIT", reason_of(error)))
    if described is IGNORE:
        return OK
    if not isinstance(described, Tree):
        return Refused(("bad_return", described))
    if (described.strategy == "simple_one_for_one") is not supervisor.simple:
        return Refused(("strategy_change", supervisor.tree.strategy, described.strategy))
    try:
        check_flags(described)
        if supervisor.simple and len(described.children) != 1:
            return Refused(("bad_start_spec", list(described.children)))
        specs = check_child_specs(described.children, described.auto_shutdown)
    except SpecError as error:
        return Refused(error.reason)
    if described.name != supervisor.tree.name:
        return Refused(("name_change", supervisor.tree.name, described.name))
    supervisor.tree = described
    supervisor.arguments = (args, kwargs)
    supervisor.window.change(described.intensity, described.period)
    if supervisor.simple:
        _take_template(supervisor, specs[0])
    else:
        _take_specs(supervisor, specs)
    return OK


def _take_template(supervisor: Supervisor, template: ChildSpec) -> None:
    supervisor.template = template
    for child in supervisor.children:
        child.spec = template


def _take_specs(supervisor: Supervisor, specs: Sequence[ChildSpec]) -> None:
    taken: list[Child] = []
    for spec in specs:
        child = supervisor.children.by_id(spec.id)
        if child is None:
            child = Child(spec)
        child.spec = spec
        taken.append(child)
    supervisor.children.reorder([*taken, *(child for child in supervisor.children if child not in taken)])
