"""What fuzzing found that a file in the corpus cannot show: it needed more than one input."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import pytest

import fixfast as ff
from benchmarks.corpus import frame
from fixfast.store.inspect import Journal
from fixfast.store.records import HEAD, HEADER_SIZE, Kind, pack_record, parse_header
from tests.codec.support import Codec


def test_a_begin_string_with_nul_is_not_taken_for_the_one_before(codec: Codec) -> None:
    fields = [(35, "D"), (49, "A")]
    known, odd = frame("FIXT.1.1", fields), frame("FIXT.1.1\x00", fields)
    decoder = codec.StreamDecoder()
    decoder.feed(known + odd + known)
    first, second, third = (item.to_dict() for item in decoder)
    assert first == third
    assert second == {"8": "FIXT.1.1\x00", "9": "10", "35": "D", "49": "A", "10": first["CheckSum"]}


def test_a_receipt_that_claims_endless_numbers_is_shown_as_one(tmp_path: Path) -> None:
    """Its checksum is right, so it is no damage; showing it took len() of a range that has no length."""
    path = tmp_path / "x.journal"
    store = ff.JournalStore(path)
    store.append_in(1, 1, frame("FIX.4.4", [(35, "D"), (34, "1")]))
    store.close()
    data = bytearray(path.read_bytes())
    at = HEADER_SIZE
    while data[at + 4] != Kind.IN:
        at += int.from_bytes(data[at : at + 4], "little") + HEAD.size + 4
    size, kind, flags, epoch, a, _, nin, wall_ns = HEAD.unpack_from(data, at)
    HEAD.pack_into(data, at, size, kind, flags, epoch, a, (1 << 64) - 1, nin, wall_ns)
    end = at + HEAD.size + size
    seed = parse_header(bytes(data[:HEADER_SIZE])).seed
    data[end : end + 4] = crc32(data[at:end], seed).to_bytes(4, "little")
    path.write_bytes(data)
    [message] = Journal(path).current.messages("in")
    assert message.number == 1


def test_a_record_that_drops_endless_segments_is_refused(tmp_path: Path) -> None:
    """Start-up would have looked for each of their files, for ever."""
    path = tmp_path / "x.journal"
    ff.JournalStore(path).close()
    data = path.read_bytes()  # close() gave back what was allocated ahead
    header = parse_header(data[:HEADER_SIZE])
    path.write_bytes(data + pack_record(header, Kind.DROP, 1, 1 << 62, 1, 0, bytes(4)))
    with pytest.raises(ff.StoreCorrupt, match="dropped"):
        ff.JournalStore(path)


def test_a_number_beyond_63_bits_is_damage(tmp_path: Path) -> None:
    """It was taken up, and the next segment could not be begun: what is one more did not fit its state."""
    path = tmp_path / "x.journal"
    ff.JournalStore(path).close()
    data = path.read_bytes()  # close() gave back what was allocated ahead
    header = parse_header(data[:HEADER_SIZE])
    path.write_bytes(data + pack_record(header, Kind.OUT, (1 << 64) - 1, (1 << 64) - 1, 1, 0, b"x"))
    with pytest.raises(ff.StoreCorrupt, match="no such number"):
        ff.JournalStore(path)
