"""A process that writes to a store and prints what was acknowledged. Usage: writing_program.py PATH NAME WHAT COUNT

`acks`: eight tasks write, change and delete documents and attachments, for ever; each acknowledgment is a line of JSON,
printed after it came. `count`: adds COUNT to the document "counter" in ones, then prints how many it added.
"""

import asyncio
import itertools
import json
import os
import sys

from mirliton.actors.store import SqliteStore, Tuning, opened, update

DB = "account/aa/aa/" + "a" * 28


def say(**what):
    os.write(1, json.dumps(what).encode() + b"\n")


async def acks(store, name):
    numbers = itertools.count()

    async def task(me):
        while True:
            id = f"{name}-{next(numbers)}"
            doc = {"_id": id, "pvt_type": "callflow", "numbers": [id, f"also-{id}"], "text": "x" * 200, "state": "new"}
            rev = await store.put(DB, doc)
            say(id=id, rev=rev, state="new")
            if me % 4 == 1:
                rev = await store.put(DB, {**doc, "_rev": rev, "state": "changed", "numbers": [id]})
                say(id=id, rev=rev, state="changed")
            if me % 4 == 2:
                rev = await store.delete(DB, id, rev)
                say(id=id, rev=rev, state="deleted")
            if me % 4 == 3:
                rev = await store.put_attachment(DB, id, "file", "text/plain", id.encode() * 5000, rev)
                say(id=id, rev=rev, state="attached")

    await asyncio.gather(*(task(me) for me in range(8)))


async def count(store, how_many):
    def one_more(doc):
        return {**doc, "n": doc.get("n", 0) + 1}

    async def some(n):
        for _ in range(n):
            await update(store, DB, "counter", one_more, create=True, attempts=10_000)

    await asyncio.gather(*(some(how_many // 4) for _ in range(4)))
    say(added=how_many // 4 * 4)


async def main(path, name, what, how_many):
    async with opened(SqliteStore(path, tuning=Tuning(timeout=60.0, lock_timeout=30.0))) as store:
        await store.create_database(DB)
        say(ready=True)
        await (acks(store, name) if what == "acks" else count(store, int(how_many)))


asyncio.run(main(*sys.argv[1:]))
