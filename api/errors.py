"""Every refusal of the API, with Crossbar's status, name and data (Kazoo reference 5.4).

ApiFault
├── InvalidData            400  what is wrong, by field and rule
├── ParseError             400  the body is not what the API reads
├── InvalidCredentials     401
├── SecondFactorWanted     401  the first was right; says what else is to be shown
├── Forbidden              403
├── UnknownUrl             404  no such resource
├── BadIdentifier          404  no such document
├── InvalidMethod          405  names those that are allowed
├── NotAcceptable          406
├── RequestTimeout         408  the body did not come in time
├── DatastoreConflict      409  somebody else changed it meanwhile
├── Busy                   409  something of which there is one at a time is under way
├── PreconditionFailed     412  the revision named by If-Match is not the current one
├── TooLarge               413
├── UnsupportedMedia       415
├── RangeTooLarge          416  an unpaginated list with too many rows
├── Locked                 423  the account is disabled
├── TooManyRequests        429
├── UnspecifiedFault       500
│   └── AccountHasDescendants
└── Unavailable            503  try again after a moment

CannotListen               a start error: names the address
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mirliton.config import ValidationError, crossbar_body


class ApiFault(Exception):
    """A request that is refused: `status`, the error's `name`, the `data` of the answer and its extra `headers`."""

    status = 500
    name = "unspecified_fault"
    message = "unspecified fault"

    def __init__(self, data: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        self.data = {"message": self.message, **(data or {})}
        self.headers = dict(headers or {})
        super().__init__(f"{self.status} {self.name}: {self.data['message']}")


class InvalidData(ApiFault):
    """The data of the request breaks its schema or a rule beyond it; `errors` are all its errors."""

    status = 400
    name = "invalid data"

    def __init__(self, errors: Iterable[ValidationError]) -> None:
        self.errors = tuple(errors)
        super().__init__()
        self.data = crossbar_body(self.errors)

    @classmethod
    def of(cls, field: str, rule: str, message: str, **details: Any) -> InvalidData:
        """One error about one field."""
        return cls([ValidationError((field,), rule, message, details)])


class ParseError(ApiFault):
    """The body cannot be read; `cause` says what in it."""

    status = 400
    name = "parse_error"
    message = "failed to parse request body"

    def __init__(self, cause: str) -> None:
        super().__init__({"cause": cause})


class InvalidCredentials(ApiFault):
    """Nobody we know, or no longer."""

    status = 401
    name = "invalid_credentials"
    message = "invalid credentials"


class SecondFactorWanted(ApiFault):
    """The password was right, and a code of the user's app is wanted too; `request` says so to the client."""

    status = 401
    name = "invalid_credentials"
    message = "multi factor authentication is required"

    def __init__(self, request: Mapping[str, Any]) -> None:
        super().__init__({"multi_factor_request": dict(request)})


class Forbidden(ApiFault):
    """Known, but not allowed; `cause` says what where that is no secret."""

    status = 403
    name = "forbidden"
    message = "forbidden"

    def __init__(self, cause: object = None) -> None:
        super().__init__({"cause": cause} if cause is not None else None)


class UnknownUrl(ApiFault):
    """No resource has this URL."""

    status = 404
    name = "not_found"
    message = "not found"


class BadIdentifier(ApiFault):
    """No document has this id."""

    status = 404
    name = "bad_identifier"
    message = "bad identifier"

    def __init__(self, cause: str) -> None:
        super().__init__({"cause": cause[:128]})


class InvalidMethod(ApiFault):
    """The resource is there, but not for this method."""

    status = 405
    name = "invalid_method"
    message = "method not allowed"

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        super().__init__({"cause": method[:32]}, headers={"Allow": ", ".join(sorted(allowed))})


class NotAcceptable(ApiFault):
    """The resource has no form that the client takes."""

    status = 406
    name = "not_acceptable"
    message = "not acceptable"


class RequestTimeout(ApiFault):
    """The request's body did not come in time."""

    status = 408
    name = "request_timeout"
    message = "request timeout"


class DatastoreConflict(ApiFault):
    """Somebody else changed the document between our reading and writing it."""

    status = 409
    name = "datastore_conflict"
    message = "conflicting documents"


class Busy(ApiFault):
    """Something of which there is one at a time is under way, or is not; `cause` says what."""

    status = 409
    name = "conflict"
    message = "not now"

    def __init__(self, cause: str) -> None:
        super().__init__({"cause": cause[:256]})


class PreconditionFailed(ApiFault):
    """If-Match names another revision than the document has."""

    status = 412
    name = "precondition_failed"
    message = "precondition failed"


class TooLarge(ApiFault):
    """The body is larger than allowed."""

    status = 413
    name = "request_entity_too_large"
    message = "request entity too large"

    def __init__(self, limit: int) -> None:
        super().__init__({"target": limit})


class UnsupportedMedia(ApiFault):
    """The body is of a type that the resource does not take."""

    status = 415
    name = "unsupported_media_type"
    message = "unsupported media type"

    def __init__(self, given: str) -> None:
        super().__init__({"cause": given[:128]})


class RangeTooLarge(ApiFault):
    """A list that was asked for whole has more rows than one answer may hold."""

    status = 416
    name = "range_not_satisfiable"
    message = "the list is too long to be sent without pagination"

    def __init__(self, limit: int) -> None:
        super().__init__({"target": limit})


class Locked(ApiFault):
    """The account is disabled."""

    status = 423
    name = "disabled"
    message = "account disabled"


class TooManyRequests(ApiFault):
    """Too many attempts; `retry_after` seconds until the next may succeed."""

    status = 429
    name = "too_many_requests"
    message = "too many requests"

    def __init__(self, retry_after: float) -> None:
        super().__init__(headers={"Retry-After": str(max(1, round(retry_after)))})


class UnspecifiedFault(ApiFault):
    """A fault of ours."""


class AccountHasDescendants(UnspecifiedFault):
    """An account with descendants is not deleted (Kazoo answers 500)."""

    name = "account_has_descendants"
    message = "account has descendants"


class Unavailable(ApiFault):
    """A part of the system that the request needs is restarting or out of reach."""

    status = 503
    name = "datastore_unreachable"
    message = "datastore timeout"

    def __init__(self, cause: str, name: str = "datastore_unreachable", message: str | None = None) -> None:
        self.name = name
        super().__init__(
            {"cause": cause[:256], **({"message": message} if message else {})}, headers={"Retry-After": "1"}
        )


class CannotListen(Exception):
    """Nobody can be reached at `host`:`port`, for `reason` (the port is in use, say)."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"cannot listen on {host}:{port}: {reason}")
        self.host = host
        self.port = port
        self.reason = reason
