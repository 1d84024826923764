"""Answers who asks for a way to a number, and knows which gateways fail just now. Kazoo: stepswitch_listener.

It keeps nothing that could be lost: carriers are read from the store (and known for a few seconds), and a gateway that
fails is tried again first after a restart.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from mirliton.actors.kapi.conf import DocUpdate
from mirliton.actors.kapi.offnet_resource import OffnetReq
from mirliton.actors.store import DatabaseNotFound, DocumentNotFound, InvalidName, StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.names import account_db
from mirliton.actors.store.news import listen
from mirliton.actors.system_config import config_of
from mirliton.runtime import Completed, From, GenServer, NoReply, Reply
from mirliton.whapps.callflow.fields import flag, text
from mirliton.whapps.numbers.ownership import own_number
from mirliton.whapps.numbers.rules import CATEGORY as NUMBER_MANAGER
from mirliton.whapps.numbers.rules import number_rules
from mirliton.whapps.stepswitch.choosing import candidates
from mirliton.whapps.stepswitch.endpoints import endpoint_of
from mirliton.whapps.stepswitch.messages import CarrierRoute, OffnetRoutes, OffnetUnavailable, RouteFailed
from mirliton.whapps.stepswitch.resource import Resource, resources_of

GLOBAL: Final = "offnet"
CATEGORY: Final = "stepswitch"
KNOWN_FOR: Final = 5.0
"""Seconds for which carriers are not read again."""
MOST_KNOWN: Final = 1000
"""Accounts whose carriers are known."""
MOST_RESOURCES: Final = 2000
AT_ONCE: Final = 1000
"""Questions that are being answered; whoever asks beyond is told to come back."""
MOST_FAILING: Final = 10_000
HANGUP_ON: Final = ("USER_BUSY", "NO_ANSWER", "ORIGINATOR_CANCEL", "PICKED_OFF", "sip:486", "sip:600", "sip:603")
"""What the called has to say, and not the carrier (Kazoo has none; ours: `hangup_on` of system_config/stepswitch)."""


class Listener(GenServer):
    """Under STEPSWITCH."""

    mailbox_limit = 10_000
    mailbox_overflow = "refuse"

    def init(self) -> None:
        self.answering = 0
        self.asked = 0
        self.on_net = 0
        self.without_route = 0
        self.failed = 0
        self.failing: OrderedDict[str, float] = OrderedDict()
        """Gateways that fail just now, and until when they count as such."""
        self.known: OrderedDict[str, tuple[float, list[Resource]]] = OrderedDict()
        self.flushed = 0
        """How often something of it was forgotten: what was being read then may be old."""
        listen(self, GLOBAL, "account")

    def state(self) -> Any:
        return {"asked": self.asked, "on_net": self.on_net, "failing": sorted(filter(self.fails, self.failing))}

    def handle_call(self, request: Any, sender: From) -> Any:
        if not isinstance(request, OffnetReq):
            return super().handle_call(request, sender)
        if self.answering >= AT_ONCE:
            return Reply(OffnetUnavailable("too many ask at once"))
        self.asked += 1
        self.answering += 1
        self.background(self._routes(request), sender)
        return NoReply()

    def handle_cast(self, request: Any) -> Any:
        match request:
            case RouteFailed(route_id, grace, cause):
                self.failed += 1
                self.log.info("route_failed", route=route_id, cause=cause)
                self.failing[route_id] = self.node.clock.now() + grace
                self.failing.move_to_end(route_id)
                if len(self.failing) > MOST_FAILING:
                    self.failing.popitem(last=False)
            case _:
                return super().handle_cast(request)
        return None

    def handle_info(self, message: Any) -> None:
        match message:
            case DocUpdate(database=db):
                self.flushed += 1
                self.known.pop(db, None)
            case Completed(tag=From() as sender, value=value, error=error):
                self.answering -= 1
                self.reply(sender, value if error is None else OffnetUnavailable(str(error)))
            case _:
                super().handle_info(message)

    def fails(self, route_id: str) -> bool:
        """Whether a gateway fails just now."""
        return self.failing.get(route_id, 0.0) > self.node.clock.now()

    async def _routes(self, request: OffnetReq) -> OffnetRoutes | OffnetUnavailable:
        try:
            return await self._found(request)
        except StoreError as error:
            self.log.warning("routes_not_known", call_id=request.call_id, error=str(error))
            return OffnetUnavailable(str(error))

    async def _found(self, request: OffnetReq) -> OffnetRoutes:
        store = StoreClient(self)
        config = await config_of(store, CATEGORY)
        rules = await number_rules(store, request.account_id)
        number = request.to_did if request.bypass_e164 else rules.e164(request.to_did)
        kind = rules.classify(number)
        ends = config.get("hangup_on")
        hangup_on = tuple(str(cause) for cause in ends) if isinstance(ends, list) else HANGUP_ON

        def found(account_id: str | None, routes: tuple[CarrierRoute, ...], denied: Any = "") -> OffnetRoutes:
            return OffnetRoutes(number, kind.name, kind.emergency, account_id, routes, hangup_on, denied)

        if kind.emergency and await self._denies(request, config):
            return found(None, (), "emergency_caller_id")
        if not (kind.emergency or request.force_outbound):
            own = await own_number(store, number, await config_of(store, NUMBER_MANAGER))
            if own is not None and not own.force_outbound:
                self.on_net += 1
                return found(own.account_id, ())
        resources = await self._resources(request.hunt_account_id) if await self._may_use(request) else []
        routes = tuple(
            CarrierRoute(candidate.route_id, candidate.resource.id, endpoint, candidate.resource.grace)
            for candidate in candidates(resources, request, number, rules, self.fails)
            if (
                endpoint := endpoint_of(
                    candidate, request, config, number=number, kind=kind.name, emergency=kind.emergency
                )
            )
            is not None
        )
        if not routes:
            self.without_route += 1
            self.log.warning("no_route", call_id=request.call_id, account_id=request.account_id, kind=kind.name)
        return found(None, routes)

    async def _denies(self, request: OffnetReq, config: dict[str, Any]) -> bool:
        """Whether help is not called because nobody could call back."""
        if not flag(config, "deny_invalid_emergency_cid", False):
            return False
        shown = request.emergency_caller_id_number or text(config, "default_emergency_cid_number")
        if shown is None:
            return True
        if not flag(config, "ensure_valid_emergency_cid", False):
            return False
        store = StoreClient(self)
        own = await own_number(store, (await number_rules(store, request.account_id)).e164(shown))
        return own is None or own.account_id != request.account_id

    async def _may_use(self, request: OffnetReq) -> bool:
        """Whether these carriers are for the account: its own, the system's, or those of an account above it."""
        hunted, account_id = request.hunt_account_id, request.account_id
        if hunted is None or hunted == account_id:
            return True
        try:
            account = await StoreClient(self).get(account_db(str(account_id)), str(account_id))
        except (DatabaseNotFound, DocumentNotFound, InvalidName):
            return False
        tree = account.get("pvt_tree")
        if isinstance(tree, list) and hunted in tree:
            return True
        self.log.warning("carriers_not_the_accounts", account_id=account_id, hunt_account_id=hunted)
        return False

    async def _resources(self, account_id: str | None) -> list[Resource]:
        """The carriers of all, or an account's own."""
        try:
            db = GLOBAL if account_id is None else account_db(account_id)
        except InvalidName:
            return []
        now = self.node.clock.now()
        read, known = self.known.get(db, (-KNOWN_FOR, []))
        if now - read < KNOWN_FOR:
            return known
        flushed = self.flushed
        try:
            rows = await StoreClient(self).view(
                db, "resources/listing_active_by_weight", include_docs=True, limit=MOST_RESOURCES
            )
        except DatabaseNotFound:
            return []
        docs = [row.doc for row in rows.rows if row.doc is not None]
        found = resources_of(docs, is_global=account_id is None)
        if self.flushed != flushed:
            return found
        self.known[db] = now, found
        self.known.move_to_end(db)
        if len(self.known) > MOST_KNOWN:
            self.known.popitem(last=False)
        return found
