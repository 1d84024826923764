"""What other packages raise, as what the client is told."""

from __future__ import annotations

from mirliton.actors.store import (
    BadQuery,
    Conflict,
    DatabaseNotFound,
    InvalidDocument,
    InvalidName,
    NotFound,
    Refused,
    StoreDamaged,
    StoreDenied,
    StoreError,
    ViewNotFound,
)
from mirliton.actors.store import TooLarge as DocumentTooLarge
from mirliton.api.errors import (
    ApiFault,
    BadIdentifier,
    DatastoreConflict,
    InvalidData,
    TooLarge,
    Unavailable,
    UnspecifiedFault,
)
from mirliton.config import ValidationError
from mirliton.runtime import CallError, MailboxFull


def fault_of(error: Exception) -> ApiFault | None:
    """The refusal that this error means to a client; None for one that nobody foresaw."""
    match error:
        case ApiFault():
            return error
        case StoreError():
            return _store_fault(error)
        case CallError() | MailboxFull():
            return Unavailable(str(error), "service_unavailable", "a part of the system is restarting")
        case TimeoutError():
            return Unavailable("the request took too long", "timeout", "timeout")
    return None


def _store_fault(error: StoreError) -> ApiFault:
    match error:
        case ViewNotFound():
            return Unavailable(str(error), "datastore_missing_view", "datastore missing view")
        case DatabaseNotFound():
            return Unavailable(str(error), "datastore_missing", "data collection missing: database not found")
        case NotFound():
            return BadIdentifier(str(getattr(error, "id", "")))
        case Conflict():
            return DatastoreConflict()
        case DocumentTooLarge():
            return TooLarge(error.limit)
        case InvalidDocument():
            return InvalidData([ValidationError((error.where,) if error.where else (), "invalid", error.reason)])
        case InvalidName():
            return BadIdentifier(str(error.value))
        case BadQuery() | Refused():
            return UnspecifiedFault()
        case StoreDamaged():
            return Unavailable("the store is damaged", "datastore_fault", "datastore fatal error")
        case StoreDenied():
            return Unavailable("the store refuses access", "datastore_fault", "datastore fatal error")
    # No path: where the store lies is nobody's business outside.
    return Unavailable(str(getattr(error, "reason", type(error).__name__)))
