"""Frames: whatever way bytes are cut, the same contents come out, and never more than was agreed on is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixfast.service.frames import GREETING_LIMIT, LIMIT, FrameError, Frames, framed


@given(st.lists(st.binary(max_size=200), max_size=20), st.data())
def test_frames_come_out_as_they_went_in_however_the_bytes_are_cut(contents: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(framed, contents))
    frames, out = Frames(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        frames.feed(stream[:size])
        stream = stream[size:]
        while data.draw(st.booleans()) and (content := frames.take()) is not None:
            out.append(content)
    while (content := frames.take()) is not None:
        out.append(content)
    assert out == contents
    assert frames.pending == 0


def test_a_frame_is_taken_when_its_last_byte_has_come() -> None:
    whole = framed(b"abc")
    frames = Frames()
    for byte in whole[:-1]:
        frames.feed(bytes([byte]))
        assert frames.take() is None
    frames.feed(whole[-1:])
    assert frames.take() == b"abc"


def test_a_length_above_the_limit_is_refused_before_its_content_comes() -> None:
    frames = Frames()
    frames.feed((GREETING_LIMIT + 1).to_bytes(4, "big"))
    with pytest.raises(FrameError, match="4,097 bytes: the limit is 4,096"):
        frames.take()


def test_the_largest_frame_passes_and_one_byte_more_cannot_be_made() -> None:
    frames = Frames(LIMIT)
    frames.feed(framed(bytes(LIMIT)))
    assert frames.take() == bytes(LIMIT)
    with pytest.raises(FrameError, match="holds up to"):
        framed(bytes(LIMIT + 1))


def test_the_limit_may_grow_between_frames() -> None:
    frames = Frames(limit=1)
    frames.feed(framed(b"a") + framed(b"bcd"))
    assert frames.take() == b"a"
    frames.limit = 3
    assert frames.take() == b"bcd"
