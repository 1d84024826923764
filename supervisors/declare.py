"""Child specs in few words, so that a tree reads like its picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from mirliton.runtime import Process, ProcessName
from mirliton.supervisors.backoff import Backoff
from mirliton.supervisors.checks import check_child_spec
from mirliton.supervisors.specs import ChildSpec, Restart, Shutdown, StartSpec
from mirliton.supervisors.supervisor import Supervisor
from mirliton.supervisors.tree import Tree


def worker(
    cls: type[Process],
    *args: Any,
    id: Any = None,
    restart: Restart = "permanent",
    shutdown: Shutdown | None = None,
    significant: bool = False,
    name: ProcessName | None = None,
    keep_mail: bool = False,
    modules: Sequence[str] | Literal["dynamic"] | None = None,
    backoff: Backoff | None = None,
    start_timeout: float | None = None,
    **kwargs: Any,
) -> ChildSpec:
    """The spec of a worker that runs `cls(*args, **kwargs)`; its id is the class's name unless given.

    Raises InvalidChildSpec.
    """
    return check_child_spec(
        ChildSpec(
            cls.__name__ if id is None else id,
            StartSpec(cls, args, kwargs),
            restart,
            shutdown,
            "worker",
            significant,
            name,
            keep_mail,
            modules,
            backoff,
            start_timeout,
        )
    )


def supervisor(
    what: Tree | type[Supervisor],
    *args: Any,
    id: Any = None,
    restart: Restart = "permanent",
    shutdown: Shutdown | None = None,
    significant: bool = False,
    name: ProcessName | None = None,
    backoff: Backoff | None = None,
    **kwargs: Any,
) -> ChildSpec:
    """The spec of a supervisor: of a Tree, or of a Supervisor subclass with its arguments.

    Its id, unless given, is the key of the tree's name, or the name of the subclass. It has all the time it needs to
    stop unless `shutdown` says otherwise.

    Raises InvalidChildSpec, also ("missing_id") for a tree without a name when no id is given.
    """
    if isinstance(what, Tree):
        cls, arguments, tree_name = Supervisor, (what, *args), what.name
        default_id = tree_name.key if tree_name is not None else None
    else:
        cls, arguments, tree_name = what, args, None
        default_id = what.__name__
    return check_child_spec(
        ChildSpec(
            default_id if id is None else id,
            StartSpec(cls, arguments, kwargs),
            restart,
            shutdown,
            "supervisor",
            significant,
            name if name is not None else tree_name,
            backoff=backoff,
        )
    )
