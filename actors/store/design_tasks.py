"""The views of the database of tasks. Kazoo: tasks/listing_by_account."""

from __future__ import annotations

from mirliton.actors.store.expressions import ID, Array, Field, members
from mirliton.actors.store.views import Emit, View

_FACTS = members(
    id=ID,
    category=Field("pvt_category"),
    action=Field("pvt_action"),
    status=Field("pvt_status"),
    account_id=Field("pvt_account_id"),
    auth_account_id=Field("pvt_auth_account_id"),
    submit_timestamp=Field("pvt_submitted_at"),
    start_timestamp=Field("pvt_started_at"),
    end_timestamp=Field("pvt_finished_at"),
    total_count=Field("pvt_total_rows"),
    failure_count=Field("pvt_total_rows_failed"),
    success_count=Field("pvt_total_rows_succeeded"),
    node=Field("pvt_worker_node"),
    file_name=Field("file_name"),
)

VIEWS = (
    View(
        "tasks/listing_by_account",
        ("tasks",),
        (Emit(types=("task",), key=Array((Field("pvt_account_id"), Field("pvt_submitted_at"))), value=_FACTS),),
    ),
    View("tasks/by_status", ("tasks",), (Emit(types=("task",), key=Field("pvt_status")),)),
)
