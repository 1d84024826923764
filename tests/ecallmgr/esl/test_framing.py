"""Bytes become the same frames however they are cut, and what is no frame gets a clear error."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.ecallmgr.esl import Frame, Framer, Limits, MalformedFrame, OversizedFrame, TruncatedFrame

_names = st.text(alphabet="ABCabc-_", min_size=1, max_size=12).filter(
    lambda name: name.lower() not in ("content-length", "content-type")
)
_values = st.text(alphabet=st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=20).map(
    lambda text: text.lstrip(" ")
)
_frames = st.lists(
    st.tuples(st.dictionaries(_names, _values, max_size=4), st.none() | st.binary(max_size=60)), max_size=6
)


def _write(frames: list[tuple[dict[str, str], bytes | None]]) -> bytes:
    parts = []
    for headers, body in frames:
        lines = ["Content-Type: x/y", *(f"{name}: {value}" for name, value in headers.items())]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        parts.append("\n".join(lines).encode() + b"\n\n" + (body or b""))
    return b"".join(parts)


def _pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    borders = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(borders)]


@given(_frames, st.lists(st.integers(min_value=0), max_size=20))
def test_any_cutting_gives_the_frames_that_were_written(frames, cuts):
    framer = Framer()
    read = [frame for piece in _pieces(_write(frames), cuts) for frame in framer.feed(piece)]
    framer.end()
    assert [frame.body for frame in read] == [body or b"" for _, body in frames]
    for frame, (headers, _) in zip(read, frames, strict=True):
        assert {name: frame.headers[name] for name in headers} == headers


@given(st.binary(max_size=200), st.lists(st.integers(min_value=0), max_size=20))
def test_any_bytes_give_the_same_frames_and_the_same_end_however_they_are_cut(data, cuts):
    def read(pieces: list[bytes]) -> tuple[list[Frame], str]:
        framer = Framer(Limits(header_bytes=60, headers=5, body_bytes=40))
        frames: list[Frame] = []
        try:
            for piece in pieces:
                frames += framer.feed(piece)
            framer.end()
        except (MalformedFrame, TruncatedFrame) as error:
            return frames, str(error)
        except OversizedFrame as error:
            # How much had come when the limit was passed depends on the cutting; that it was passed does not.
            return frames, error.what
        return frames, "end"

    assert read(_pieces(data, cuts)) == read([bytes([byte]) for byte in data])


def test_a_body_holds_anything_also_what_looks_like_a_frame():
    body = b"Content-Length: 3\n\nabc\n\n"
    framer = Framer()
    (frame,) = framer.feed(b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(body), body))
    assert frame.body == body
    framer.end()


def test_values_keep_colons_and_lose_the_blanks_in_front():
    (frame,) = Framer().feed(b"Reply-Text:   +OK a: b \nEmpty:\nTight:x\n\n")
    assert dict(frame.headers) == {"Reply-Text": "+OK a: b ", "Empty": "", "Tight": "x"}


def test_the_length_is_found_in_any_case():
    (frame,) = Framer().feed(b"content-LENGTH: 2\n\nab")
    assert frame.body == b"ab"


def test_text_that_is_not_utf8_is_replaced_and_the_next_frame_is_read():
    one, two = Framer().feed(b"Reply-Text: caf\xe9\nContent-Length: 2\n\n\xff\xfeReply-Text: +OK\n\n")
    assert one.reply_text == "caf\ufffd"
    assert one.body == b"\xff\xfe"
    assert one.text == "\ufffd\ufffd"
    assert two.reply_text == "+OK"


def test_frames_are_immutable():
    (frame,) = Framer().feed(b"A: b\n\n")
    with pytest.raises(TypeError):
        frame.headers["A"] = "c"
    with pytest.raises(AttributeError):
        frame.body = b"x"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"no colon here\n\n", "without a name and a colon"),
        (b": no name\n\n", "without a name and a colon"),
        (b"\n\n", "without a name and a colon"),
        (b"Content-Length 24\n\n", "without a name and a colon"),
        (b"Content-Length: -1\n\n", "not a number of bytes"),
        (b"Content-Length: 1e3\n\n", "not a number of bytes"),
        (b"Content-Length: 0x10\n\n", "not a number of bytes"),
        (b"Content-Length: \xd9\xa3\n\n", "not a number of bytes"),
        (b"Content-Length: 3\r\n\n", "not a number of bytes"),
        (b"Content-Length:\n\n", "not a number of bytes"),
        (b"Content-Length: 1\ncontent-length: 2\n\n", "given twice, as 1 and 2"),
    ],
)
def test_a_malformed_block_is_refused_and_named(data, says):
    framer = Framer()
    assert len(framer.feed(b"A: b\n\n")) == 1
    with pytest.raises(MalformedFrame, match=says) as caught:
        framer.feed(data)
    assert caught.value.frame == 1


def test_what_was_whole_before_the_bad_frame_is_handed_out():
    framer = Framer()
    assert [frame.headers["A"] for frame in framer.feed(b"A: 1\n\nA: 2\n\nbad\n\nA: 3\n\n")] == ["1", "2"]
    assert isinstance(framer.broken, MalformedFrame)


def test_a_framer_that_failed_stays_failed():
    framer = Framer()
    with pytest.raises(MalformedFrame):
        framer.feed(b"bad\n\n")
    with pytest.raises(MalformedFrame):
        framer.feed(b"A: b\n\n")
    with pytest.raises(MalformedFrame):
        framer.end()
    assert framer.waiting == 0


def test_a_block_of_just_the_allowed_size_is_read_also_byte_by_byte():
    limits = Limits(header_bytes=10)
    data = b"A: " + b"x" * 7 + b"\n\n"
    framer = Framer(limits)
    assert [frame for byte in data for frame in framer.feed(bytes([byte]))] == Framer(limits).feed(data)


def test_a_header_block_without_end_is_refused_at_the_limit_and_not_kept():
    framer = Framer(Limits(header_bytes=1000))
    with pytest.raises(OversizedFrame, match=r"header block \(bytes\) of \d+, allowed are 1000"):
        for _ in range(1000):
            framer.feed(b"X-Header: and on it goes\n")
    assert framer.waiting == 0


def test_too_many_headers_are_refused():
    with pytest.raises(OversizedFrame, match="header count of 11, allowed are 10"):
        Framer(Limits(headers=10)).feed(b"a: b\n" * 11 + b"\n")


def test_a_body_too_large_is_refused_before_it_is_read():
    with pytest.raises(OversizedFrame, match="of 99999999999, allowed are 100") as caught:
        Framer(Limits(body_bytes=100)).feed(b"Content-Length: 99999999999\n\n")
    assert caught.value.size == 99999999999


@pytest.mark.parametrize(
    ("data", "have", "need"),
    [(b"Content-Length: 10\n\nabc", 3, 10), (b"Content-Type: x", 15, None), (b"A: b\n", 5, None)],
)
def test_a_stream_that_ends_inside_a_frame_is_told(data, have, need):
    framer = Framer()
    framer.feed(data)
    with pytest.raises(TruncatedFrame) as caught:
        framer.end()
    assert (caught.value.have, caught.value.need) == (have, need)


def test_single_bytes_cost_the_same_at_the_end_of_a_large_frame_as_at_its_start():
    """Linear: the second half of a frame fed byte by byte takes about as long as the first."""
    limits = Limits(header_bytes=1_000_000)
    for data in (b"A: " + b"x" * 400_000 + b"\n\n", b"Content-Length: 400000\n\n" + b"x" * 400_000):
        framer = Framer(limits)
        half = len(data) // 2
        times = []
        for part in (data[:half], data[half:]):
            start = time.process_time()
            for at in range(len(part)):
                framer.feed(part[at : at + 1])
            times.append(time.process_time() - start)
        assert framer.frames == 1
        # A scan from the start for each byte would make the second half thousands of times slower.
        assert times[1] < 20 * times[0]


def test_many_frames_in_one_piece_are_cut_in_linear_time():
    framer = Framer()
    start = time.process_time()
    frames = framer.feed(b"Content-Length: 5\n\nhello" * 100_000)
    assert len(frames) == 100_000
    assert time.process_time() - start < 10
