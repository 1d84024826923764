"""Views by which the REST API lists what was set up in an account or for the whole system."""

from __future__ import annotations

from mirliton.actors.store.expressions import FLAGS, ID, Array, Each, Expression, Field, Object, members
from mirliton.actors.store.views import Emit, View


def _listing(name: str, type: str, value: Expression, databases: tuple[str, ...] = ("account",)) -> View:
    return View(f"{name}/crossbar_listing", databases, (Emit(types=(type,), key=ID, value=value),))


_NAMED = members("name", id=ID, flags=FLAGS)

VIEWS = (
    _listing("blacklists", "blacklist", _NAMED),
    _listing("clicktocall", "click2call", members("name", "extension", id=ID)),
    _listing("connectivity", "sys_info", members("name", id=ID)),
    _listing("directories", "directory", _NAMED),
    _listing("multi_factor", "provider", members("name", "provider_name", "enabled", id=ID)),
    _listing("lists", "list", members("name", "description", "list_type", id=ID)),
    _listing("temporal_rules", "temporal_rule", members("name", "type", id=ID, flags=FLAGS)),
    _listing(
        "temporal_rules_sets", "temporal_rule_set", members("name", id=ID, rules=Field("temporal_rules"), flags=FLAGS)
    ),
    _listing(
        "resources",
        "resource",
        members("name", "enabled", "weight_cost", "classifiers", id=ID),
        ("account", "offnet"),
    ),
    _listing(
        "rates",
        "rate",
        members(
            "prefix",
            "description",
            "carrier",
            id=ID,
            name=Field("rate_name"),
            cost=Field("rate_cost"),
            surcharge=Field("rate_surcharge"),
        ),
        ("ratedeck",),
    ),
    View("rates/lookup", ("ratedeck",), (Emit(types=("rate",), key=Field("prefix")),)),
    View(
        "hotdesks/crossbar_listing",
        ("account",),
        (
            Emit(
                types=("device",),
                each=Field("hotdesk.users"),
                key=Each(),
                value=Object((("device_id", ID), ("device_name", Field("name")), ("user_id", Each()))),
            ),
        ),
    ),
    View(
        "numbers/list_by_number",
        ("account",),
        (Emit(types=("number",), key=ID, value=members(state=Field("pvt_state"))),),
    ),
    View("numbers/status", ("numbers",), (Emit(types=("number",), key=Array((Field("pvt_state"), ID))),)),
    View("parking/parked_calls", ("account",), (Emit(types=("parked_call",), key=ID, value=Field("slot")),)),
)
