"""Answers what a call costs. It keeps nothing: each question reads the rates that its number falls under."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.rate import Req, Resp
from mirliton.actors.store import InvalidName, NotFound, StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.system_config import config_of
from mirliton.runtime import Completed, From, GenServer, Name, NoReply, Reply, message
from mirliton.whapps.hotornot.rates import Defaults, Found, choose, prefixes

HOTORNOT: Final = Name("service", "hotornot")
CATEGORY: Final = "hotornot"
RATEDECK: Final = "ratedeck"
AT_ONCE: Final = 500
"""Questions that are being answered; whoever asks beyond is told to come back."""


@message("hotornot.unavailable")
class RateUnavailable:
    """It cannot be said now; ask again."""

    reason: str


class Listener(GenServer):
    """Under HOTORNOT: answers a kapi rate request with a rate response, which without a rate is empty."""

    mailbox_limit = 10_000
    mailbox_overflow = "refuse"

    def init(self) -> None:
        self.answering = 0
        self.rated = 0
        self.without = 0

    def state(self) -> Any:
        return {"answering": self.answering, "rated": self.rated, "without": self.without}

    def handle_call(self, request: Any, sender: From) -> Any:
        if not isinstance(request, Req):
            return super().handle_call(request, sender)
        if self.answering >= AT_ONCE:
            return Reply(RateUnavailable("too many ask at once"))
        self.answering += 1
        self.background(self._answer(request), sender)
        return NoReply()

    def handle_info(self, message: Any) -> None:
        match message:
            case Completed(tag=From() as sender, value=value, error=error):
                self.answering -= 1
                self.reply(sender, value if error is None else RateUnavailable(str(error)))
            case _:
                super().handle_info(message)

    async def _answer(self, request: Req) -> Resp | RateUnavailable:
        store = StoreClient(self)
        try:
            config = await config_of(store, CATEGORY)
            deck = request.ratedeck_id or config.get("default_ratedeck") or RATEDECK
            view = await store.view(str(deck), "rates/lookup", keys=prefixes(request.to_did), include_docs=True)
        except (NotFound, InvalidName):
            self.without += 1
            return Resp(call_id=request.call_id)
        except StoreError as error:
            return RateUnavailable(str(error))
        docs = [row.doc for row in view.rows if row.doc is not None]
        found = choose(docs, request, Defaults.of(config))
        if found is None:
            self.without += 1
            self.log.info("no_rate", call_id=request.call_id, account_id=request.account_id)
            return Resp(call_id=request.call_id)
        self.rated += 1
        return response(found, request)


def response(found: Found, request: Req) -> Resp:
    """The answer, with amounts of the currency in text, as in Kazoo's channel variables."""
    rate = found.rate
    base = found.price * rate.minimum / 60 + found.surcharge
    return Resp(
        call_id=request.call_id,
        rate=_text(found.price),
        rate_increment=rate.increment,
        rate_minimum=str(rate.minimum),
        surcharge=_text(found.surcharge),
        base_cost=_text(base),
        pvt_cost=_text(found.internal),
        prefix=found.prefix,
        rate_id=str(found.doc.get("_id")),
        rate_name=rate.name or None,
        rate_description=_optional(found.doc.get("description")),
        rate_version=_optional(found.doc.get("rate_version")),
        rate_nocharge_time=rate.nocharge_time,
        ratedeck_id=_optional(found.doc.get("ratedeck_id")),
    )


def _text(amount: float) -> str:
    return f"{amount:.6f}".rstrip("0").rstrip(".")


def _optional(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
