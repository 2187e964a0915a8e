"""The wire log: every message on a line, passwords blanked, and never a reason to lose a session."""

from __future__ import annotations

import random
import re
import stat
from pathlib import Path

import pytest

import fixfast as ff
from tests.engine.harness import Notes, Peer, news, run, them, to, until, us

LINE = re.compile(rb"(\d{8}-\d\d:\d\d:\d\d\.\d{9}) (\S+) ([<>=!]) (.*)")


def parsed(path: Path) -> list[tuple[bytes, bytes]]:
    lines = []
    for line in path.read_bytes().splitlines():
        match = LINE.fullmatch(line)
        assert match is not None, line
        assert match[2] == b"FIX.4.4:BOT->SIM"
        lines.append((match[3], match[4]))
    return lines


def test_c8_every_message_is_logged_and_the_password_is_not(tmp_path: Path) -> None:
    path = tmp_path / "wire.log"

    async def main() -> None:
        with ff.WireLog(path) as log:
            async with ff.serve(Notes(), [them()]) as server:
                config = us(username="ann", password="hunter2")
                async with ff.connect(config, to(server), wire_log=log) as session:
                    (other,) = server.sessions.values()
                    other.send_nowait(*news("a\nb\x1bc"))
                    async for _ in session:
                        break

    run(main())
    lines = parsed(path)
    messages = [(mark, ff.parse(raw)) for mark, raw in lines if mark in b"<>" and b"?" not in raw]
    assert [(mark, m.msg_type) for mark, m in messages] == [(b">", "A"), (b"<", "A"), (b">", "5"), (b"<", "5")]
    logon = messages[0][1]
    assert logon[553] == "ann"
    assert set(logon[554]) == {"*"}
    assert b"hunter2" not in path.read_bytes()
    assert [raw for mark, raw in lines if b"148=a?b?c" in raw], "control characters break no line"
    notes = [raw for mark, raw in lines if mark == b"="]
    assert notes[0] == b"disconnected -> connecting: connected"
    assert any(note.startswith(b"logon sent -> active") for note in notes)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_bytes_that_are_no_message_are_counted_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "wire.log"

    async def main() -> None:
        with ff.WireLog(path) as log:
            async with ff.serve(Notes(), [them()], wire_log=log) as server, await Peer.connect(server.port) as peer:
                peer.logon((554, "hunter2"))
                await peer.expect("A")
                peer.writer.write(b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01")
                peer.write("1", [(112, "hello")])
                await peer.expect("0")

    run(main())
    text = path.read_bytes()
    assert b"26 bytes that are no message" in text
    assert b"10=000" not in text
    assert b"hunter2" not in text


def test_a_log_that_cannot_be_written_ends_no_session(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")

    async def main() -> None:
        notes = Notes()
        with ff.WireLog(full) as log:
            async with ff.serve(notes, [them()]) as server, ff.connect(us(), to(server), wire_log=log) as session:
                session.send_nowait(*news("gets through"))
                await until(lambda: notes.headlines == ["gets through"])

    run(main())
    assert caplog.text.count("lines are lost") == 1


def test_a_closed_log_is_quiet(tmp_path: Path) -> None:
    log = ff.WireLog(tmp_path / "wire.log")
    log.note(us().session_id, "one")
    assert log.flush()
    assert [raw for _, raw in parsed(log.path)] == [b"one"]
    log.close()
    log.close()
    log.note(us().session_id, "two")
    assert [raw for _, raw in parsed(log.path)] == [b"one"]


def test_a_log_can_be_closed_without_keeping_the_loop_waiting(tmp_path: Path) -> None:
    async def main() -> None:
        async with ff.WireLog(tmp_path / "wire.log") as log:
            async with ff.serve(None, [them()]) as server, ff.connect(us(), to(server), wire_log=log):
                pass
        assert parsed(log.path)

    run(main())


def test_a_log_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        ff.WireLog(tmp_path / "file" / "wire.log")
    (tmp_path / "link.log").symlink_to(tmp_path / "file")
    with pytest.raises(OSError):
        ff.WireLog(tmp_path / "link.log")


@pytest.mark.parametrize("seed", range(4))
def test_sc8_sc9_no_noise_lets_a_password_or_a_control_byte_through(tmp_path: Path, seed: int) -> None:
    """Logons and orders, whole and damaged, in pieces of any size, both ways."""
    rng = random.Random(seed)
    canary = b"CaNaRy%d" % rng.randrange(10**6)
    log = ff.WireLog(tmp_path / "wire.log", max_size=None)
    for _ in range(40):
        tap = log.tap(us().session_id, 4096)
        stream = b""
        for n in range(8):
            secret: list[tuple[int, object]] = [(553, "me"), (554, canary), (95, len(canary)), (96, canary)]
            kind = rng.choice(["A", "BE", "B"])
            bodies: dict[str, list[tuple[int, object]]] = {"A": secret, "BE": secret[:2], "B": [(148, "x" * 9)]}
            raw = ff.encode("FIX.4.4", kind, [(49, "A"), (56, "B"), (34, n), (52, 0), *bodies[kind]])
            if rng.random() < 0.4:
                damaged = bytearray(raw)
                for _ in range(rng.randrange(1, 4)):
                    at = rng.randrange(len(damaged))
                    damaged[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
                raw = bytes(damaged)
            stream += raw + (rng.randbytes(rng.randrange(30)) if rng.random() < 0.2 else b"")
        way = rng.choice([tap.inbound, tap.outbound])
        while stream:
            n = rng.randrange(1, 200)
            way(memoryview(stream)[:n])
            stream = stream[n:]
    log.close()
    data = log.path.read_bytes()
    assert canary not in data
    assert not set(data) & ({*range(32), 127} - {1, 10})
    assert len(parsed(log.path)) > 100
