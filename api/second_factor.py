"""The second factor: a code of six digits that an app makes of a secret and the time (TOTP, RFC 6238).

A user's document holds, in private fields,

    pvt_totp           {"secret": base32, "confirmed": when, "step": the last time step whose code was taken}
    pvt_totp_offered   {"secret": base32, "offered": when}: shown to the user, and theirs once they show a code of it

A code is taken once, on whichever node it is shown: the time step is compared and set in the document. Codes of the
step before and after are taken too, since clocks differ. Guesses are few by user, whatever address they come from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pyotp

from mirliton.actors.store import Document, Store, update
from mirliton.actors.store.documents import gregorian
from mirliton.actors.store.names import account_db
from mirliton.api.errors import Busy, InvalidCredentials, TooManyRequests
from mirliton.api.throttle import Throttle

KEPT: Final = "pvt_totp"
OFFERED: Final = "pvt_totp_offered"
PROVIDER: Final = "totp"
ISSUER: Final = "Mirliton"
STEP: Final = 30
"""Seconds of a time step."""
GUESSES: Final = 5
"""Wrong codes for one user before the next has to wait."""
REFILL: Final = 300.0
"""Seconds after which one more is allowed."""
OFFER_LIFE: Final = 600
"""Seconds that an offered secret waits for its first code."""
_CODE: Final = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class Offer:
    """A secret that a user may take into their app; `uri` is what its camera reads."""

    secret: str
    uri: str


class SecondFactor:
    """Checks codes. `clock` gives unix seconds, `elapsed` seconds that never jump."""

    def __init__(self, store: Store, clock: Callable[[], float], elapsed: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._guesses = Throttle(GUESSES, REFILL, elapsed)

    async def check(self, account_id: str, user: Document, code: str) -> Document:
        """Take the user's code, or the first one of what was offered to them; returns their document.

        Raises InvalidCredentials, TooManyRequests, StoreError.
        """
        key = (account_id, str(user["_id"]))
        wait = self._guesses.take(key)
        if wait > 0.0:
            raise TooManyRequests(wait)
        taken = False

        def change(doc: Document) -> Document | None:
            nonlocal taken
            changed = self._taken(doc, code)
            taken = changed is not None
            return changed

        written = await update(self._store, account_db(account_id), key[1], change)
        if not taken:
            raise InvalidCredentials
        self._guesses.give_back(key)
        return written

    async def offer(self, account_id: str, user: Document, issuer: str = ISSUER) -> Offer:
        """A secret for a user who has none; the same one again as long as it waits. Raises Busy, StoreError."""
        now = gregorian(self._clock())

        def change(doc: Document) -> Document | None:
            if is_enrolled(doc):
                raise Busy("the user has a second factor; it has to be reset first")
            return doc if _open_offer(doc, now) else {**doc, OFFERED: {"secret": pyotp.random_base32(), "offered": now}}

        doc = await update(self._store, account_db(account_id), str(user["_id"]), change)
        secret = str(doc[OFFERED]["secret"])
        name = str(doc.get("username") or doc.get("email") or doc["_id"])
        return Offer(secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer))

    async def reset(self, account_id: str, user_id: str) -> None:
        """Forget the user's secret. Raises StoreError."""

        def change(doc: Document) -> Document | None:
            kept = {name: value for name, value in doc.items() if name not in (KEPT, OFFERED)}
            return kept if kept != doc else None

        await update(self._store, account_db(account_id), user_id, change)

    def _taken(self, doc: Document, code: str) -> Document | None:
        """The document after this code was taken; None where it is none."""
        now = self._clock()
        kept = doc.get(KEPT)
        if isinstance(kept, dict):
            step = _step_of(kept.get("secret"), code, now)
            if step is None or step <= kept.get("step", 0):
                return None
            return {**doc, KEPT: {**kept, "step": step}}
        offered = _open_offer(doc, gregorian(now))
        step = _step_of(offered.get("secret"), code, now) if offered else None
        if offered is None or step is None:
            return None
        rest = {name: value for name, value in doc.items() if name != OFFERED}
        return {**rest, KEPT: {"secret": offered["secret"], "confirmed": gregorian(now), "step": step}}


def is_enrolled(user: Document) -> bool:
    """Whether the user has a second factor."""
    return isinstance(user.get(KEPT), dict)


def enrolled_since(user: Document) -> Any:
    """When they got it, in gregorian seconds; None where they have none."""
    return user[KEPT].get("confirmed") if is_enrolled(user) else None


def _open_offer(doc: Document, now: int) -> dict[str, Any] | None:
    offered = doc.get(OFFERED)
    if not isinstance(offered, dict) or now - offered.get("offered", 0) >= OFFER_LIFE:
        return None
    return offered


def _step_of(secret: Any, code: str, now: float) -> int | None:
    """The time step whose code this is; None where it is that of none about now."""
    if not isinstance(secret, str) or not _CODE.fullmatch(code):
        return None
    totp = pyotp.TOTP(secret, interval=STEP)
    current = int(now) // STEP
    try:
        about = (current - 1, current, current + 1)
        steps = [step for step in about if pyotp.utils.strings_equal(totp.at(step * STEP), code)]
    except ValueError:
        # It is no base32: the document was changed by somebody else, or its secret cannot be opened.
        return None
    return max(steps, default=None)
