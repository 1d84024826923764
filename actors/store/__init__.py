"""Where state lives: a document store with CouchDB's model.

interface.py    what a store promises (Store), and its results
errors.py       what can go wrong
names.py        names of databases, documents and months, as Kazoo composes them
documents.py    Kazoo's private fields: stamping, hiding, keeping them
values.py       which documents can be stored, and the limits
revisions.py    N-hash
updates.py      read, change, write until no one comes between
months.py       an account's month databases as one place

views.py        a view, declared once as data          expressions.py  the language of its keys and values
design*.py      the views of Kazoo's databases          maps.py         a declaration as a function
queries.py      what may be asked of a view             collation.py    CouchDB's key order as bytes

checks.py       what every backend refuses
sqlite.py       the embedded backend (SqliteStore); its parts are sqlite_*.py and work.py (threads and deadlines)
couch.py        the backend for production (CouchStore); its parts are couch_*.py, and beside them
couch_conflicts.py  settling contradicting revisions
changes.py      following what changes in a database
news.py         telling who listens that documents changed    follower.py   finding what was not told
moving.py       copies, exports and imports
"""

from mirliton.actors.store.couch import CouchStatistics, CouchStore
from mirliton.actors.store.couch_address import CouchAddress, CouchTuning
from mirliton.actors.store.documents import Document
from mirliton.actors.store.errors import (
    AttachmentNotFound,
    BadQuery,
    Conflict,
    DatabaseNotFound,
    DocumentNotFound,
    InvalidDocument,
    InvalidName,
    NotFound,
    Refused,
    StoreAway,
    StoreClosed,
    StoreDamaged,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreInterrupted,
    StoreOverloaded,
    StoreTimeout,
    StoreUnavailable,
    TooLarge,
    ViewNotFound,
)
from mirliton.actors.store.interface import UNSET, Attachment, BulkRow, Row, Store, ViewResult, opened
from mirliton.actors.store.months import Months
from mirliton.actors.store.names import Month
from mirliton.actors.store.sqlite import SqliteStore
from mirliton.actors.store.sqlite_threads import Statistics, Tuning
from mirliton.actors.store.updates import save_over, update
from mirliton.actors.store.values import Limits
from mirliton.actors.store.views import Emit, View

__all__ = [
    "UNSET",
    "Attachment",
    "AttachmentNotFound",
    "BadQuery",
    "BulkRow",
    "Conflict",
    "CouchAddress",
    "CouchStatistics",
    "CouchStore",
    "CouchTuning",
    "DatabaseNotFound",
    "Document",
    "DocumentNotFound",
    "Emit",
    "InvalidDocument",
    "InvalidName",
    "Limits",
    "Month",
    "Months",
    "NotFound",
    "Refused",
    "Row",
    "SqliteStore",
    "Statistics",
    "Store",
    "StoreAway",
    "StoreClosed",
    "StoreDamaged",
    "StoreDenied",
    "StoreError",
    "StoreFull",
    "StoreInterrupted",
    "StoreOverloaded",
    "StoreTimeout",
    "StoreUnavailable",
    "TooLarge",
    "Tuning",
    "View",
    "ViewNotFound",
    "ViewResult",
    "opened",
    "save_over",
    "update",
]
