"""What a switch can be told to play and to record to, and nothing else on it."""

import pytest

from mirliton.ecallmgr.errors import Untranslatable
from mirliton.ecallmgr.media import MAX_LOOPS, looped, media, record_file, ringback
from mirliton.ecallmgr.plan import Surroundings

AROUND = Surroundings(sounds="/usr/share/sounds/mirliton/en-us")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("prompt://system/vm-intro/en-us", "/usr/share/sounds/mirliton/en-us/vm-intro.wav"),
        ("prompt://0123456789abcdef/my_prompt/de-de", "/usr/share/sounds/mirliton/en-us/my_prompt.wav"),
        ("tone_stream://%(250,50,440);loops=2", "tone_stream://%(250,50,440);loops=2"),
        ("silence_stream://1000,1400", "silence_stream://1000,1400"),
        ("local_stream://moh/8000", "local_stream://moh/8000"),
        ("https://host:8443/media/tok/x.wav", "https://host:8443/media/tok/x.wav"),
        ("welcome.wav", "welcome.wav"),
        ("/var/lib/x/mirliton-0a1b.wav", "/var/lib/x/mirliton-0a1b.wav"),
        ("/mirliton-0a1b.wav", "/mirliton-0a1b.wav"),
    ],
)
def test_media_are_found(name, found):
    assert media(name, AROUND) == found


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "/etc/passwd",
        "/tmp/x.wav",
        "/tmp/../mirliton-x.wav",
        "/tmp/mirliton-x/../../etc/passwd",
        "../mirliton-x.wav",
        "file:///etc/passwd",
        "file_string:///etc/passwd!a.wav",
        "say:hello",
        "vlc://http://x",
        "shout://x/y",
        "http_cache://http://x/y",
        "{refresh=true}http://x/y",
        "http://x/y!z",
        "http://x/y@@100",
        "system::reboot",
        "a.wav::b",
        "phrase:x",
        "prompt://system/a b/en-us",
        "prompt://system/../en-us",
        "prompt:///",
        "tone_stream://%(1,1,1)${system reboot}",
        "tone_stream://path=/etc/passwd",
        "x.wav\n",
        "x wav",
        "é.wav",
        "x" * 201,
        "http://x/" + "y" * 2000,
    ],
)
def test_nothing_else_is_a_medium(name):
    with pytest.raises(Untranslatable) as caught:
        media(name, AROUND)
    assert len(str(caught.value)) < 160
    with pytest.raises(Untranslatable):
        ringback(name, AROUND)


@pytest.mark.parametrize("name", ["voice.wav", "/tmp/mirliton-1.wav"])
def test_recordings_go_to_files_of_ours(name):
    assert record_file("record", name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/tmp/voice.wav",
        "prompt://a/b/c",
        "http://x/y.wav",
        "a/b.wav",
        "/tmp/mirliton-..",
        "{append=true}a.wav",
        "a b.wav",
    ],
)
def test_recordings_go_nowhere_else(name):
    with pytest.raises(Untranslatable, match="is no file to record to"):
        record_file("record", name)


def test_a_medium_is_played_so_many_times():
    assert looped("a.wav", 1) == "a.wav"
    assert looped("a.wav", 3) == "file_string://a.wav!a.wav!a.wav"
    assert looped("a.wav", MAX_LOOPS).count("a.wav") == MAX_LOOPS


@pytest.mark.parametrize(("name", "times"), [("a.wav", MAX_LOOPS + 1), ("a.wav", 10**12), ("x" * 1000, 20)])
def test_too_many_times_are_refused(name, times):
    with pytest.raises(Untranslatable, match="more than can be played"):
        looped(name, times)


@pytest.mark.parametrize("tone", ["%(2000,4000,440,480)", "v=-7;%(400,200,400,450);%(400,2000,400,450)"])
def test_a_ringback_may_be_a_tone(tone):
    assert ringback(tone, AROUND) == tone


@pytest.mark.parametrize("tone", ["%(2000,4000,440,480", "%(1,1,1);${x}", "%()", "v=1000;%(1,1,1)"])
def test_a_ringback_that_is_neither(tone):
    with pytest.raises(Untranslatable):
        ringback(tone, AROUND)
