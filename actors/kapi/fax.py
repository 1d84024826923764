"""Faxes, in and out. Exchanges callmgr and faxes. Kazoo: kapi_fax."""

from __future__ import annotations

from typing import Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Number, ReplyTo, Vars


@kapi("fax.fax_req", "dialplan", "callmgr", "fax.req")
class FaxReq:
    """Receive, or transmit, a fax on this call."""

    call: Vars
    action: Literal["receive", "transmit"]
    owner_id: str | None = None
    faxbox_id: str | None = None
    fax_t38_option: Anything = None


@kapi("fax.query_status", "fax")
class QueryStatus:
    """How far is this job?"""

    job_id: str


@kapi("fax.status", "fax", "faxes", "fax.status.{account_id|*}.{job_id}")
class Status:
    """How far a job is."""

    job_id: str
    status: str | None = None
    faxbox_id: str | None = None
    account_id: str | None = None
    fax_info: Anything = None
    cloud_job_id: str | None = None
    cloud_printer_id: str | None = None
    fax_state: Literal["start", "prepare", "send", "receive", "end", "error"] | None = None
    direction: Literal["incoming", "outgoing"] | None = None
    page: Number | None = None
    stage: str | None = None
    caller_id_number: str | None = None
    caller_id_name: str | None = None
    callee_id_number: str | None = None
    callee_id_name: str | None = None


@kapi("fax.start_account", "start", "faxes", "fax.start.{account_id}.*", name="account")
class StartAccount:
    """Look for jobs of this account."""

    account_id: str


@kapi("fax.start_job", "start", "faxes", "fax.start.{account_id}.{job_id}", name="job")
class StartJob:
    """Send the fax of this job, over this call's leg."""

    job_id: str
    account_id: str
    to_number: str
    control_queue: ReplyTo
