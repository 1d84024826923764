"""An account's balance has changed, or is asked for. Exchange configuration. Kazoo: kapi_money."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Number


@kapi("money.credit", "transaction", "configuration", "transaction.credit.{account_id}")
class Credit:
    """Money was added."""

    account_id: str
    amount: Anything
    transaction_id: str


@kapi("money.debit", "transaction", "configuration", "transaction.debit.{account_id}")
class Debit:
    """Money was taken."""

    account_id: str
    amount: Anything
    transaction_id: str


@kapi("money.balance_req", "transaction", "configuration", "transaction.balance.{account_id}")
class BalanceReq:
    """How much is there?"""

    account_id: str


@kapi("money.balance_resp", "transaction")
class BalanceResp:
    """So much, and so many lines in use."""

    account_id: str
    two_way: Number | None = None
    inbound: Number | None = None
    prepay: Anything = None
    max_two_way: Number | None = None
    max_inbound: Number | None = None
    trunks: Number | None = None
    node: str | None = None
