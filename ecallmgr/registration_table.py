"""The table of registrations: each user's phones, by where they are.

A switch tells of one registration per user, and a newer one takes the place of an older. A proxy tells of each contact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mirliton.ecallmgr.registration_rows import Key, Row, bare

MAX_CONTACTS = 16
"""Contacts of one user that are kept; of more, the oldest goes."""


class RegistrationTable:
    """Rows, each with `until`, the time of the node's clock at which it is forgotten."""

    def __init__(self) -> None:
        self._users: dict[Key, dict[str, Row]] = {}

    def __len__(self) -> int:
        """How many users have a phone."""
        return len(self._users)

    def __contains__(self, key: Key) -> bool:
        return key in self._users

    def rows(self) -> Iterator[Row]:
        """All rows."""
        for contacts in self._users.values():
            yield from contacts.values()

    def put(self, row: Row) -> None:
        """Put a row in, in the place of one of the same phone."""
        contacts = self._users.setdefault((row["realm"], row["username"]), {})
        place = _place(row)
        contacts.pop(place, None)
        contacts[place] = row
        if len(contacts) > MAX_CONTACTS:
            del contacts[next(iter(contacts))]

    def known(self, row: Row) -> Row | None:
        """The row of the same phone."""
        return self._users.get((row["realm"], row["username"]), {}).get(_place(row))

    def of(self, key: Key) -> list[Row]:
        """A user's rows."""
        return list(self._users.get(key, {}).values())

    def found(self, realm: str | None, username: str | None) -> list[Row]:
        """The rows of a realm and of a username; None is any."""
        if realm is not None and username is not None:
            return self.of((realm.lower(), username.lower()))
        realm, username = realm and realm.lower(), username and username.lower()
        return [row for row in self.rows() if realm in (None, row["realm"]) and username in (None, row["username"])]

    def remove(self, row: Row) -> None:
        """Take a row out."""
        key = row["realm"], row["username"]
        contacts = self._users.get(key, {})
        contacts.pop(_place(row), None)
        if not contacts:
            self._users.pop(key, None)

    def keep(self, which: Callable[[Row], bool]) -> None:
        """Take out all rows but these."""
        for row in [row for row in self.rows() if not which(row)]:
            self.remove(row)


def _place(row: Row) -> str:
    return "" if row["switch"] else bare(row.get("contact", ""))
