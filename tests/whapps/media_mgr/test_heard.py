"""On a whole node: what an account has recorded itself is what its callers hear."""

from __future__ import annotations

from pathlib import Path

from mirliton.actors.switching import MEDIA
from scenarios import VOICEMAIL
from tenants import DEMO
from watched_switch import Headers
from world import World, a_world

PROMPT = "vm-record_message"


async def heard(world: World) -> list[str]:
    """What a caller is played who leaves a message."""
    played: list[str] = []

    def note(event: str, headers: Headers) -> None:
        if event == "CHANNEL_EXECUTE" and headers.get("Application") in ("playback", "play_and_get_digits"):
            played.append(str(headers.get("Application-Data")))

    world.switch.watchers.append(note)
    await VOICEMAIL.run(world)
    world.switch.watchers.remove(note)
    return [each for each in played if PROMPT in each]


async def test_a_caller_hears_the_platforms_announcement_until_the_account_has_its_own(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        (own,) = await heard(world)
        assert f"mirliton/en-us/{PROMPT}.wav" in own
        doc = {"_id": f"en-us/{PROMPT}", "pvt_type": "media", "prompt_id": PROMPT}
        rev = await world.store.put(DEMO.db, doc)
        await world.store.put_attachment(DEMO.db, doc["_id"], "mine.mp3", "audio/mpeg", b"sound", rev)
        (recorded,) = await heard(world)
        assert recorded.startswith("http://127.0.0.1:")
        assert recorded.endswith("/mine.mp3")
        world.nothing_broke()


async def test_a_caller_hears_the_platforms_announcement_while_nobody_knows_of_others(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        pid = world.node.whereis(MEDIA)
        assert pid is not None
        world.node.exit(pid, "kill")
        (own,) = await heard(world)
        assert f"mirliton/en-us/{PROMPT}.wav" in own
        await world.is_whole()
