"""The reports of a process's own end, which OTP's servers and proc_lib make and our log has in one line.

Ours are made at the exit, of what is known then: the reason, whether it came by a signal, and whether a callback raised
it. Processes whose start failed report nothing here, as the recorder could not name them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from mirliton.runtime import Dossier, is_quiet

Raised = Literal["callback", "terminate"]


def end_reports(
    process: str,
    server: str | None,
    reason: Any,
    dossier: Dossier | None,
    raised: Raised | None,
    term: Callable[[Any], Any],
) -> list[dict[str, Any]]:
    """The events, in their order: the report of the `server`, where it is one that was up, then the crash report.

    `raised` says where an exit was raised that is the reason; a crash tells it by itself.
    """
    if dossier is not None and dossier.by:
        return []  # an exit signal ended it, and left it no time to report
    events = []
    report = {"ev": "report", "p": process}
    stated = term(reason)
    error = stated["t"][0] if isinstance(stated, dict) and stated.get("t", [])[1:] == ["STACK"] else None
    if server is not None and (raised == "terminate" or not is_quiet(reason)):
        # A gen_statem tells the stack of an error apart; an exit that was raised has one, a stop has none.
        told = error if error is not None and server == "gen_statem" else stated
        told = {"t": [stated, "STACK"]} if error is None and raised is not None else told
        events.append({**report, "label": f"{server}_terminate", "reason": told})
    if error is not None:
        events.append({**report, "label": "crash", "class": "error", "reason": error})
    elif not is_quiet(reason):
        events.append({**report, "label": "crash", "class": "exit", "reason": stated})
    return events
