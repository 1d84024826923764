"""What an account has, to be counted: services/quantify of Kazoo."""

from __future__ import annotations

from mirliton.actors.store.expressions import Array, Const, Expression, Field
from mirliton.actors.store.views import Emit, View


def _counted(category: str, type: str, item: Expression) -> Emit:
    return Emit(types=(type,), key=Array((Const(category), item)), value=Const(1))


VIEWS = (
    View(
        "services/quantify",
        ("account",),
        (
            _counted("devices", "device", Field("device_type", "sip_device")),
            _counted("users", "user", Field("priv_level", "user")),
            _counted("voicemails", "vmbox", Const("mailbox")),
            _counted("conferences", "conference", Const("conference")),
            _counted("queues", "queue", Const("queue")),
            _counted("faxes", "faxbox", Const("account")),
            _counted("callflows", "callflow", Const("callflow")),
            _counted("trunkstore", "sys_info", Const("connectivity")),
        ),
        reduce="_sum",
    ),
)
