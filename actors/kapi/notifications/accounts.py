"""Accounts, users, money and the system itself."""

from __future__ import annotations

from typing import Annotated, Literal

from mirliton.actors.kapi.notifications._mail import Mail, mail
from mirliton.actors.kapi.wire import Anything, Flag, Gregorian, Header, Number, Secret, Vars


@mail("skel", "account.skel")
class Skel(Mail):
    """A pattern for new ones."""

    account_id: str
    user_id: str


@mail("bill_reminder", "account.reminder")
class BillReminder(Mail):
    """A bill is due soon."""

    account_id: str
    due_date: Gregorian
    items: Anything
    timestamp: Gregorian
    payment_token: Secret[Anything] = None


@mail("low_balance", "account.low_balance")
class LowBalance(Mail):
    """The balance is low."""

    account_id: str
    current_balance: Anything


@mail("new_account", "account.new")
class NewAccount(Mail):
    """An account was made."""

    account_id: str
    account_api_key: Secret[str | None] = None
    account_name: str | None = None
    account_realm: str | None = None


@mail("service_added", "account.service_added")
class ServiceAdded(Mail):
    """Services were added."""

    account_id: str
    audit_log: Anything
    items: tuple[Vars, ...]
    timestamp: Gregorian


@mail("topup", "account.topup")
class Topup(Mail):
    """The balance was filled up by itself."""

    account_id: str
    amount: Anything
    response: Anything
    success: Flag
    timestamp: Gregorian
    add_ons: Anything = None
    billing_address: Anything = None
    card_last_four: str | None = None
    currency_code: str | None = None
    discounts: Anything = None
    id: str | None = None
    purchase_order: str | None = None
    tax_amount: Anything = None


@mail("transaction", "account.transaction")
class Transaction(Mail):
    """A card was charged, or could not be."""

    account_id: str
    amount: Anything
    response: Anything
    success: Flag
    timestamp: Gregorian
    service_plan: Anything = None
    add_ons: Anything = None
    billing_address: Anything = None
    card_last_four: str | None = None
    currency_code: str | None = None
    discounts: Anything = None
    id: str | None = None
    purchase_order: str | None = None
    tax_amount: Anything = None


@mail("account_zone_change", "account.zone_change")
class AccountZoneChange(Mail):
    """The account has moved to other zones."""

    account_id: str
    zones: Anything


@mail("first_occurrence", "sip.first_occurrence")
class FirstOccurrence(Mail):
    """The first call, or registration, of an account."""

    account_id: str
    occurrence: str


@mail("system_alert", "system.alert")
class SystemAlert(Mail):
    """Something is wrong with the system."""

    subject: str
    message: str
    details: Anything = None
    line: Number | None = None
    module: str | None = None
    node: str | None = None
    pid: Annotated[str | None, Header("Pid")] = None
    request_id: str | None = None
    section: str | None = None


@mail("customer_update", "user.customer_update")
class CustomerUpdate(Mail):
    """A message from the operator to customers."""

    account_id: str
    databag: Anything = None
    recipient_id: str | None = None
    template_id: str | None = None
    user_type: str | None = None


@mail("new_user", "user.new")
class NewUser(Mail):
    """A user was made."""

    account_id: str
    user_id: str
    password: Secret[str | None] = None


@mail("password_recovery", "user.password_recovery")
class PasswordRecovery(Mail):
    """Somebody wants a new password."""

    account_id: str
    email: str
    password_reset_link: Secret[str]
    first_name: str | None = None
    last_name: str | None = None
    timezone: str | None = None
    user_id: str | None = None


@mail("webhook", "webhook.callflow")
class Webhook(Mail):
    """A callflow wants a web hook called."""

    data: Anything
    hook: Anything
    timestamp: Gregorian | None = None


@mail("webhook_disabled", "webhook.disabled")
class WebhookDisabled(Mail):
    """A web hook failed too often."""

    account_id: str
    hook_id: str


@mail("cf_notification", "account.cf_notification")
class CfNotification(Mail):
    """A callflow wants somebody told."""

    account_id: str
    template_id: str
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    call_id: str | None = None
    call_bridged: Flag | None = None
    message_left: int | None = None
    from_realm: str | None = None
    from_user: str | None = None
    notify: Anything = None
    to_realm: str | None = None
    to_user: str | None = None
    timestamp: Gregorian | None = None
    comments: str | None = None
    notification_media: Literal["email", "sms"] | None = None


@mail("number_feature_manual_action", "account.number_feature_manual_action")
class NumberFeatureManualAction(Mail):
    """A number's feature needs somebody's hand."""

    account_id: str
    number: str
    feature: Vars
