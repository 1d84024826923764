"""Hears where a medium is, and answers with a URL. Kazoo: media_listener.

    prompt://{account}/{prompt}/{language}   what the account, or the system, has recorded itself
    tts://…                                  the `text` of the question, spoken

It keeps which prompts nobody has recorded, which are most, and forgets them when a document changes. A restart loses
what was under way: whoever asked plays the platform's own.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from mirliton.actors.kapi.conf import DocUpdate
from mirliton.actors.kapi.media import MediaError, MediaReq, MediaResp
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.news import listen
from mirliton.actors.switching import MEDIA as MEDIA
from mirliton.ecallmgr.switch_http import Media
from mirliton.runtime import Completed, From, GenServer, NoReply, Reply
from mirliton.whapps.media_mgr.prompts import SYSTEM, own_prompt, parts_of
from mirliton.whapps.media_mgr.speech import CannotSpeak, Speech

KNOWN: Final = 20_000
KNOWN_FOR: Final = 60.0
"""Seconds for which a prompt is not looked up again."""
AT_ONCE: Final = 200
"""Questions under way; more are told that there is nothing."""
SPEAKING: Final = 4
"""Texts that are spoken at once."""

Key = tuple[str, str, str]


class MediaMgr(GenServer):
    """Under MEDIA."""

    mailbox_limit = 5_000
    mailbox_overflow = "drop_oldest"

    def init(self, media: Media, speech: Speech | None) -> None:
        self.media = media
        self.speech = speech
        self.known: OrderedDict[Key, tuple[float, str]] = OrderedDict()
        """The URL of a prompt, or nothing where nobody has recorded one; and until when that is believed."""
        self.changes = 0
        self.under_way = 0
        self.speaking = 0
        self.outcomes = dict.fromkeys(("found", "not_found", "spoken", "failed", "shed"), 0)
        listen(self, "account", SYSTEM)

    def state(self) -> Any:
        return {"known": len(self.known), "under_way": self.under_way, **self.outcomes}

    def handle_call(self, request: Any, sender: From) -> Any:
        if not isinstance(request, MediaReq):
            return super().handle_call(request, sender)
        if request.media_name.startswith("tts://"):
            return self._speak(request, sender)
        key = parts_of(request.media_name)
        if key is None:
            return self._nothing(request, "not_found", "it is no prompt and no text")
        until, url = self.known.get(key, (0.0, ""))
        if until > self.node.clock.now():
            return Reply(self._answer(request, url))
        if self.under_way >= AT_ONCE:
            return self._nothing(request, "shed", "too many questions are under way")
        self.under_way += 1
        self.background(own_prompt(StoreClient(self), self.media, *key), ("prompt", request, sender, self.changes))
        return NoReply()

    def handle_info(self, message: Any) -> None:
        match message:
            case Completed(tag=("prompt", MediaReq() as request, From() as sender, changes), value=value, error=error):
                self.under_way -= 1
                self.reply(sender, self._found(request, changes, value, error))
            case Completed(tag=("speech", MediaReq() as request, From() as sender), value=value, error=error):
                self.speaking -= 1
                self.reply(
                    sender, value if error is None else MediaError(request.media_name, "other", str(error)[:200])
                )
            case DocUpdate(type=kind):
                if kind in (None, "media", "database"):
                    self.changes += 1
                    self.known.clear()
            case _:
                super().handle_info(message)

    def _found(self, request: MediaReq, changes: int, url: str | None, error: Any) -> MediaResp | MediaError:
        key = parts_of(request.media_name)
        if error is not None or url is None or key is None:
            self.outcomes["failed"] += 1
            self.log.warning("prompt_not_looked_up", media=request.media_name[:200], error=str(error))
            return MediaError(request.media_name, "other", str(error)[:200])
        if changes == self.changes:
            self.known[key] = (self.node.clock.now() + KNOWN_FOR, url)
            if len(self.known) > KNOWN:
                self.known.popitem(last=False)
        return self._answer(request, url)

    def _answer(self, request: MediaReq, url: str) -> MediaResp | MediaError:
        self.outcomes["found" if url else "not_found"] += 1
        if url:
            return MediaResp(request.media_name, url)
        return MediaError(request.media_name, "not_found", "nobody has recorded it")

    def _speak(self, request: MediaReq, sender: From) -> NoReply | Reply:
        if self.speech is None:
            return self._nothing(request, "not_found", "no text is spoken here")
        if self.speaking >= SPEAKING:
            return self._nothing(request, "shed", "too many texts are spoken")
        self.speaking += 1
        self.background(self._spoken(request, self.speech), ("speech", request, sender))
        return NoReply()

    async def _spoken(self, request: MediaReq, speech: Speech) -> MediaResp | MediaError:
        try:
            key = await speech.speak(request.text or "", request.voice, request.language)
        except CannotSpeak as error:
            self.outcomes["failed"] += 1
            self.log.warning("text_not_spoken", reason=error.reason)
            return MediaError(request.media_name, "other", error.reason[:200])
        self.outcomes["spoken"] += 1
        return MediaResp(request.media_name, self.media.spoken_url(key))

    def _nothing(self, request: MediaReq, outcome: str, why: str) -> Reply:
        self.outcomes[outcome] += 1
        return Reply(MediaError(request.media_name, "not_found", why))
