"""Invariant: whatever a peer sends, a session raises nothing, writes whole messages in order, the same in every split.

The input is what the peer (A) sends after its Logon to our acceptor (B), all at one moment of virtual time. Every other
message gets the MsgSeqNum that is expected, so that the fuzzer comes past the sequence check.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import fixfast as ff
from benchmarks.corpus import frame
from fixfast.session.events import Event, Resent, SequenceReset
from fixfast.types import Garbled
from tests.codec.mutate import repaired

__all__ = ["session"]

NOW = ff.Now(0, 1_767_614_400_000_000_000)
HEADER = [(49, "A"), (52, "20260105-12:00:00.000"), (56, "B")]
LOGON = frame("FIX.4.4", [(35, "A"), (34, "1"), *HEADER, (98, "0"), (108, "30")])
_NUMBER = re.compile(rb"\x0134=(\d{1,6})\x01")


def _renumbered(data: bytes) -> list[bytes]:
    """Cut `data` before each 8=FIX; number every other message as expected, and make its frame right again."""
    parts = re.split(rb"(?=8=FIX)", data)
    expected, out = 2, []
    for index, part in enumerate(parts):
        if index % 2 and _NUMBER.search(part):
            part = repaired(_NUMBER.sub(b"\x0134=%d\x01" % expected, part, count=1))
            expected += 1
        out.append(part)
    return out


def _run(slices: Iterable[bytes]) -> tuple[list[bytes], list[object]]:
    """Feed one acceptor.

    Returns: the new messages it wrote, and what it told. Resends are left out of both: they are made when the transport
    has room, so a request that came with more behind it is answered later, and for more numbers.
    """
    config = ff.SessionConfig("FIX.4.4", "B", "A", check_latency=False, max_message_size=4096, queue_limit=50)
    acceptor = ff.Session(config, ff.MemoryStore(), ff.Role.ACCEPTOR)
    acceptor.connected(NOW)
    told: list[object] = []
    wrote = bytearray()
    resets = 0
    for part in (LOGON, *slices):
        acceptor.receive_data(part, NOW)
        for event in acceptor.events():
            if not isinstance(event, Resent):
                told.append(_summary(event))
            resets += isinstance(event, SequenceReset)
        while queued := acceptor.data_to_send():
            wrote += b"".join(queued)
    told.append((acceptor.state, acceptor.next_in, acceptor.next_out, acceptor.close_requested))
    return _check_written(bytes(wrote), resets, acceptor), told


def _summary(event: Event) -> object:
    return (event.msg_type, event.raw) if isinstance(event, ff.Message) else type(event).__name__


def _check_written(wrote: bytes, resets: int, acceptor: ff.Session) -> list[bytes]:
    """Check what was written to the peer; return the messages since the last reset that are not resends."""
    decoder = ff.StreamDecoder()
    decoder.feed(wrote)
    expected = 1
    new: list[bytes] = []
    for item in decoder:
        assert not isinstance(item, Garbled), f"it wrote garbled bytes: {item}"
        assert (item.sender_comp_id, item.target_comp_id) == ("B", "A")
        if item.poss_dup:
            continue
        if item.msg_seq_num == 1:
            new.clear()  # a reset drops what was queued and not yet handed out
        new.append(item.raw)
        if not resets:
            assert item.msg_seq_num == expected, f"{item.msg_seq_num} follows {expected - 1}: {item}"
            expected += 1
    assert resets or acceptor.next_out == expected
    return new


def session(data: bytes) -> None:
    """Feed a session whole, byte by byte and message by message, and compare."""
    parts = _renumbered(data)
    joined = b"".join(parts)
    expected = _run([joined])
    for name, slices in (
        ("message by message", parts),
        ("byte by byte", [joined[i : i + 1] for i in range(len(joined))]),
    ):
        found = _run(slices)
        assert found == expected, f"{name}: {found}, whole: {expected}"
