"""What fuzzing found that a file in the corpus cannot show: it needed more than one input."""

from __future__ import annotations

from benchmarks.corpus import frame
from tests.codec.support import Codec


def test_a_begin_string_with_nul_is_not_taken_for_the_one_before(codec: Codec) -> None:
    fields = [(35, "D"), (49, "A")]
    known, odd = frame("FIXT.1.1", fields), frame("FIXT.1.1\x00", fields)
    decoder = codec.StreamDecoder()
    decoder.feed(known + odd + known)
    first, second, third = (item.to_dict() for item in decoder)
    assert first == third
    assert second == {"8": "FIXT.1.1\x00", "9": "10", "35": "D", "49": "A", "10": first["CheckSum"]}
