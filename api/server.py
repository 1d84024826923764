"""The HTTP server, a process. Requests run beside it, so that a slow one holds nobody up.

It keeps nothing that must survive: a restart forgets wrong logins that were counted and what clients have spent, and
cuts the requests under way after a moment. Every answer is given from the store and from the processes asked.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from mirliton.actors.store import Store
from mirliton.actors.store.client import StoreClient
from mirliton.api.addresses import networks
from mirliton.api.attempts import Attempts
from mirliton.api.authentication import Authentication
from mirliton.api.buckets import Buckets
from mirliton.api.context import Services
from mirliton.api.counters import counters_of
from mirliton.api.credentials import Credentials
from mirliton.api.dispatch import Dispatcher
from mirliton.api.listening import Listener, Where
from mirliton.api.logins import Logins
from mirliton.api.routes import all_routes
from mirliton.api.routing import Router
from mirliton.api.second_factor import SecondFactor
from mirliton.api.tokens import LONGEST, Tokens
from mirliton.config import ApiSettings
from mirliton.runtime import From, GenServer, Name, Reply

API: Final = Name("service", "api")


class ApiServer(GenServer):
    """The REST API. Not being able to listen is a start error that names the address.

    `roots` are the supervisors at the top of this node's trees, for `/v2/supervision`. `store` is the store's actor
    unless another is given.
    """

    async def init(self, settings: ApiSettings, roots: tuple[Name, ...] = (), store: Store | None = None) -> None:
        self.trap_exit(True)
        node = self.node
        opened: Store = store if store is not None else StoreClient(node)
        tokens = Tokens(opened, settings.token_lifetime, node.clock.time, LONGEST)
        credentials = Credentials(opened, settings.login_secret, node.clock.time)
        logins = Logins(opened, node.clock.now, counters_of(node), credentials)
        services = Services(
            node,
            opened,
            settings,
            roots,
            tokens,
            logins,
            credentials,
            Authentication(opened, tokens, logins, node.clock.time),
            Buckets(settings.bucket_tokens, settings.bucket_fill, node.clock.now, counters_of(node)),
            SecondFactor(opened, node.clock.time, node.clock.now),
            Attempts(opened, node.clock.time, node.clock.now),
            networks(settings.trusted_proxies),
        )
        dispatcher = Dispatcher(services, Router(all_routes()))
        app = web.Application(client_max_size=settings.max_body)
        app.router.add_route("*", "/{path:.*}", dispatcher.answer)
        self.listener = Listener(self, app)
        await self.listener.start(settings.host, settings.port)
        self.log.info("api_listening", host=self.listener.address.host, port=self.listener.address.port)

    def handle_call(self, request: Any, sender: From) -> Any:
        if isinstance(request, Where):
            return Reply(self.listener.address)
        return super().handle_call(request, sender)

    async def terminate(self, reason: Any) -> None:
        await self.listener.close()

    def state(self) -> Any:
        counters = counters_of(self.node)
        return {
            "listening": f"{self.listener.address.host}:{self.listener.address.port}",
            "requests": sum(counters.requests.values()),
            "in_flight": counters.in_flight,
        }
