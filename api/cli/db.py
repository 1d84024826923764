"""`mirliton db`: moves stores, and settles contradicting revisions.

A place is `sqlite:PATH`, the URL of a CouchDB, or `configured`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from mirliton.actors.store import CouchAddress, CouchStore, CouchTuning, SqliteStore, Store, StoreError, opened
from mirliton.actors.store.couch_conflicts import conflicting, settle
from mirliton.actors.store.moving import Tally, copy, export, load
from mirliton.actors.store.server import store_at
from mirliton.api.cli.errors import CommandError
from mirliton.api.cli.root import store_place
from mirliton.api.cli.show import say
from mirliton.config import Settings

_SHOWN = 20
"""Documents that differ or are refused, told by name."""
_PLACE = "sqlite:PATH, http://HOST:PORT, or `configured` for the store of the settings"


def add(commands: Any) -> None:
    """The `db` command and its own commands."""
    db = commands.add_parser("db", help="move stores: copy, export, import; settle contradicting revisions")
    own = db.add_subparsers(required=True, metavar="COMMAND")
    for name, first, second, do in (
        ("copy", "source", "target", _copy),
        ("export", "source", "file", _export),
        ("import", "file", "target", _import),
    ):
        command = own.add_parser(name, help=_HELP[name])
        for argument in (first, second):
            if argument == "file":
                command.add_argument("file", type=Path)
            else:
                command.add_argument(argument, help=_PLACE)
        command.add_argument("--prefix", default="", help="only databases whose names begin so")
        if name != "export":
            command.add_argument("--overwrite", action="store_true", help="write over documents that differ")
        command.set_defaults(do=_doing(do))

    conflicts = own.add_parser("conflicts", help="documents of which a CouchDB has contradicting revisions")
    conflicts.add_argument("place", help="http://HOST:PORT, or `configured`")
    conflicts.add_argument("--prefix", default="", help="only databases whose names begin so")
    conflicts.add_argument("--settle", action="store_true", help="keep the newest of each")
    conflicts.set_defaults(do=_conflicts)


def _conflicts(options: argparse.Namespace, settings: Settings) -> int:
    async def work(store: CouchStore) -> int:
        count = 0
        async with opened(store):
            for db in await store.databases(options.prefix):
                async for id in conflicting(store, db):
                    count += 1
                    say(f"{db} {id}")
                    if options.settle:
                        await settle(store, db, id)
        return count

    try:
        store = place(options.place, settings)
        if not isinstance(store, CouchStore):
            raise CommandError(f"{options.place} is no CouchDB, and nothing else has contradicting revisions")
        count = asyncio.run(work(store))
    except StoreError as error:
        raise CommandError(str(error)) from error
    say(f"{count} documents" + (" settled" if options.settle else ""))
    return os.EX_DATAERR if count and not options.settle else os.EX_OK


_HELP = {
    "copy": "copy databases from one store to another",
    "export": "write databases to a file",
    "import": "store what was exported",
}


def _doing(do: Callable[[argparse.Namespace, Settings], Coroutine[Any, Any, Tally]]) -> Any:
    def command(options: argparse.Namespace, settings: Settings) -> int:
        try:
            tally = asyncio.run(do(options, settings))
        except (StoreError, OSError) as error:
            raise CommandError(str(error)) from error
        say(told(tally))
        return os.EX_DATAERR if tally.differing or tally.refused else os.EX_OK

    return command


async def _copy(options: argparse.Namespace, settings: Settings) -> Tally:
    source, target = place(options.source, settings, must_exist=True), place(options.target, settings)
    async with opened(source), opened(target):
        return await copy(source, target, prefix=options.prefix, overwrite=options.overwrite)


async def _export(options: argparse.Namespace, settings: Settings) -> Tally:
    # Under another name until it is whole, so that a file of that name is never half an export.
    part = options.file.with_name(options.file.name + ".part")
    try:
        async with opened(place(options.source, settings, must_exist=True)) as source:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                tally = await export(source, file, prefix=options.prefix)
                file.flush()
                os.fsync(file.fileno())
        part.replace(options.file)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
    return tally


async def _import(options: argparse.Namespace, settings: Settings) -> Tally:
    async with opened(place(options.target, settings)) as target:
        with options.file.open("rb") as file:
            return await load(file, target, prefix=options.prefix, overwrite=options.overwrite)


def place(text: str, settings: Settings, *, must_exist: bool = False) -> Store:
    """The store at a place. Raises CommandError, and InvalidName for a URL that is none."""
    if text == "configured":
        return store_at(store_place(settings))
    if text.startswith("sqlite:"):
        path = Path(text.removeprefix("sqlite:"))
        if must_exist and not path.is_file():
            raise CommandError(f"there is no file {path}")
        return SqliteStore(path)
    if text.startswith(("http://", "https://")):
        tuning = CouchTuning(timeout=max(30.0, settings.timeouts.store), pool=settings.store.pool)
        return CouchStore(CouchAddress(tuple(text.split()), settings.store.user, settings.store.password, tuning))
    raise CommandError(f"{text!r} is no place for a store: it must be {_PLACE}")


def told(tally: Tally) -> str:
    """What was done, for people."""
    lines = [
        f"{tally.databases} databases, {tally.documents} documents written with {tally.attachments} attachments, "
        f"{tally.same} were there already"
    ]
    for what, which in (("differ and were left alone", tally.differing), ("were refused", tally.refused)):
        if which:
            lines.append(f"{len(which)} {what}:")
            lines += [f"  {each}" for each in which[:_SHOWN]]
            lines += [f"  … and {len(which) - _SHOWN} more"] if len(which) > _SHOWN else []
    return "\n".join(lines)
