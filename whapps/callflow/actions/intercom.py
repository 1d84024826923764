"""intercom: call a number whose phones answer by themselves. Kazoo: cf_intercom."""

from __future__ import annotations

from mirliton.whapps.callflow.calling import flow_for
from mirliton.whapps.callflow.fields import flag
from mirliton.whapps.callflow.script import Data, Done, Outcome, Script
from mirliton.whapps.callflow.sip_endpoint import AUTO_ANSWER
from mirliton.whapps.callflow.talking import tell


async def run(call: Script, data: Data) -> Outcome:
    """`barge_calls` (false; true also interrupts a phone that is in use). The number is what the pattern captured: the
    call goes on in its callflow. Nothing follows."""
    number = call.capture_group
    call.keep(**{AUTO_ANSWER: "barge" if flag(data, "barge_calls", False) else "answer"})
    jump = await flow_for(call, number) if number else None
    if jump is None:
        await tell(call, "fault-can_not_be_completed_as_dialed")
    return jump or Done()
