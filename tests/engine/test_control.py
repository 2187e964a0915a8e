"""The control socket: who may use it, what it costs, what it writes down, what it does to sessions (SC19, SC20)."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.cli.ctl_client import ControlClient, CtlFailed
from fixfast.engine import control as module
from fixfast.engine.controlkey import Credentials, credentials_of, key_path, make_key, proof, read_key
from fixfast.engine.sync.polled import PolledSession
from fixfast.engine.sync.poller import Poller
from tests.engine.harness import EAGER, Notes, news, run, them, to, until, us

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets here")


async def ask(path: Path, command: str, session: str | None = None, **options: Any) -> Any:
    """Ask as a person does, from another thread: the client blocks."""
    key_file = options.pop("key_file", None)

    def work() -> Any:
        with ControlClient(path, key_file, timeout=10) as client:
            return client.ask(command, session, **options)

    return await asyncio.to_thread(work)


async def refused(path: Path, command: str, session: str | None = None, **options: Any) -> tuple[int, str]:
    with pytest.raises(CtlFailed) as caught:
        await ask(path, command, session, **options)
    return caught.value.status, str(caught.value)


def audit(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(f"{path}.audit").read_text().splitlines()]


async def frames(path: Path, *sent: bytes) -> list[dict[str, Any]]:
    """Speak by hand; return what came until the server closed."""
    reader, writer = await asyncio.open_unix_connection(path)
    for data in sent:
        writer.write(data)
    writer.write_eof()
    came = await reader.read()
    writer.close()
    return [json.loads(line) for line in came.splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "bot.sock"


# --- what it does ----------------------------------------------------------------------------------------------


def test_status_tells_of_all_sessions_of_a_server(path: Path) -> None:
    async def main() -> None:
        quiet = them(target="QUIET")
        async with ff.serve(Notes(), [them(), quiet]) as server, ff.control(server, path):
            async with ff.connect(us(), to(server)):
                status = await ask(path, "status")
                assert [(one["session"], one["state"], one["next_in"], one["next_out"]) for one in status] == [
                    ("FIX.4.4:SIM->BOT", "active", 2, 2),
                    ("FIX.4.4:SIM->QUIET", "disconnected", 1, 1),
                ]
                assert status[0]["peer"].startswith("127.0.0.1:")
                assert status[0]["stats"]["gaps"] == 0
                (one,) = await ask(path, "status", "QUIET")
                assert one["session"] == "FIX.4.4:SIM->QUIET"

    run(main())


def test_logout_ends_a_connection_and_an_initiator_comes_back(path: Path) -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, ff.connect(us(), to(server, EAGER)) as session:
            async with ff.control(session, path):
                done = await ask(path, "logout", text="lunch")
                assert "logged out" in done["text"]
                assert notes.logouts == ["Logout: lunch"]
                await until(lambda: session.connections == 2)
                await ask(path, "drop")
                await until(lambda: session.connections == 3)

    run(main())


def test_reset_begins_both_numbers_again(path: Path) -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.connect(us(), to(server)) as session:
            session.send_nowait(*news("x"))
            async with ff.control(server, path):
                done = await ask(path, "reset")
                assert done["text"] == "both numbers begin at 1 when the peer has answered"
                await until(lambda: session.next_out == 2)
        async with ff.serve(Notes(), [them()]) as server, ff.control(server, path):
            assert (await ask(path, "reset"))["text"] == "both numbers begin at 1"

    run(main())


def test_set_seq_goes_on_from_a_higher_number(path: Path) -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()]) as server, ff.connect(us(), to(server)) as session:
            async with ff.control(session, path):
                done = await ask(path, "set-seq", number=100)
                assert (done["next_out"], done["text"]) == (100, "MsgSeqNum goes on with 100; the peer was told")
                session.send_nowait(*news("x"))
                await until(lambda: notes.headlines)
                assert notes.messages[0].msg_seq_num == 100
                status, text = await refused(path, "set-seq", number=5)
                assert (status, "a number from" in text) == (1, True)
        async with ff.serve(Notes(), [them()]) as server, ff.control(server, path):
            assert (await ask(path, "set-seq", number=7))["next_out"] == 7

    run(main())


def test_resend_sends_stored_messages_again() -> None:
    async def main(path: Path) -> None:
        async with ff.testing.Counterparty(us()) as peer:
            logging_on = asyncio.ensure_future(peer.log_on())
            async with ff.connect(us(), peer.connection) as session, ff.control([session], path):
                await logging_on
                session.send_nowait(*news("one"))
                session.send_nowait("D", [(11, "x")])
                await peer.expect("B", {34: 2})
                await peer.expect("D", {34: 3})
                done = await ask(path, "resend", begin=2)
                assert done["text"] == "messages 2 to 3 are on their way again"
                await peer.expect("B", {34: 2, 43: True, 148: "one"})
                await peer.expect("4", {34: 3, 123: True, 36: 4})
                assert (await refused(path, "resend", begin=9))[0] == 1
                peer.close()

    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        run(main(Path(folder) / "x.sock"))


def test_a_session_is_found_by_its_name_and_the_nearest_one_is_told(path: Path) -> None:
    async def main() -> None:
        configs = [them(target=name) for name in ("BOT01", "BOT02")]
        async with ff.serve(Notes(), configs) as server, ff.control(server, path):
            assert await refused(path, "reset") == (
                2,
                "say which session is meant: there are FIX.4.4:SIM->BOT01, FIX.4.4:SIM->BOT02",
            )
            text = (await refused(path, "reset", "FIX.4.4:SIM->BOT1"))[1]
            assert text == "no session FIX.4.4:SIM->BOT1; did you mean FIX.4.4:SIM->BOT01?"
            assert (await ask(path, "reset", "BOT02"))["session"] == "FIX.4.4:SIM->BOT02"

    run(main())


def test_mistakes_in_a_command_are_named(path: Path) -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server, ff.control(server, path):
            assert await refused(path, "shutdown") == (
                2, "no command 'shutdown': there are status, logout, drop, reset, set-seq, resend",
            )  # fmt: skip
            assert await refused(path, "set-seq") == (2, "set-seq needs number")
            assert await refused(path, "set-seq", number="7") == (2, "number: int, not str")
            assert await refused(path, "set-seq", number=True) == (2, "number: int, not bool")
            assert await refused(path, "reset", hard=True) == (2, "reset takes no arguments")
            assert await refused(path, "logout") == (1, "the session is not connected")

    run(main())


# --- SC19: who may, and at what price --------------------------------------------------------------------------


def test_sc19_folder_socket_and_keys_are_private(path: Path) -> None:
    async def main() -> None:
        async with ff.serve(None, [them()]) as server, ff.control(server, path):
            modes = {one.name: stat.S_IMODE(one.lstat().st_mode) for one in path.parent.iterdir()}
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert set(modes.values()) == {0o600}
            assert set(modes) == {"bot.sock", "bot.sock.key", "bot.sock.read.key", "bot.sock.lock"}
            assert len(read_key(key_path(path, "admin"))) * 8 == 256
        assert not path.exists()

    run(main())


def test_sc19_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        folder = tmp_path / "open"
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
        with pytest.raises(ff.ConfigError, match="chmod 700"):
            async with ff.control([], folder / "bot.sock"):
                raise AssertionError("opened")
        assert list(folder.iterdir()) == []

    run(main())


def test_sc19_a_key_must_be_long_and_its_file_closed_to_others(tmp_path: Path) -> None:
    key = tmp_path / "a.key"
    assert len(make_key(key)) == 32
    assert make_key(key) == read_key(key)
    key.chmod(0o640)
    with pytest.raises(ff.ConfigError, match="chmod 600, it is 640"):
        read_key(key)
    key.chmod(0o600)
    for text in ("", "ab" * 15, "xy" * 32, "my password"):
        key.write_text(text)
        with pytest.raises(ff.ConfigError, match="32 to 256 hexadecimal") as caught:
            read_key(key)
        assert not text or text not in str(caught.value)
    key.write_text("ab" * 16 + "\n")
    assert len(read_key(key)) == 16
    link = tmp_path / "link.key"
    link.symlink_to(key)
    with pytest.raises(OSError):
        read_key(link)
    with pytest.raises(ff.ConfigError, match="plain file"):
        read_key(tmp_path)


def test_sc19_another_user_is_refused_whatever_the_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "credentials_of", lambda sock: Credentials(uid=os.geteuid() + 1, pid=1))

    async def main() -> None:
        async with ff.serve(None, [them()]) as server:
            async with ff.control(server, path):
                assert (await refused(path, "status"))[0] == 3
                assert audit(path)[-1]["outcome"] == "refused: another user"
            async with ff.control(server, path, uids=[os.geteuid() + 1]):
                assert await ask(path, "status")

    run(main())


def test_sc19_the_kernel_says_who_is_there() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert credentials_of(ours) in (
            Credentials(os.geteuid(), os.getpid()),
            Credentials(os.geteuid()),
            Credentials(),
        )


def test_sc19_a_system_that_does_not_tell_falls_back_on_the_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_PEERCRED", raising=False)
    monkeypatch.delattr(socket, "LOCAL_PEERCRED", raising=False)

    async def main() -> None:
        async with ff.serve(None, [them()]) as server, ff.control(server, path):
            assert await ask(path, "status")
            assert audit(path)[-1]["uid"] is None

    run(main())


def test_sc19_a_wrong_key_is_refused_and_no_key_is_ever_sent(path: Path, tmp_path: Path) -> None:
    async def main() -> None:
        other = tmp_path / "other.key"
        make_key(other)
        async with ff.serve(None, [them()]) as server, ff.control(server, path):
            assert await refused(path, "status", key_file=other) == (4, f"{path}: wrong key")
            assert audit(path)[-1]["outcome"] == "refused: wrong key"
            for hello in ({}, {"nonce": "00" * 16, "proof": ""}, {"nonce": "", "proof": "0" * 64}):
                came = await frames(path, json.dumps(hello).encode() + b"\n")
                assert came[-1] == {"ok": False, "kind": "denied", "error": "wrong key"}
            key = read_key(key_path(path, "admin"))
            assert key.hex() not in json.dumps(came)

    run(main())


def test_sc19_a_proof_is_good_for_one_connection(path: Path) -> None:
    async def main() -> None:
        async with ff.serve(None, [them()]) as server, ff.control(server, path):
            key = read_key(key_path(path, "admin"))
            old = (await frames(path))[0]
            replayed = {"nonce": "00" * 16, "proof": proof(key, "client", bytes.fromhex(old["nonce"]), bytes(16))}
            came = await frames(path, json.dumps(replayed).encode() + b"\n")
            assert came[-1]["error"] == "wrong key"

    run(main())


def test_sc19_a_socket_that_only_pretends_gets_no_command(tmp_path: Path) -> None:
    path = tmp_path / "fake.sock"
    make_key(key_path(path, "admin"))
    asked = []

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps({"fixfast": "control", "version": 1, "nonce": "00" * 16}).encode() + b"\n")
        asked.append(await reader.readline())
        writer.write(json.dumps({"ok": True, "role": "admin", "proof": "0" * 64}).encode() + b"\n")
        asked.append(await reader.readline())
        writer.close()

    async def main() -> None:
        async with await asyncio.start_unix_server(pretend, path):
            status, text = await refused(path, "reset")
            assert (status, "does not have the key" in text) == (4, True)
            await until(lambda: len(asked) == 2)
            assert asked[1] == b"", "nothing was asked"

    run(main())


def test_sc19_the_readers_key_reads_and_does_nothing_else(path: Path) -> None:
    async def main() -> None:
        async with ff.serve(None, [them()]) as server, ff.control(server, path):
            reader = key_path(path, "read")
            assert await ask(path, "status", key_file=reader)
            for command, given in (("reset", {}), ("set-seq", {"number": 9}), ("logout", {}), ("resend", {"begin": 1})):
                status, text = await refused(path, command, key_file=reader, **given)  # type: ignore[arg-type]
                assert status == 4
                assert text == f"this key may only look: {command} takes the one in {path}.key"
            (session,) = server.sessions.values()
            assert session.next_out == 1
            key_path(path, "admin").rename(path.parent / "elsewhere")
            assert await ask(path, "status"), "the reader's key is taken where the other is not there"

    run(main())


def test_sc19_every_command_is_written_down_before_it_is_done(path: Path) -> None:
    async def main() -> None:
        async with ff.serve(None, [them()]) as server, ff.control(server, path):
            await ask(path, "status")
            await ask(path, "set-seq", number=9)
            await refused(path, "set-seq", number=1)
            records = audit(path)
            assert [record["outcome"].partition(":")[0] for record in records] == [
                "done", "begun", "done", "begun", "failed",
            ]  # fmt: skip
            assert {record["uid"] for record in records} == {os.geteuid()}
            assert {record["role"] for record in records} == {"admin"}
            assert json.loads(records[1]["request"])["arguments"] == {"number": 9}
            assert stat.S_IMODE(Path(f"{path}.audit").stat().st_mode) == 0o600
            Path(f"{path}.audit").unlink()
            Path(f"{path}.audit").mkdir()
            assert (await refused(path, "set-seq", number=20))[0] == 1
            (session,) = server.sessions.values()
            assert session.next_out == 9, "what cannot be written down is not done"

    run(main())


@pytest.mark.parametrize("sent", [b"x" * 5000, b"[]\n", b"not json\n", b"\xff\n", b'{"nonce": "zz"}\n'])
def test_sc19_frames_have_a_limit_and_a_form(path: Path, sent: bytes) -> None:
    async def main() -> None:
        async with ff.serve(None, [them()]) as server, ff.control(server, path):
            came = await frames(path, sent)
            assert came[-1]["error"] == "not a request of at most 4096 bytes"
            assert await ask(path, "status")

    run(main())


def test_sc19_noise_gets_an_answer_or_silence_and_hurts_nobody(path: Path) -> None:
    rng = random.Random(19)
    hello = json.dumps({"nonce": "00" * 16, "proof": "0" * 64}).encode() + b"\n"

    def noise() -> bytes:
        kind = rng.randrange(5)
        if kind == 0:
            return rng.randbytes(rng.randrange(1, 4000))
        if kind == 1:
            return rng.choice([b"[", b'{"a":']) * rng.randrange(1, 800) + b"\n"
        if kind == 2:
            return (
                json.dumps({"nonce": rng.choice([None, 1, [], "é", "0" * 31, " " * 9]), "proof": {}}).encode() + b"\n"
            )
        cut = bytearray(hello)
        for _ in range(rng.randrange(1, 6)):
            cut[rng.randrange(len(cut))] = rng.randrange(256)
        return bytes(cut[: rng.randrange(1, len(cut))]) + (b"\n" if kind == 3 else b"")

    async def main() -> None:
        async with ff.serve(None, [them()]) as server, ff.control(server, path):
            for _ in range(200):
                came = await frames(path, noise())
                assert came[0]["fixfast"] == "control"
                assert all(answer["ok"] is False for answer in came[1:])
            assert await ask(path, "status")

    run(main())


def test_sc19_connections_are_few_and_do_not_stay(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_CONNECTIONS", 2)
    monkeypatch.setattr(module, "_HANDSHAKE", 0.1)

    async def main() -> None:
        async with ff.serve(None, [them()]) as server, ff.control(server, path, idle=0.1):
            idle = [await asyncio.open_unix_connection(path) for _ in range(2)]
            await asyncio.gather(*(reader.readline() for reader, _ in idle))
            assert (await frames(path))[0]["error"] == "too many connections"
            for reader, writer in idle:
                assert await reader.read() == b"", "the handshake has its time"
                writer.close()

            def linger() -> None:
                with ControlClient(path, timeout=10) as client:
                    client.ask("status")
                    assert client._sock.recv(1) == b"", "and so has silence"

            await asyncio.to_thread(linger)

    run(main())


def test_sc19_a_stale_socket_is_removed_by_who_has_the_lock(path: Path) -> None:
    async def main() -> None:
        path.parent.mkdir(mode=0o700)
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        async with ff.control([], path):
            assert await ask(path, "status") == []
            with pytest.raises(ff.ConfigError, match="another one has it"):
                async with ff.control([], path):
                    raise AssertionError("opened twice")
            assert await ask(path, "status") == [], "the first one is untouched"
        path.write_text("precious")
        with pytest.raises(ff.ConfigError, match="something else"):
            async with ff.control([], path):
                raise AssertionError("opened")
        assert path.read_text() == "precious"

    run(main())


def test_sc8_secret_comp_ids_do_not_show(path: Path) -> None:
    async def main() -> None:
        config = them(target="A1B2-API-KEY")
        async with ff.serve(None, [config]) as server, ff.control(server, path, secret_comp_ids=True):
            (one,) = await ask(path, "status")
            assert one["session"].startswith("FIX.4.4:#")
            assert (await ask(path, "reset", one["session"]))["session"] == one["session"]
            assert (await refused(path, "reset", "A1B2-API-KEY"))[0] == 2
            assert "SIM" not in json.dumps(one)

    run(main())


def test_sc20_there_is_no_tcp(path: Path) -> None:
    async def main() -> None:
        async with ff.control([], path) as opened:
            families = {sock.family for sock in opened._server.sockets}  # type: ignore[union-attr]
            assert families == {socket.AF_UNIX}

    run(main())
    with pytest.raises(TypeError):
        ff.control([], path, host="0.0.0.0", port=1)  # type: ignore[call-arg]


def test_wrong_options_are_named(path: Path) -> None:
    with pytest.raises(ff.ConfigError, match="target"):
        ff.control(3, path)
    with pytest.raises(ff.ConfigError, match="idle"):
        ff.control([], path, idle=0)
    with pytest.raises(ff.ConfigError, match="at most 103 bytes"):
        ff.control([], "x" * 104)


def test_sessions_of_threads_are_commanded_by_a_thread(path: Path) -> None:
    async def main() -> None:
        notes = Notes()

        def program(port: int) -> None:
            with ff.sync.connect(us(), to(port, EAGER)) as session, ff.control(session, path):
                with ControlClient(path, timeout=10) as client:
                    (status,) = client.ask("status")
                    assert (status["session"], status["state"]) == ("FIX.4.4:BOT->SIM", "active")
                    client.ask("set-seq", number=50)
                    session.send_nowait(*news("x"))
                    client.ask("resend", begin=50)
                    client.ask("logout", text="lunch")
                    session.wait_active(10)
            assert not path.exists()

        async with ff.serve(notes, [them()]) as server:
            await asyncio.to_thread(program, server.port)
        assert [message.msg_seq_num for message in notes.messages] == [50]
        assert notes.logouts[0] == "Logout: lunch"

    run(main())


def test_sessions_of_a_poller_are_commanded_by_the_thread_that_polls(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.3)

    async def main() -> None:
        def program(port: int) -> None:
            session = PolledSession(us(), to(port, EAGER))
            with Poller([session]) as poller, ff.control(session, path), ThreadPoolExecutor() as other:

                def command(name: str, **given: Any) -> Any:
                    with ControlClient(path, timeout=10) as client:
                        return client.ask(name, **given)

                def done(name: str, **given: Any) -> Any:
                    asked = other.submit(command, name, **given)
                    while not asked.done():
                        for _ in poller.poll():
                            pass
                    return asked.result()

                while not session.active:
                    for _ in poller.poll():
                        pass
                assert done("set-seq", number=50)["next_out"] == 50
                done("logout")
                while session.connections < 2:
                    for _ in poller.poll():
                        pass
                with pytest.raises(CtlFailed, match="does the program poll"):
                    command("set-seq", number=60)

        async with ff.serve(Notes(), [them()]) as server:
            await asyncio.to_thread(program, server.port)

    run(main())


def test_a_session_of_a_loop_is_not_touched_by_another_thread(path: Path) -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()]) as server:
            with ff.control(server, path):
                status, text = await refused(path, "reset")
                assert (status, "belongs to an event loop" in text) == (1, True)

    run(main())
    with pytest.raises(ff.ConfigError), ff.control([], path.parent):
        raise AssertionError("a socket with the name of a folder")
