"""What somebody should be told, by mail. Exchange notifications, key `notifications.{area}.{name}`.

Each is a request: whoever sends the mails answers with a NotifyUpdate. One that nobody takes is stored, and sent again.

    accounts   accounts, users, money, the system itself      phones      registrations, missed and emergency calls
    faxes      that came, went, or did not                     voicemail   mailboxes
    numbers    and their ports

Kazoo: kapi_notifications.
"""

from mirliton.actors.kapi.notifications._mail import Mail, NotifyUpdate
from mirliton.actors.kapi.notifications.accounts import (
    AccountZoneChange,
    BillReminder,
    CfNotification,
    CustomerUpdate,
    FirstOccurrence,
    LowBalance,
    NewAccount,
    NewUser,
    NumberFeatureManualAction,
    PasswordRecovery,
    ServiceAdded,
    Skel,
    SystemAlert,
    Topup,
    Transaction,
    Webhook,
    WebhookDisabled,
)
from mirliton.actors.kapi.notifications.faxes import (
    InboundFax,
    InboundFaxError,
    OutboundFax,
    OutboundFaxError,
    OutboundSmtpFaxError,
)
from mirliton.actors.kapi.notifications.numbers import (
    CnamRequest,
    PortCancel,
    PortComment,
    Ported,
    PortNews,
    PortPending,
    PortRejected,
    PortRequest,
    PortScheduled,
    PortUnconfirmed,
)
from mirliton.actors.kapi.notifications.phones import (
    DeniedEmergencyBridge,
    Deregister,
    EmergencyBridge,
    MissedCall,
    Register,
)
from mirliton.actors.kapi.notifications.voicemail import Voicemail, VoicemailFull, VoicemailNew, VoicemailSaved

__all__ = [
    "AccountZoneChange",
    "BillReminder",
    "CfNotification",
    "CnamRequest",
    "CustomerUpdate",
    "DeniedEmergencyBridge",
    "Deregister",
    "EmergencyBridge",
    "FirstOccurrence",
    "InboundFax",
    "InboundFaxError",
    "LowBalance",
    "Mail",
    "MissedCall",
    "NewAccount",
    "NewUser",
    "NotifyUpdate",
    "NumberFeatureManualAction",
    "OutboundFax",
    "OutboundFaxError",
    "OutboundSmtpFaxError",
    "PasswordRecovery",
    "PortCancel",
    "PortComment",
    "PortNews",
    "PortPending",
    "PortRejected",
    "PortRequest",
    "PortScheduled",
    "PortUnconfirmed",
    "Ported",
    "Register",
    "ServiceAdded",
    "Skel",
    "SystemAlert",
    "Topup",
    "Transaction",
    "Voicemail",
    "VoicemailFull",
    "VoicemailNew",
    "VoicemailSaved",
    "Webhook",
    "WebhookDisabled",
]
