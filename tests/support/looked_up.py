"""The HTTP server that answers lookups, with a store and whoever is asked; and a simulated switch that asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from mirliton.actors.kapi.authn import AuthnErr
from mirliton.actors.kapi.route import RouteReq, RouteResp
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import AUTHN, ROUTER
from mirliton.ecallmgr.simulator import SimulatedSwitch
from mirliton.ecallmgr.simulator.lookups import Lookups
from mirliton.ecallmgr.switch_http import SWITCH_HTTP, SwitchHttp, SwitchHttpAddress
from mirliton.ecallmgr.translate import Surroundings
from mirliton.ecallmgr.xml_curl.answering import LookupSettings
from mirliton.runtime import Node
from mirliton.runtime.testing import Probe

CONTEXT = "context_2"


class Lookup:
    """`route` and `phone` answer what callflow and the registrar are asked."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.before: list[Any] = []
        """What whoever routes answers first."""
        self.route: Any = RouteResp(method="park", custom_channel_vars={"Account-ID": "acct"})
        self.phone: Any = AuthnErr()
        self.asked: list[Any] = []

    async def start(self, folder: Path, *, credentials: str = "", routed: bool = True, timeout: float = 5.0) -> None:
        await self.node.start(StoreServer, str(folder / "s.db"), name=STORE)
        self.store = StoreClient(self.node)
        if routed:
            await Probe.start(
                self.node,
                name=ROUTER,
                answer=self._answering(lambda: self.before.pop(0) if self.before else self.route),
            )
            await Probe.start(self.node, name=AUTHN, answer=self._answering(lambda: self.phone))
        settings = LookupSettings("/fetch", Surroundings(context=CONTEXT), timeout, timeout)
        address = SwitchHttpAddress("127.0.0.1", 0, "/x", "switch", credentials, b"secret", lookups=settings)
        await self.node.start(SwitchHttp, address, name=SWITCH_HTTP)
        self.switch = SimulatedSwitch(heartbeat=0)
        user = f"switch:{credentials}@" if credentials else ""
        self.url = f"http://{user}127.0.0.1:{self.server.port}/fetch"
        self.switch.lookups = self.lookups = Lookups(self.switch, self.url)

    @property
    def server(self) -> SwitchHttp:
        cell = self.node.find(SWITCH_HTTP)
        assert cell is not None
        actor = cell.actor
        assert isinstance(actor, SwitchHttp)
        return actor

    def _answering(self, answer: Callable[[], Any]) -> Callable[[Any], Any]:
        def answered(request: Any) -> Any:
            self.asked.append(request)
            return answer()

        return answered

    def _routed(self) -> Any:
        return self.before.pop(0) if self.before else self.route

    @property
    def request(self) -> RouteReq:
        """The routing question that was asked, which is the only one."""
        (request,) = self.asked
        assert isinstance(request, RouteReq)
        return request

    async def dialplan(self, **headers: str) -> list[tuple[str, str | None]] | None:
        """The actions that a leg is given, or None: not found."""
        found = await self.lookups.ask("dialplan", {**A_LEG, **{_header(name): each for name, each in headers.items()}})
        if found is None:
            return None
        (context,) = found
        assert context.get("name") == CONTEXT
        return [
            (str(each.get("application")), each.get("data")) for each in context.iterfind("extension/condition/action")
        ]

    async def file(self, name: str, **headers: str) -> Element | None:
        """A file of the configuration, or None: not found."""
        found = await self.lookups.ask("configuration", headers, key=("configuration", "name", name))
        return None if found is None else found.find(f"configuration[@name='{name}']")


def _header(name: str) -> str:
    return name if "_" not in name or name.startswith("variable_") else name.replace("_", "-")


A_LEG = {
    "Event-Name": "REQUEST_PARAMS",
    "FreeSWITCH-Switchname": "fs1.local",
    "Unique-ID": "leg-1",
    "Call-Direction": "inbound",
    "Answer-State": "ringing",
    "Channel-Name": "sofia/internal/alice@acme.test",
    "Caller-Context": CONTEXT,
    "Hunt-Context": CONTEXT,
    "Caller-Caller-ID-Number": "1001",
    "Caller-Destination-Number": "1002",
    "variable_sip_from_uri": "alice@acme.test",
}
