"""One request, step by step: where to, who asks, what they say, whether they may, the work, the answer.

Whatever goes wrong on the way becomes an answer in Crossbar's shape; what nobody foresaw is a 500 with a line in the
log, and costs that request only.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import traceback
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from mirliton.api.addresses import client_address
from mirliton.api.body import ANONYMOUS_BODY, Envelope, read_envelope, tunnelled
from mirliton.api.context import Answer, Context, Raw, Services
from mirliton.api.counters import counters_of
from mirliton.api.envelope import failure, preflight, success
from mirliton.api.errors import ApiFault, InvalidCredentials, InvalidMethod, Unavailable, UnknownUrl, UnspecifiedFault
from mirliton.api.faults import fault_of
from mirliton.api.identity import Identity, Presented, presented
from mirliton.api.rights import authorise
from mirliton.api.routing import Route, Router

PREFIX: Final = "/v2"
MAX_IN_FLIGHT: Final = 500
"""Requests under way at once; more are told to come back."""

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_UNKNOWN: Final = Route("", "unknown", {}, "public")


@dataclass(slots=True)
class _Course:
    """How far a request has come, for its log line."""

    request_id: str
    route: Route = _UNKNOWN
    method: str = ""
    identity: Identity | None = None


class Dispatcher:
    """Answers requests."""

    def __init__(self, services: Services, router: Router) -> None:
        self._services = services
        self._router = router
        self._counters = counters_of(services.node)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The answer to a request; never raises but for a cancellation."""
        if request.method == "OPTIONS":
            return preflight()
        began = time.perf_counter()
        course = _Course(_request_id(request), method=request.method)
        node = self._services.node
        self._counters.in_flight += 1
        try:
            if self._counters.in_flight > MAX_IN_FLIGHT:
                self._counters.turned_away += 1
                raise Unavailable("too many requests are under way", "overloaded", "overloaded")
            async with asyncio.timeout(self._services.settings.request_timeout):
                response: web.StreamResponse = await self._carry_out(request, course)
        except Exception as error:  # noqa: BLE001 - every error becomes an answer; the unforeseen are logged in full
            response = failure(request, course.request_id, node.name, self._refusal(error, course))
            if response.status in (401, 413) and not request.content.at_eof():
                # Its body was not read, and will not be.
                response.force_close()
        finally:
            self._counters.in_flight -= 1
        spent = time.perf_counter() - began
        method = course.method if course.method in ("GET", "PUT", "POST", "PATCH", "DELETE") else "other"
        self._counters.answered(course.route.resource, method, response.status, spent)
        self._log(course, response.status, spent)
        return response

    def _refusal(self, error: Exception, course: _Course) -> ApiFault:
        fault = fault_of(error)
        if fault is None or type(fault) is UnspecifiedFault:
            self._counters.crashes += 1
            # As text: whatever formats exceptions might show their variables, and a token is among them.
            self._services.node.log.error(
                "request_crashed",
                request_id=course.request_id,
                route=course.route.shape,
                traceback="".join(traceback.format_exception(error)),
            )
        return fault or UnspecifiedFault()

    async def _carry_out(self, request: web.Request, course: _Course) -> web.Response:
        services = self._services
        path = request.rel_url.raw_path
        if not path.startswith(f"{PREFIX}/"):
            raise UnknownUrl
        route, parameters = self._router.find(path.removeprefix(PREFIX))
        course.route = route
        address = client_address(request, services.proxies)
        shown = presented(request) if route.scope != "public" else None
        if shown is not None:
            course.identity = await self._identified(shown, address)
        known = course.identity is not None
        envelope = Envelope()
        if not known and route.scope != "public" and (request.content_length or 0) > ANONYMOUS_BODY:
            raise InvalidCredentials
        if request.method not in route.raw:
            envelope = await read_envelope(request, services.settings.max_body if known else ANONYMOUS_BODY)
        course.method = method = tunnelled(request, envelope)
        handler = route.methods.get(method)
        if handler is None:
            raise InvalidMethod(method, route.allowed)
        context = Context(services, request, course.request_id, route, method, parameters, envelope.data)
        context.size, context.action, context.address = envelope.size, envelope.action, address
        if route.scope != "public" and course.identity is None:
            if envelope.auth_token is None:
                services.buckets.take(address, "", 1)
                raise InvalidCredentials
            course.identity = await self._identified(Presented(envelope.auth_token), address)
        payer = course.identity.account_id if course.identity is not None else ""
        context.spent = services.buckets.take(address, payer, route.cost)
        if course.identity is not None:
            context.identity = course.identity
            context.account = await authorise(route, method, parameters, course.identity, services.store)
        answer: Answer | Raw = await handler(context)
        return success(context, answer)

    async def _identified(self, shown: Presented, address: str) -> Identity:
        """Who shows this; what turns out to be nobody's is paid for by the address."""
        services = self._services
        try:
            return await services.authentication.identify(shown, address)
        except InvalidCredentials:
            services.buckets.take(address, "", 1)
            raise

    def _log(self, course: _Course, status: int, seconds: float) -> None:
        # The shape, not the path: a path may hold a token, and a query too.
        facts = {"request_id": course.request_id, "method": course.method, "route": course.route.shape}
        if course.identity is not None:
            facts["account_id"] = course.identity.account_id
        self._services.node.log.info("request", status=status, ms=round(seconds * 1000, 1), **facts)


def _request_id(request: web.Request) -> str:
    given = request.headers.get("X-Request-ID", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
