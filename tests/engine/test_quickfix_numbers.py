"""A session goes on from the sequence numbers that QuickFIX left in its files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import fixfast as ff
from fixfast.engine.quickfix.convert import convert
from fixfast.engine.quickfix.draft import Draft
from fixfast.engine.quickfix.numbers import Numbers, read_numbers, seed
from tests.engine.harness import Notes, run, until

CFG = """[DEFAULT]
ConnectionType={role}
FileStorePath=store
[SESSION]
BeginString=FIX.4.4
SenderCompID=US
SenderSubID=DESK
TargetCompID=THEM
SocketConnectHost=127.0.0.1
SocketConnectPort=9878
SocketAcceptPort=0
"""
NOW = ff.Now(0, 1_767_614_400_000_000_000)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("store").mkdir(mode=0o755)


def loaded(role: str = "initiator", more: str = "") -> tuple[ff.SessionSettings, Draft]:
    text = CFG.format(role=role) + more
    Path("x.cfg").write_text(text)
    (draft,) = convert(text.encode(), "x.cfg").drafts.values()
    (one,) = ff.load_config("x.cfg").sessions.values()
    return one, draft


def java(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"FIX.4.4-US-THEM.seqnums": b"0000000005 : 0000000007"}, (5, 7, None)),
        ({"FIX.4.4-US-THEM.seqnums": b"00000000000000000005 : 00000000000000000007"}, (5, 7, None)),
        ({"FIX.4.4-US_DESK-THEM.seqnums": b"0000000005 : 0000000007\n"}, (5, 7, None)),
        ({"FIX.4.4-US-THEM.seqnums": b"0000000001 : 0000000001", "FIX.4.4-US-THEM.session": b"20260105-12:00:00"},
         (1, 1, 1_767_614_400_000_000_000)),
        ({"FIX.4.4-US_DESK-THEM.senderseqnums": java("12"), "FIX.4.4-US_DESK-THEM.targetseqnums": java("345"),
          "FIX.4.4-US_DESK-THEM.session": java("20260105-12:00:00.000")}, (12, 345, 1_767_614_400_000_000_000)),
        ({"FIX.4.4-US-THEM.seqnums": b"5 : 7", "FIX.4.4-US-THEM.session": b"yesterday"}, (5, 7, None)),
        ({}, None),
    ],
)  # fmt: skip
def test_numbers_are_read_from_the_files_of_every_engine(
    files: dict[str, bytes], found: tuple[int, int, int | None] | None
) -> None:
    for name, data in files.items():
        Path("store", name).write_bytes(data)
    numbers = read_numbers(loaded()[1])
    assert (numbers and numbers[:3]) == found


@pytest.mark.parametrize("data", [b"", b"5", b"x : y", b"5 : 7 : 9", b"\xff" * 5000, b"-5 : 7"])
def test_a_damaged_file_is_refused_by_its_name(data: bytes) -> None:
    Path("store", "FIX.4.4-US-THEM.seqnums").write_bytes(data)
    with pytest.raises(ff.ConfigError, match=r"FIX\.4\.4-US-THEM\.seqnums"):
        read_numbers(loaded()[1])


def test_real_quickfix_numbers_are_read() -> None:
    quickfix = pytest.importorskip("quickfix")
    one, draft = loaded()
    settings = quickfix.SessionSettings("x.cfg")
    factory = quickfix.FileStoreFactory(settings)
    store = factory.create(quickfix.UtcTimeStamp(), quickfix.SessionID("FIX.4.4", "US", "THEM"))
    store.setNextSenderMsgSeqNum(42)
    store.setNextTargetMsgSeqNum(43)
    numbers = read_numbers(draft)
    assert numbers is not None
    assert numbers[:2] == (42, 43)
    assert numbers.created_ns is not None
    assert one.session_id == ff.SessionID("FIX.4.4", "US", "THEM")
    del store, factory, settings


def test_a_new_store_goes_on_with_the_numbers_once() -> None:
    one, _ = loaded()
    numbers = Numbers(5, 7, None, "x")
    assert seed(one, numbers, NOW)
    assert not seed(one, numbers, NOW), "the second time nothing is to do"
    store = one.store()
    state = store.load()
    store.close()
    assert (state.next_out, state.received, state.next_in, state.pending_in) == (5, 7, 7, ())
    with pytest.raises(ff.ConfigError, match="a new store: this one has messages"):
        seed(one, Numbers(6, 7, None, "x"), NOW)
    memory, _ = loaded(more="FileStorePath=\n")
    with pytest.raises(ff.ConfigError, match="a journal or a database"):
        seed(memory, numbers, NOW)


@pytest.mark.parametrize("numbers", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_any_numbers_are_taken_over(numbers: tuple[int, int]) -> None:
    one, _ = loaded()
    seed(one, Numbers(*numbers, None, "x"), NOW)
    store = one.store()
    state = store.load()
    store.close()
    assert (state.next_out, state.received) == numbers


def test_numbers_of_a_window_that_is_over_begin_again() -> None:
    one, _ = loaded(more="StartTime=00:00:00\nEndTime=00:00:00\n")
    yesterday = NOW.wall_ns - 2 * 86_400_000_000_000
    seed(one, Numbers(5, 7, yesterday, "x"), NOW)
    store = one.store()
    session = ff.Session(one.config, store=store, role=ff.Role.INITIATOR)
    session.connected(NOW)
    logon = ff.parse(b"".join(bytes(part) for part in session.data_to_send()))
    store.close()
    assert logon.msg_seq_num == 1


def test_a_session_logs_on_with_the_numbers_of_quickfix() -> None:
    async def main() -> None:
        theirs, ours = Notes(), Notes()
        one, _ = loaded("acceptor")
        seed(one, Numbers(8, 6, None, "x"), NOW)
        desk = ff.load_config("x.cfg")
        async with desk.serve(theirs) as servers:
            mirrored = CFG.format(role="initiator").replace("=US", "=X").replace("=THEM", "=US").replace("=X", "=THEM")
            Path("y.cfg").write_text(
                mirrored.replace("9878", str(servers.port))
                .replace("=store", "=other")
                .replace("SenderSubID=DESK\n", "")
            )
            bot = ff.load_config("y.cfg")
            (other,) = bot.sessions.values()
            seed(other, Numbers(6, 8, None, "x"), NOW)
            async with bot.connect(other.name, ours) as session:
                assert session.active
                session.send_nowait("B", [(148, "x"), (33, [[(58, "y")]])])
                await until(lambda: theirs.messages)
        assert theirs.messages[0].msg_seq_num == 7, "6 was the Logon"
        assert not ours.named("GapDetected")
        assert not theirs.named("GapDetected")

    run(main())
