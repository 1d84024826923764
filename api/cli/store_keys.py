"""The keys by which secrets are kept encrypted, and `mirliton db reencrypt`.

They are the setting `store.keys`. Without it, an SQLite store has a key in a file beside it, which is made when there
is none: who copies the one without the other has no passwords. Several nodes of a host share both. A CouchDB has none,
and keeps secrets as they are, until keys are set.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mirliton.actors.store import Store, StoreError, opened
from mirliton.actors.store.key_file import beside, kept_keyring
from mirliton.actors.store.resealing import Resealed, reseal
from mirliton.actors.store.sealing import Keyring
from mirliton.api.cli.errors import CommandError
from mirliton.api.cli.show import say
from mirliton.config import Settings

_SHOWN = 20


def store_keys(settings: Settings) -> Keyring | Path | None:
    """The keys of the node's store, or the file that holds them; None where secrets are kept as they are."""
    given = settings.store.keys.reveal()
    if given:
        return Keyring(given)
    return beside(settings.store_path) if settings.store.backend == "sqlite" else None


def keyring(settings: Settings) -> Keyring:
    """The keys themselves. Raises CommandError."""
    found = store_keys(settings)
    if found is None:
        raise CommandError("there are no keys: set store.keys")
    if isinstance(found, Keyring):
        return found
    try:
        return kept_keyring(found)
    except (OSError, ValueError) as error:
        raise CommandError(f"{found}: {error}") from None


def add(own: Any, place: Callable[..., Store], hint: str) -> None:
    """The command, below `db`."""
    command = own.add_parser("reencrypt", help="encrypt all secrets of a store with the first of store.keys")
    command.add_argument("place", help=hint)
    command.add_argument("--prefix", default="", help="only databases whose names begin so")
    command.add_argument("--plain", action="store_true", help="decrypt them instead, for a store that goes elsewhere")

    def do(options: argparse.Namespace, settings: Settings) -> int:
        keys = keyring(settings)

        async def work() -> Resealed:
            async with opened(place(options.place, settings, must_exist=True)) as store:
                return await reseal(store, keys, prefix=options.prefix, plain=options.plain)

        try:
            found = asyncio.run(work())
        except StoreError as error:
            raise CommandError(str(error)) from error
        say(f"{found.documents} documents with secrets, {found.written} written anew")
        for each in found.unreadable[:_SHOWN]:
            say(f"  no key opens what {each} holds")
        if len(found.unreadable) > _SHOWN:
            say(f"  … and {len(found.unreadable) - _SHOWN} more")
        return os.EX_DATAERR if found.unreadable else os.EX_OK

    command.set_defaults(do=do)
