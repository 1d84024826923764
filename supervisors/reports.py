"""What supervisors report: the same events, with the same fields, as OTP's reports of domain [otp, sasl].

`listen(node, handler)` gets each Report as it happens, in the reporting supervisor's turn, so their order is the order
of events. Each also goes to the log: progress at debug (OTP hides it by default, too), the rest at error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal
from weakref import WeakKeyDictionary

from mirliton.runtime import Name, Node, Pid, Process, is_quiet
from mirliton.supervisors.specs import ChildSpec

Label = Literal["progress", "child_terminated", "start_error", "shutdown_error", "shutdown", "unexpected_message"]


@dataclass(frozen=True, slots=True)
class Report:
    """One report of one supervisor.

    - `label`: OTP's name of the event.
    - `supervisor`: its Name, or its Pid; `supervisor_pid` always its Pid.
    - `reason`: why (a child ended, did not start, ...); for "unexpected_message" the message.
    - `spec`: the child concerned; `pid` its process: the one started, the one that ended, or while `restarting` is
      true the one before the failing restart.
    - `count`: for simple_one_for_one's grouped shutdown errors, how many children ended with this reason.
    """

    label: Label
    supervisor: Name | Pid
    supervisor_pid: Pid
    reason: Any = None
    spec: ChildSpec | None = None
    pid: Pid | None = None
    restarting: bool = False
    count: int | None = None

    @property
    def level(self) -> Literal["info", "error"]:
        """OTP's level for this report."""
        return "info" if self.label == "progress" else "error"


Handler = Callable[[Report], None]

_handlers: Final[WeakKeyDictionary[Node, list[Handler]]] = WeakKeyDictionary()
_listeners = 0


_LEVELS: Final = {"progress": logging.DEBUG}
"""At which the log gets a report; the others at error."""


def wanted(process: Process, label: Label) -> bool:
    """Whether anybody hears of such a report: a listener or the log."""
    if _listeners:
        return True
    return bool(process.node.log.is_enabled_for(_LEVELS.get(label, logging.ERROR)))


def listen(node: Node, handler: Handler) -> Callable[[], None]:
    """Call `handler` with every report of this node's supervisors. Returns the function that ends it.

    A handler must not wait. One that raises is logged and called again for the next report.
    """
    global _listeners
    handlers = _handlers.setdefault(node, [])
    handlers.append(handler)
    _listeners += 1

    def end() -> None:
        global _listeners
        if handler in handlers:
            handlers.remove(handler)
            _listeners -= 1

    return end


def emit(process: Process, report: Report) -> None:
    """Log the report and hand it to the node's handlers."""
    _log(process, report)
    for handler in list(_handlers.get(process.node, ())):
        try:
            handler(report)
        except Exception as error:  # noqa: BLE001 - a listener's fault must not end the supervisor
            process.log.error("report_handler_failed", label=report.label, error=repr(error))


_EVENTS: Final = {
    "progress": "child_started",
    "child_terminated": "child_terminated",
    "start_error": "child_did_not_start",
    "shutdown_error": "child_did_not_stop_cleanly",
    "shutdown": "supervisor_gave_up",
    "unexpected_message": "unexpected_message",
}


def _log(process: Process, report: Report) -> None:
    facts: dict[str, Any] = {"supervisor": str(report.supervisor)}
    if report.spec is not None:
        facts["child"] = report.spec.id
        facts["restart"] = report.spec.restart
    if report.pid is not None:
        facts["child_pid"] = str(report.pid)
    if report.count is not None:
        facts["children"] = report.count
    if report.label == "unexpected_message":
        # The type only: what is in a stray message may be secret.
        facts["type"] = type(report.reason).__qualname__
    elif report.reason is not None:
        facts["reason"] = str(report.reason)
    if report.label == "child_terminated" and report.pid is not None and not is_quiet(report.reason):
        dossier = process.node.dossiers.of(report.pid)
        if dossier is not None:
            facts["dossier"] = dossier.id
    write = process.log.debug if report.label == "progress" else process.log.error
    write(_EVENTS[report.label], **facts)
