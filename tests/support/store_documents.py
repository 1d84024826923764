"""Random documents, of shapes that views look into, and of others."""

from __future__ import annotations

from hypothesis import strategies as st

TYPES = ["device", "user", "callflow", "account", "cdr", "sys_info", "mailbox_message", "vmbox", None, 7]
NAMES = (
    *("sip", "username", "hotdesk", "users", "enabled", "name", "flow", "children", "module", "data", "auth"),
    *("servers", "metadata", "custom_channel_vars", "numbers", "pvt_tree", "realm", "owner_id", "pvt_created"),
    *("2", "10", "_", "constructor", "skip_module", "tags", "email", "flags", "timestamp", "source_id", "folder"),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([0.5, -0.0, 1e300, 2**53 - 1])
    | st.text(st.sampled_from("aÀZ9 é!ß"), max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=15,
)
documents = st.builds(
    lambda kind, deleted, body: {"pvt_type": kind, **deleted, **body},
    st.sampled_from(TYPES),
    st.sampled_from([{}, {}, {"pvt_deleted": True}, {"pvt_deleted": False}, {"pvt_deleted": ""}]),
    st.dictionaries(st.sampled_from([name for name in NAMES if name[0] != "_"]), values),
)


def in_one_order(value):
    """JavaScript moves members whose names are numbers to the front, which only matters in an object as a key."""
    if isinstance(value, dict):
        return {name: in_one_order(value[name]) for name in sorted(value)}
    return [in_one_order(each) for each in value] if isinstance(value, list) else value
