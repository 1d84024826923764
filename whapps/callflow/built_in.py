"""Callflows that are in no store: what a caller hears who may not call a number, and a preflow with what follows it."""

from __future__ import annotations

from typing import Any, Final

RESTRICTED: Final = "mirliton:restricted"
"""The callflow of a caller who may not call the number."""
TRUNK_IN: Final = "mirliton:trunk_in"
"""That of a call to a number of a customer's PBX, and of a call from one."""
TRUNK_OUT: Final = "mirliton:trunk_out"
_BEFORE: Final = "\n"

BUILT_IN: Final[dict[str, dict[str, Any]]] = {
    RESTRICTED: {
        "module": "answer",
        "children": {
            "_": {"module": "audio_macro", "data": {"macros": [{"macro": "prompt", "id": "cf-unauthorized_call"}]}}
        },
    },
    TRUNK_IN: {"module": TRUNK_IN},
    TRUNK_OUT: {"module": TRUNK_OUT},
}


def with_preflow(preflow_id: str, flow_id: str) -> str:
    """The id of a callflow behind the first action of another."""
    return f"{preflow_id}{_BEFORE}{flow_id}"


def parts_of(flow_id: str) -> tuple[str | None, str]:
    """The preflow and the callflow of such an id; no preflow where there is none."""
    preflow, between, flow = flow_id.partition(_BEFORE)
    return (preflow, flow) if between else (None, flow_id)


def joined(preflow: dict[str, Any], flow: dict[str, Any]) -> dict[str, Any]:
    """The first action of a preflow, and then the callflow (Kazoo takes no more of it)."""
    return {**preflow, "children": {"_": flow}}
