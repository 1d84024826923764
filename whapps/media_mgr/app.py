"""media_mgr's supervision tree: one listener. Five restarts in ten seconds, then the node's root decides."""

from __future__ import annotations

from mirliton.ecallmgr.switch_http import Media
from mirliton.runtime import Name
from mirliton.supervisors import Tree, worker
from mirliton.whapps.media_mgr.listener import MEDIA, MediaMgr
from mirliton.whapps.media_mgr.speech import Speech


def tree(media: Media, speech: Speech | None) -> Tree:
    """The tree. `media` makes URLs; without `speech` no text is spoken here."""
    return Tree(
        "one_for_one",
        [worker(MediaMgr, media, speech, name=MEDIA)],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "media_mgr"),
    )
