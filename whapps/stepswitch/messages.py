"""What stepswitch is asked and told. The question is kapi's OffnetReq.

executor → stepswitch    OffnetReq (answered OffnetRoutes or OffnetUnavailable), RouteFailed
"""

from __future__ import annotations

from typing import Final, Literal

from mirliton.actors.kapi.dialplan import Endpoint
from mirliton.runtime import Name, message

STEPSWITCH: Final = Name("service", "stepswitch")


@message("stepswitch.route")
class CarrierRoute:
    """One gateway of a carrier. `route_id` names it, the same whenever it is asked for; while a gateway fails it is not
    offered before others for `grace` seconds."""

    route_id: str
    resource_id: str
    endpoint: Endpoint
    grace: float


@message("stepswitch.routes")
class OffnetRoutes:
    """How a number can be called: by these gateways, the best first; or it is the number of `account_id`, an account of
    ours, and no carrier is needed. `kind` is the number's classifier."""

    number: str
    kind: str
    emergency: bool
    account_id: str | None
    routes: tuple[CarrierRoute, ...]
    hangup_on: tuple[str, ...]
    """What ends the search for a carrier: hangup causes, and SIP codes as `sip:603`."""
    denied: Literal["", "emergency_caller_id"] = ""
    """Why the number is not called."""


@message("stepswitch.unavailable")
class OffnetUnavailable:
    """It cannot be said now; ask again."""

    reason: str


@message("stepswitch.failed")
class RouteFailed:
    """A gateway has just failed with this cause."""

    route_id: str
    grace: float
    cause: str
