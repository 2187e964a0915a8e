"""`fixfast backend` as a process: what it is told, what it says where it cannot begin, and what it never shows."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

import fixfast as ff
from fixfast.service.backend.backend import private_folder
from fixfast.service.backend.process import _handler
from fixfast.service.link import LinkLost
from fixfast.service.messages import (
    Done,
    Fault,
    LogOn,
    OrderNow,
    Ready,
    SessionStatus,
    StatusNow,
    Stop,
    Submit,
    WatchMessages,
)
from fixfast.service.start import pack
from fixfast.service.wire import connect
from tests.engine.certificates import Authority
from tests.engine.harness import run, until
from tests.service.houses import TOKENS, FrontEnd, Process, backend, exchange, front_end, start_of
from tests.store.limits import room_for


def begun(data: bytes) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    try:
        command = [sys.executable, "-m", "fixfast", "backend", "--pipe", str(reading)]
        return subprocess.run(command, pass_fds=(reading,), capture_output=True, text=True, check=False)
    finally:
        os.close(reading)


def test_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    start = start_of(tmp_path, 1)
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "damaged").mkdir(mode=0o700)
    (tmp_path / "damaged" / "orders.log").write_bytes(b"something else")
    wrong = {
        b"": "nobody starts a Backend by hand",
        b"CANARY": "nobody starts a Backend by hand",
        pack(msgspec.structs.replace(start, folder=str(tmp_path / "open"))): "chmod 700",
        pack(msgspec.structs.replace(start, folder=str(tmp_path / "damaged"))): "not an order log",
        pack(msgspec.structs.replace(start, settings="[session.alice")): "not TOML",
        pack(msgspec.structs.replace(start, listen="tcp:127.0.0.1:1")): "there is no TCP without TLS",
    }
    for data, said in wrong.items():
        ended = begun(data)
        assert (ended.returncode, ended.stdout) == (1, ""), ended
        assert said in ended.stderr
        assert ended.stderr.count("\n") == 1
        assert "CANARY" not in ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no terminals of this kind")
def test_who_starts_it_by_hand_reads_one_line_with_the_way_out(tmp_path: Path) -> None:
    terminal, other = os.openpty()
    (tmp_path / "file").touch()
    with (tmp_path / "file").open() as file, open(os.devnull) as nothing:
        for arguments, stdin in (
            ([], nothing),
            (["--pipe", "99"], nothing),
            (["--pipe", "0"], nothing),
            (["--pipe", "0"], file),
            (["--pipe", "0"], other),
        ):
            command = [sys.executable, "-m", "fixfast", "backend", *arguments]
            ended = subprocess.run(command, stdin=stdin, capture_output=True, text=True, check=False)
            assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1), ended
            assert "pipe" in ended.stderr
            assert ended.stderr.endswith("nobody starts a Backend by hand, but `fixfast launcher CONFIG` does\n")
    os.close(terminal)
    os.close(other)


def test_its_help_says_what_the_pipe_has() -> None:
    command = [sys.executable, "-m", "fixfast", "backend", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "as MessagePack" in " ".join(shown.split())
    assert "fixfast launcher CONFIG" in " ".join(shown.split())


def test_without_its_extra_it_is_one_line() -> None:
    program = "import sys; sys.modules['msgspec'] = None; from fixfast.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "backend", "--pipe", "3"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (
        1, "Error: fixfast backend needs an extra: pip install 'fixfast[service]'\n",
    )  # fmt: skip


def test_a_second_backend_in_one_folder_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with exchange() as venue, backend(start_of(tmp_path, venue.port)):
            ended = begun(pack(start_of(tmp_path, venue.port)))
            assert ended.returncode == 1
            assert "orders.log" in ended.stderr

    run(main())


def test_nothing_secret_is_shown_anywhere(tmp_path: Path) -> None:
    canary = "CANARY-7261"

    async def main() -> None:
        async with exchange() as venue, Process(tmp_path, venue.port, "FIX.4.4") as house:
            arguments = Path(f"/proc/{house.child.pid}/cmdline")
            if arguments.exists():
                shown = arguments.read_bytes() + Path(f"/proc/{house.child.pid}/environ").read_bytes()
                assert b"the key" not in shown
            async with front_end(house.address) as desk:
                await desk.do(WatchMessages)
                await desk.logged_on(username="bot", password=canary)
                await desk.submit("1", price="90")
                refused = await desk.failed(LogOn, username="bot", password=canary + "x")
                assert canary not in repr(desk.said) + refused.text
            assert await house.end(signal.SIGTERM) == 0

    run(main(), limit=40)
    shown = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (canary.encode(), b"the key", *TOKENS.values(), *(one.hex().encode() for one in TOKENS.values())):
        assert secret not in shown
    log = tmp_path / "state" / "backend.log"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"ready", "front_end", "launcher", "ended"} <= {line.get("event") for line in lines}
    assert log.stat().st_mode & 0o077 == 0


def test_front_ends_may_come_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = ff.TlsConfig(certificate=authority.issue("server", "127.0.0.1"))

    async def main() -> None:
        async with exchange() as venue:
            start = start_of(tmp_path, venue.port, listen="tls:127.0.0.1:0", tls=tls)
            async with backend(msgspec.structs.replace(start, listen="tls:127.0.0.1:0")) as house:
                trust = ff.TlsConfig(ca_file=authority.file)
                link = await connect(house.address, "front_end", TOKENS["A"], tls=trust)
                desk = FrontEnd(link, "A")
                await desk.until(lambda one: isinstance(one, StatusNow))
                await desk.resumed()
                await desk.logged_on()
                await desk.do(Submit, cl_ord_id="A1", symbol="AAPL", side="1", qty="10", price="90")
                await desk.order("1", "0")
                await link.close()

    run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_it_as_sigterm_does(tmp_path: Path) -> None:
    async def main() -> None:
        async with exchange() as venue, Process(tmp_path, venue.port, log_on="start") as house:
            assert await house.end(signal.SIGINT) == 0

    run(main(), limit=40)


@pytest.mark.parametrize("policy", ["leave", "cancel"])
def test_when_the_launcher_is_gone_the_backend_ends_by_its_policy(tmp_path: Path, policy: str) -> None:
    async def main() -> None:
        async with exchange() as venue:
            options: dict[str, Any] = {"launcher_gone": policy, "launcher_grace": 0.05, "log_on": "start"}
            async with Process(tmp_path, venue.port, **options) as house, front_end(house.address) as desk:
                await desk.resumed()
                await desk.until(lambda one: isinstance(one, StatusNow) and one.state == "active")
                await desk.submit("1", price="90")
                await desk.order("1", "0")
                assert any(isinstance(one, Ready) for one in house.heard)
                assert any(isinstance(one, SessionStatus) for one in house.heard)
                await house.launcher_gone()
                assert await house.ended() == 0
                with pytest.raises(LinkLost):
                    await desk.until(lambda one: False)
                ended = any(one.status == "4" for one in desk.all(OrderNow))
                assert ended is (policy == "cancel")

    run(main(), limit=40)


def test_a_launcher_that_comes_back_in_time_finds_its_backend(tmp_path: Path) -> None:
    async def main() -> None:
        async with exchange() as venue, Process(tmp_path, venue.port, launcher_grace=20) as house:
            house.link.end()  # it was lost
            await until(lambda: [isinstance(one, Ready) for one in house.heard].count(True) == 2)
            house.link.send(Stop(9))
            assert await house.ended() == 0
            assert Done(9) in house.heard

    run(main(), limit=40)


# --- a full disk -------------------------------------------------------------------------------------------

needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")


@contextmanager
def full(fd: int) -> Iterator[None]:
    """Have the file behind a descriptor on a full disk."""
    kept, instead = os.dup(fd), os.open("/dev/full", os.O_RDWR)
    os.dup2(instead, fd)
    try:
        yield
    finally:
        os.dup2(kept, fd)
        os.close(kept)
        os.close(instead)


@needs_full
def test_what_cannot_be_written_down_is_refused_and_a_report_comes_again_when_there_is_room(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            exchange() as venue,
            backend(start_of(tmp_path, venue.port)) as house,
            front_end(house.address) as desk,
            front_end(house.address, "B") as other,
        ):
            await desk.resumed()
            await other.resumed()
            await desk.logged_on()
            await desk.submit("1", price="90")
            await desk.order("1", "0")
            file: Any = house._parts.log._log
            with full(file._fd):
                failed = await desk.failed(Submit, cl_ord_id="A2", symbol="AAPL", side="1", qty="1", price="90")
                assert failed.text == "the Backend cannot write down what it does: No space left on device"
                assert len(venue.venue.telling.orders) == 1
                seen = len(desk.said)
                venue.cancel(symbol="AAPL")
                fault = await other.until(lambda one: isinstance(one, Fault))
                assert "orders.log cannot be written: [Errno 28] No space left on device" in fault.text
                down = await desk.until(lambda one: isinstance(one, StatusNow) and not one.wanted, seen)
                assert "No space left on device" in down.reason
            await desk.logged_on()
            await desk.order("1", "4")
            await desk.submit("2", price="90")
            await desk.order("2", "0")

    run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
def test_a_log_that_cannot_be_written_is_said_once_and_goes_on_with_room(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "backend.log"
    handler = _handler(path, "s1")

    def log(text: str) -> None:
        handler.handle(logging.LogRecord("fixfast", logging.INFO, "", 0, text, (), None))

    log("first" * 500)
    for n in (1, 2):
        with room_for(path, 10):
            for _ in range(3):
                log("lost")
        log(f"after {n}")
        assert path.stat().st_mode & 0o777 == 0o600
    with room_for(path, 0):
        log("lost")
        handler.close()
    lines = path.read_text().splitlines()
    assert [json.loads(line)["message"][:7] for line in lines if line.endswith("}")] == [
        "firstfi",
        "after 1",
        "after 2",
    ]
    assert [len(line) for line in lines if not line.endswith("}")] == [10, 10]
    assert capfd.readouterr().err == 3 * f"{path} cannot be written: [Errno 27] File too large\n"


@needs_full
def test_a_backend_begins_and_ends_though_nothing_that_it_says_can_be_written(tmp_path: Path) -> None:
    async def main() -> None:
        async with exchange() as venue:
            start = start_of(tmp_path, venue.port, launcher_grace=20)
            state = private_folder(start.folder)
            (state / "backend.log").symlink_to("/dev/full")
            reading, writing = os.pipe()
            os.write(writing, pack(start))
            os.close(writing)
            with open("/dev/full", "w") as nowhere:
                command = [sys.executable, "-m", "fixfast", "backend", "--pipe", str(reading)]
                child = subprocess.Popen(command, pass_fds=(reading,), stdout=nowhere, stderr=nowhere)
            os.close(reading)
            await until(lambda: Path(start.listen.removeprefix("unix:")).exists() or child.poll() is not None)
            child.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(child.wait) == 0

    run(main())


def test_whose_orders_these_are_is_known_though_it_could_not_be_written_anew(tmp_path: Path) -> None:
    async def main() -> None:
        async with exchange() as venue:
            for name in ("BOT", "OTHER"):
                async with backend(start_of(tmp_path, venue.port)) as house, front_end(house.address) as desk:
                    await desk.logged_on(user_id=name)
                    faults = [one.text for one in desk.all(Fault)]
                (tmp_path / "state" / "identity.json.new").mkdir(exist_ok=True)  # in the way
            assert "whose orders these are cannot be written down" in faults[0]
            assert json.loads((tmp_path / "state" / "identity.json").read_text()) == {"sender_comp_id": "BOT"}

    run(main())
