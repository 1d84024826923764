"""set_alert_info: have the phones that are rung from now on ring in a way of their own. Kazoo: cf_set_alert_info."""

from __future__ import annotations

from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.sip_endpoint import ALERT_INFO


async def run(call: Script, data: Data) -> Outcome:
    """`alert_info`, the value of the header. Child: `_`. Raises InvalidFlow without one."""
    alert = text(data, "alert_info")
    if alert is None:
        raise InvalidFlow("set_alert_info", "it has no alert_info")
    call.keep(**{ALERT_INFO: alert[:256]})
    return Next()
