"""SIP dialogues that were captured. Exchange monitor. Kazoo: kapi_inspector."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything


@kapi("inspector.lookup_req", "call_inspector", "monitor", "call_inspector.lookup")
class LookupReq:
    """What was said in this call?"""

    call_id: str


@kapi("inspector.lookup_resp", "call_inspector")
class LookupResp:
    """The SIP messages of the call, and what is odd about them."""

    chunks: Anything
    analysis: Anything = None
    dialog_entities: Anything = None


@kapi("inspector.filter_req", "call_inspector", "monitor", "call_inspector.filter")
class FilterReq:
    """Which of these calls do you know?"""

    call_ids: Anything


@kapi("inspector.filter_resp", "call_inspector")
class FilterResp:
    """Those that this node knows."""

    call_ids: Anything = None
