"""Which carriers may take a call, in which order.

By weight (the lightest first), then as they come. A call for help goes by carriers for emergencies where any is there;
those never take other calls. What fails just now comes last, and is still better than nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mirliton.actors.kapi.offnet_resource import OffnetReq
from mirliton.whapps.numbers.rules import NumberRules
from mirliton.whapps.stepswitch.resource import Gateway, Resource


@dataclass(frozen=True, slots=True)
class Candidate:
    """A gateway that may take the call, and the number that it is sent."""

    resource: Resource
    gateway: Gateway
    number: str

    @property
    def route_id(self) -> str:
        """Names the gateway."""
        return f"{self.resource.id}/{self.gateway.index}"


def candidates(
    resources: Iterable[Resource],
    request: OffnetReq,
    number: str,
    rules: NumberRules,
    fails: Callable[[str], bool] = lambda route_id: False,
) -> list[Candidate]:
    """The gateways for a number (in E.164, where it has such a form), the best first. `fails`: whether one does just
    now, by its route_id."""
    caller = request.outbound_caller_id_number or ""
    fitting = [
        (resource, sent)
        for resource in resources
        if suits(resource, request.flags)
        and resource.takes_caller(caller)
        and (sent := resource.takes(number, rules)) is not None
    ]
    if rules.is_emergency(number):
        fitting = [pair for pair in fitting if pair[0].emergency] or fitting
    else:
        fitting = [pair for pair in fitting if not pair[0].emergency]
    fitting.sort(key=lambda pair: pair[0].weight)
    found: dict[str, Candidate] = {}
    for resource, sent in fitting:
        for gateway in _in_order(resource, request.call_id or number):
            candidate = Candidate(resource, gateway, sent)
            found.setdefault(candidate.route_id, candidate)
    return sorted(found.values(), key=lambda candidate: fails(candidate.route_id))


def suits(resource: Resource, flags: Sequence[str]) -> bool:
    """Whether a carrier has all the flags that a call asks for."""
    if resource.ignores_flags:
        return True
    if resource.requires_flags and not flags:
        return False
    return resource.flags.issuperset(flags)


def _in_order(resource: Resource, seed: str) -> list[Gateway]:
    """The gateways in the order in which they are tried. Chance is drawn from the call, so that who asks again for the
    same call is told the same."""
    gateways = list(resource.gateways)
    if resource.document.get("gateway_strategy") == "random":
        random.Random(f"{seed}/{resource.id}").shuffle(gateways)  # noqa: S311 - no secret depends on it
    return gateways
