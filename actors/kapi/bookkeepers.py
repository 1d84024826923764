"""Whoever does an account's billing. Exchange bookkeepers. Kazoo: kapi_bookkeepers."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Flag, Gregorian


@kapi("bookkeepers.collect_recurring_req", "bookkeepers", "bookkeepers", "bookkeepers.collect_recurring.request")
class CollectRecurringReq:
    """Collect what is due."""

    account_id: str
    bookkeeper_id: str
    bookkeeper_type: str
    due_timestamp: Gregorian
    vendor_id: str
    audit_log: Anything = None


@kapi("bookkeepers.collect_recurring_resp", "bookkeepers", "bookkeepers", "bookkeepers.collect_recurring.response")
class CollectRecurringResp:
    """What came of the collection."""

    account_id: str
    bookkeeper_id: str
    bookkeeper_type: str
    status: str
    details: Anything = None
    message: str | None = None
    reason: str | None = None
    transaction_id: str | None = None
    transaction_db: str | None = None


@kapi("bookkeepers.sale_req", "bookkeepers", "bookkeepers", "bookkeepers.sale.request")
class SaleReq:
    """Charge this amount."""

    account_id: str
    amount: Anything
    bookkeeper_type: str
    transaction_db: str
    transaction_id: str
    vendor_id: str


@kapi("bookkeepers.sale_resp", "bookkeepers", "bookkeepers", "bookkeepers.sale.response")
class SaleResp:
    """What came of the charge."""

    status: str
    transaction_db: str
    transaction_id: str
    details: Anything = None
    message: str | None = None
    reason: str | None = None


@kapi("bookkeepers.refund_req", "bookkeepers", "bookkeepers", "bookkeepers.refund.request")
class RefundReq:
    """Give this amount back."""

    account_id: str
    amount: Anything
    bookkeeper_type: str
    transaction_db: str
    transaction_id: str
    vendor_id: str


@kapi("bookkeepers.refund_resp", "bookkeepers", "bookkeepers", "bookkeepers.refund.response")
class RefundResp:
    """What came of the refund."""

    status: str
    transaction_db: str
    transaction_id: str
    details: Anything = None
    message: str | None = None
    reason: str | None = None


@kapi("bookkeepers.update_req", "bookkeepers", "bookkeepers", "bookkeepers.update.request")
class UpdateReq:
    """The account's services have changed."""

    account_id: str
    bookkeeper_id: str
    bookkeeper_type: str
    invoice: Anything
    vendor_id: str
    audit_log: Anything = None
    dry_run: Flag | None = None


@kapi("bookkeepers.update_resp", "bookkeepers", "bookkeepers", "bookkeepers.update.response")
class UpdateResp:
    """What came of the change."""

    status: str
    details: Anything = None
    message: str | None = None
    reason: str | None = None


@kapi("bookkeepers.standing_req", "bookkeepers", "bookkeepers", "bookkeepers.standing.request")
class StandingReq:
    """Is the account good for this?"""

    account_id: str
    bookkeeper_id: str
    bookkeeper_type: str
    estimated_withdrawal: Anything
    items: Anything
    vendor_id: str


@kapi("bookkeepers.standing_resp", "bookkeepers", "bookkeepers", "bookkeepers.standing.response")
class StandingResp:
    """Whether it is."""

    status: str
    details: Anything = None
    message: str | None = None
    reason: str | None = None
