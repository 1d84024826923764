"""`supervision`: the node's supervision trees, processes and crashes; and killing a process. Ours, not Kazoo's.

    GET supervision                                 the trees, from their roots down
    GET supervision/process/{pid or name}           one process, and what its supervisor knows of it
    POST supervision/process/{pid or name}          {"action": "kill"}
    DELETE supervision/process/{pid or name}        the same
    GET supervision/dossiers, …/dossiers/{id}       crashes
    GET supervision/audit                           who killed what

Only administrators of the master account may ask, and every kill is audited (`audit.py`). A process is named by its pid
(with or without the angle brackets) or by its name, `service:cdr`. Looking does not disturb: what a process is doing is
read beside it, so a stuck one is seen too.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from mirliton.api import audit
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.documents import required_object
from mirliton.api.errors import BadIdentifier, InvalidData
from mirliton.api.routing import Route
from mirliton.runtime import Address, CallError, Name, Node, Pid
from mirliton.runtime.introspect import status
from mirliton.supervisors import Explanation, RequestRefused, Supervisor, explain
from mirliton.supervisors.picture import Trees, at, entry_of

LOOK: Final = 2.0
"""Seconds a supervisor has to answer for the tree; one that does not is shown without its children."""
MAX_CHILDREN: Final = 200
"""Children shown of one supervisor, unless `children` in the query asks for another number."""
MOST_CHILDREN: Final = 5000


async def _tree(context: Context) -> Answer:
    text = context.query.get("children", str(MAX_CHILDREN))
    if not (text.isascii() and text.isdigit() and int(text[:9]) <= MOST_CHILDREN):
        raise InvalidData.of("children", "invalid", f"must be 0 to {MOST_CHILDREN}", value=text[:32])
    trees = Trees(context.services.node, LOOK, int(text))
    found = [await trees.below(root) for root in context.services.roots]
    return Answer({"node": context.services.node.name, "processes": len(context.services.node), "trees": found})


async def _process(context: Context) -> Answer:
    node = context.services.node
    asked = _address(node, parameter(context, "process"))
    cell = node.find(asked)
    if cell is None:
        return _gone(context, asked)
    seen = status(cell)
    shown = {name: getattr(seen, name) for name in seen.__dataclass_fields__}
    shown["class"] = shown.pop("class_name")
    shown["explanation"] = await _explained(node, cell.parent, cell.pid)
    return Answer(shown)


def _gone(context: Context, asked: Address) -> Answer:
    """Nobody is there now; a crash may tell of who was."""
    dossier = context.services.node.dossiers.of(asked) if isinstance(asked, Pid) else None
    if dossier is None:
        raise BadIdentifier(str(asked))
    return Answer({"pid": str(asked), "status": "dead", "dossier": dossier.as_dict()})


async def _explained(node: Node, parent: Pid, pid: Pid) -> dict[str, Any] | None:
    cell = node.find(parent)
    if cell is None or not isinstance(cell.actor, Supervisor):
        return None
    try:
        explanation: Explanation = await explain(node, parent, pid, timeout=LOOK)
    except (CallError, RequestRefused):
        return None
    return {
        "supervisor": cell.label,
        "id": str(explanation.id),
        "state": str(explanation.child),
        "history": [entry_of(entry) for entry in explanation.entries],
    }


async def _kill(context: Context) -> Answer:
    node = context.services.node
    asked = _address(node, parameter(context, "process"))
    cell = node.find(asked)
    if cell is None:
        raise BadIdentifier(str(asked))
    # Who was meant is settled before anything is waited for: a name may pass on to another meanwhile.
    pid, label, kind = cell.pid, cell.label, type(cell.actor).__qualname__
    await audit.note(context, "kill", pid=str(pid), name=label, kind=kind)
    node.exit(pid, "kill")
    return Answer({"killed": str(pid), "name": label, "class": kind})


async def _act(context: Context) -> Answer:
    action = required_object(context).get("action")
    if action != "kill":
        raise InvalidData.of("action", "enum", "must be one of the listed values", target=["kill"])
    return await _kill(context)


async def _dossiers(context: Context) -> Answer:
    kept = list(context.services.node.dossiers)
    return Answer(
        [
            {
                "id": dossier.id,
                "when": at(dossier.when),
                "pid": str(dossier.pid),
                "class": dossier.class_name,
                "names": list(dossier.names),
                "reason": str(dossier.reason)[:256],
                "trace_id": dossier.trace_id,
            }
            for dossier in reversed(kept)
        ]
    )


async def _dossier(context: Context) -> Answer:
    text = parameter(context, "dossier_id")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    dossier = context.services.node.dossiers.find(number)
    if dossier is None:
        raise BadIdentifier(text)
    return Answer(await asyncio.to_thread(dossier.as_dict))


async def _audit(context: Context) -> Answer:
    return Answer(await audit.latest(context))


def _address(node: Node, text: str) -> Address:
    """The pid or name that a client wrote. Raises BadIdentifier."""
    bare = text.removeprefix("<").removesuffix(">")
    parts = bare.rsplit(".", 2)
    if len(parts) == 3 and parts[0]:
        try:
            return Pid(parts[0], int(parts[1], 16), int(parts[2]))
        except ValueError:
            pass  # A name may have dots, too.
    kind, colon, key = text.partition(":")
    if not (kind and colon and key):
        raise BadIdentifier(text)
    return Name(kind, key)


_PROCESS: Final = {"GET": _process, "POST": _act, "DELETE": _kill}

ROUTES: Final = (
    Route("supervision", "supervision", {"GET": _tree}, "master"),
    Route("supervision/process/{process}", "supervision", _PROCESS, "master"),
    Route("supervision/dossiers", "supervision", {"GET": _dossiers}, "master"),
    Route("supervision/dossiers/{dossier_id}", "supervision", {"GET": _dossier}, "master"),
    Route("supervision/audit", "supervision", {"GET": _audit}, "master"),
)
