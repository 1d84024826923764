"""`mirliton db`: moves stores, looks after them, and settles contradicting revisions.

A place is `sqlite:PATH`, the URL of a CouchDB, or `configured`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from mirliton.actors.store import CouchAddress, CouchStore, CouchTuning, SqliteStore, Store, StoreError, opened
from mirliton.actors.store.couch_conflicts import conflicting, settle
from mirliton.actors.store.moving import Tally, copy, export, load
from mirliton.actors.store.names import Month
from mirliton.actors.store.server import store_at
from mirliton.actors.store.upkeep import make_months, purge
from mirliton.api.cli import store_keys
from mirliton.api.cli.errors import CommandError
from mirliton.api.cli.root import store_place
from mirliton.api.cli.show import say
from mirliton.config import Settings

_MONTH = re.compile(r"([0-9]{4})(0[1-9]|1[0-2])")
_BACKUP = re.compile(r"mirliton-[0-9]{8}T[0-9]{6}Z\.jsonl")
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

    store_keys.add(own, place, _PLACE)
    _add_upkeep(own)
    conflicts = own.add_parser("conflicts", help="documents of which a CouchDB has contradicting revisions")
    conflicts.add_argument("place", help="http://HOST:PORT, or `configured`")
    conflicts.add_argument("--prefix", default="", help="only databases whose names begin so")
    conflicts.add_argument("--settle", action="store_true", help="keep the newest of each")
    conflicts.set_defaults(do=_conflicts)


def _add_upkeep(own: Any) -> None:
    """The commands that look after a store."""
    refresh = own.add_parser("refresh", help="build all views now, and remove those that are declared no more")
    months = own.add_parser("months", help="make the month databases of all accounts")
    months.add_argument("--month", metavar="YYYYMM", help="which month; the next one unless it is given")
    purge_ = own.add_parser("purge", help="delete for good what was deleted softly")
    purge_.add_argument("--days", type=_days, required=True, help="what was deleted so many days ago or earlier")
    purge_.add_argument("--prefix", default="", help="only databases whose names begin so")
    for command, do in ((refresh, _refresh), (months, _months), (purge_, _purge)):
        command.add_argument("place", nargs="?", default="configured", help=_PLACE)
        command.set_defaults(do=_looking_after(do))
    backup = own.add_parser("backup", help="export everything to a file of a folder, named after the time")
    backup.add_argument("source", help=_PLACE)
    backup.add_argument("folder", type=Path)
    backup.add_argument("--keep", type=_positive, default=7, help="how many backups to keep there (7)")
    backup.set_defaults(do=_doing(_backup))


def _looking_after(do: Callable[[Store, argparse.Namespace], Coroutine[Any, Any, str]]) -> Any:
    def command(options: argparse.Namespace, settings: Settings) -> int:
        async def work() -> str:
            async with opened(place(options.place, settings, must_exist=True)) as store:
                return await do(store, options)

        try:
            say(asyncio.run(work()))
        except (StoreError, OSError) as error:
            raise CommandError(str(error)) from error
        return os.EX_OK

    return command


async def _refresh(store: Store, options: argparse.Namespace) -> str:
    return f"{await store.refresh()} views built"


async def _months(store: Store, options: argparse.Namespace) -> str:
    month = Month.at(time.time()).next
    if options.month is not None:
        found = _MONTH.fullmatch(options.month)
        if found is None:
            raise CommandError(f"{options.month!r} is no month: it must be YYYYMM")
        month = Month(int(found[1]), int(found[2]))
    return f"{await make_months(store, month)} databases of {month} made"


async def _purge(store: Store, options: argparse.Namespace) -> str:
    return (
        f"{await purge(store, time.time() - options.days * 86_400, prefix=options.prefix)} documents deleted for good"
    )


async def _backup(options: argparse.Namespace, settings: Settings) -> Tally:
    """An export, and the oldest backups removed once it is whole."""
    options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    options.file, options.prefix = options.folder / f"mirliton-{_moment()}.jsonl", ""
    tally = await _export(options, settings)
    say(str(options.file))
    backups = sorted(file for file in options.folder.iterdir() if _BACKUP.fullmatch(file.name))
    for old in backups[: -options.keep]:
        old.unlink()
    return tally


def _moment() -> str:
    """Now, as names of files order."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days <= 36_500:
        raise argparse.ArgumentTypeError("it must be 0 to 36500 days")
    return days


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return number


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
