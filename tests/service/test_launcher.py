"""The Launcher with real processes and sockets: the whole flow, restarts, ends. Backends are backend_child.py."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fixfast.engine.settings.session import SessionSettings
from fixfast.errors import ConfigError
from fixfast.service.launcher.child import BackendProcess, StepFailed
from fixfast.service.launcher.config import LauncherConfig, Times
from fixfast.service.launcher.launcher import Launcher
from fixfast.service.launcher.restarts import Restarting
from fixfast.service.link import LinkLost, LinkRefused
from fixfast.service.messages import Done, Failed, Ping, Pong, StopSession
from fixfast.service.wire import connect
from tests.service.launching import (
    CHILD,
    changed,
    children,
    config_in,
    folder,
    launcher,
    log_in,
    new_key,
    on_loop,
    sessions,
    until,
)
from tests.store.limits import room_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets here")


@pytest.fixture
def path() -> Iterator[Path]:
    with folder() as path:
        yield path


def said(config: LauncherConfig, name: str = "alice") -> list[str]:
    """Return what the children of an account wrote down, without their numbers."""
    file = Path(config.state, "accounts", name, "child.log")
    return [line.partition(" ")[2] for line in file.read_text().splitlines()] if file.exists() else []


# --- the flow --------------------------------------------------------------------------------------------------------


@on_loop
async def test_a_right_key_gets_a_backend_and_a_token_that_it_knows(path: Path) -> None:
    config = config_in(path)
    key = new_key(config)
    async with launcher(config) as running:
        one = await log_in(running, "alice", key)
        link, welcome = await one.backend()
        assert welcome.session == one.granted.session
        assert len(one.granted.token) == 32
        (info,) = await sessions(one)
        assert (info.session, info.account, info.state, info.restarts) == (one.granted.session, "alice", "running", 0)
        assert info.pid in children()
        await until(lambda: running.sessions()[0].front_ends == 1)
        await link.close()
        await until(lambda: running.sessions()[0].front_ends == 0)
    assert said(config) == ["begun ok", f"grant {welcome.id_prefix} trade", "stop leave"]


@on_loop
async def test_a_second_front_end_joins_with_its_own_token_and_prefix(path: Path) -> None:
    config = config_in(path)
    first_key, second_key = new_key(config), new_key(config)
    async with launcher(config) as running:
        ones = [await log_in(running, "alice", key) for key in (first_key, second_key, first_key)]
        assert len({one.granted.session for one in ones}) == 1
        assert len({one.granted.token for one in ones}) == 3
        welcomes = [(await one.backend())[1] for one in ones]
        prefixes = [welcome.id_prefix for welcome in welcomes]
        assert len(set(prefixes)) == 3
        assert not any(a != b and a.startswith(b) for a in prefixes for b in prefixes)
        assert len(running.sessions()) == 1


@on_loop
async def test_accounts_do_not_see_each_other(path: Path) -> None:
    config = config_in(path)
    async with launcher(config) as running:
        alice = await log_in(running, "alice", new_key(config, "alice"))
        bob = await log_in(running, "bob", new_key(config, "bob"))
        assert alice.granted.address != bob.granted.address
        assert [one.account for one in await sessions(alice)] == ["alice"]
        assert await bob.ask(StopSession(3, alice.granted.session)) == Failed(
            3, "unknown", "there is no such session", "session"
        )
        for stranger, home in ((alice, bob), (bob, alice)):
            with pytest.raises(LinkLost):
                await connect(home.granted.address, "front_end", stranger.granted.token)
        with pytest.raises(LinkRefused, match="no such session of this account"):
            await log_in(running, "bob", new_key(config, "bob"), session=alice.granted.session)


@on_loop
async def test_an_administrator_sees_and_stops_all_sessions(path: Path) -> None:
    config = config_in(path)
    async with launcher(config) as running:
        alice = await log_in(running, "alice", new_key(config))
        root = await log_in(running, "root", new_key(config, "root", "admin"))
        assert (root.granted.session, root.granted.address, root.granted.token) == ("", "", b"")
        assert [one.account for one in await sessions(root)] == ["alice"]
        assert await root.ask(Ping(5)) == Pong(5)
        wrong = await root.ask(StopSession(1, alice.granted.session, "sell"))
        assert isinstance(wrong, Failed)
        assert wrong.field == "orders"
        assert await root.ask(StopSession(2, alice.granted.session, "cancel")) == Done(2)
        assert await sessions(root) == []
    assert said(config)[-1] == "stop cancel"


@on_loop
async def test_a_key_to_look_begins_nothing_and_stops_nothing(path: Path) -> None:
    config = config_in(path)
    look = new_key(config, "alice", "read")
    async with launcher(config) as running:
        with pytest.raises(LinkRefused, match="no session to look at"):
            await log_in(running, "alice", look)
        await log_in(running, "alice", new_key(config))
        one = await log_in(running, "alice", look)
        answer = await one.ask(StopSession(1, one.granted.session))
        assert isinstance(answer, Failed)
        assert answer.code == "refused"
    assert [line.split()[-1] for line in said(config) if line.startswith("grant")] == ["trade", "read"]


@on_loop
async def test_a_session_that_was_stopped_begins_anew_with_the_next_login(path: Path) -> None:
    config = config_in(path)
    key = new_key(config)
    async with launcher(config) as running:
        one = await log_in(running, "alice", key)
        assert await one.ask(StopSession(1, one.granted.session)) == Done(1)
        again = await log_in(running, "alice", key)
        assert again.granted.session != one.granted.session
        await again.backend()


@on_loop
async def test_C19_nothing_secret_is_in_arguments_environment_files_or_logs(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIXFAST_STORE", "postgresql://me:canary-of-the-store@host/x")
    monkeypatch.setenv("VENUE_PASSWORD", "canary-of-the-venue")
    caplog.set_level(logging.DEBUG)
    config = config_in(path)
    key = new_key(config)
    async with launcher(config) as running:
        one = await log_in(running, "alice", key)
        await one.backend()
        pid = running.sessions()[0].pid
        shown = [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
        with pytest.raises(LinkRefused):
            await log_in(running, key, key)  # the key in the wrong place
        wrong = key[:-4] + "0000"
        with pytest.raises(LinkRefused):
            await log_in(running, "alice", wrong)
        token = one.granted.token
    shown += [file.read_bytes() for file in path.rglob("*") if file.is_file()]
    shown += [
        caplog.text.encode(),
        repr([vars(record) for record in caplog.records]).encode(),
        repr(one.granted).encode(),
    ]
    secret = key.rpartition("_")[2]
    for data in shown:
        for canary in (secret[:20].encode(), token, token.hex().encode(), b"canary-of-the"):
            assert canary not in data


# --- restarts --------------------------------------------------------------------------------------------------------


@on_loop
async def test_a_backend_that_dies_is_started_again_and_front_ends_resume_where_they_were(path: Path) -> None:
    config = config_in(path)
    async with launcher(config) as running:
        one = await log_in(running, "alice", new_key(config))
        _, before = await one.backend()
        for n in (1, 2):
            os.kill(running.sessions()[0].pid, signal.SIGKILL)
            await until(lambda: is_up_again(running, n))  # noqa: B023
            link, after = await one.backend()  # the same address, the same token
            assert (after.session, after.id_prefix) == (before.session, before.id_prefix)
            assert link.error is None
        assert one.link.error is None


@on_loop
async def test_a_backend_that_dies_at_once_is_given_up_with_the_reason(path: Path) -> None:
    config = config_in(path)
    key = new_key(config)
    async with launcher(config, "dies at once") as running:
        with pytest.raises(LinkRefused, match=r"given up after 3 restarts in 60 s.*status 7"):
            await log_in(running, "alice", key)
        (info,) = running.sessions()
        assert (info.state, info.restarts, info.pid) == ("failed", 3, 0)
        with pytest.raises(LinkRefused, match="given up"):  # a login tries it all again
            await log_in(running, "alice", key)
    assert said(config) == ["begun dies at once"] * 8


@pytest.mark.parametrize(
    ("mode", "limits", "why"),
    [
        ("never reads", {"tell": 0.5}, "did not read its pipe in 0.5 s"),
        ("never connects", {"connect": 0.5}, "did not connect in 0.5 s"),
        ("wrong secret", {}, "did not connect: it ended with status 3"),
        ("never ready", {"ready": 0.5}, "was not ready in 0.5 s"),
    ],
)
@on_loop
async def test_every_step_on_the_way_has_a_time_limit(
    path: Path, mode: str, limits: dict[str, float], why: str
) -> None:
    times = Times(**{"tell": 20, "connect": 20, "ready": 20, "wait": 60, **limits})
    config = config_in(path, times=times, restart=Restarting(initial=0.01, maximum=0.01, attempts=0))
    config = changed(config, "alice", session=replace_session(config, big=mode == "never reads"))
    async with launcher(config, mode) as running:
        with pytest.raises(LinkRefused) as caught:
            await log_in(running, "alice", new_key(config))
        assert why in str(caught.value)
        assert caught.value.code == "unavailable"


def is_up_again(running: Launcher, times: int) -> bool:
    (info,) = running.sessions()
    return (info.restarts, info.state) == (times, "running")


def replace_session(config: LauncherConfig, *, big: bool) -> SessionSettings:
    """Return an account's session, with options that do not fit into a pipe which nobody reads."""
    session = config.accounts["alice"].session
    return replace(session, config=replace(session.config, sender_comp_id="X" * (200_000 if big else 5)))


@on_loop
async def test_a_backend_that_takes_no_token_is_replaced(path: Path) -> None:
    config = config_in(
        path, times=Times(grant=0.3, wait=20), restart=Restarting(initial=0.01, maximum=0.01, attempts=1)
    )
    async with launcher(config, "grants nothing") as running:
        with pytest.raises(LinkRefused, match=r"did not take a token in 0\.3 s"):
            await log_in(running, "alice", new_key(config))


@on_loop
async def test_a_front_end_does_not_wait_longer_than_it_should(path: Path) -> None:
    config = config_in(path, times=Times(wait=0.5, connect=20))
    async with launcher(config, "never connects") as running:
        with pytest.raises(LinkRefused, match=r"not up after 0\.5 s") as caught:
            await log_in(running, "alice", new_key(config))
        assert (caught.value.code, caught.value.retry_after) == ("timeout", 5)


# --- ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["never connects", "never ready", "never reads"])
@on_loop
async def test_a_session_that_is_stopped_does_not_wait_for_its_backend_to_come_up(path: Path, mode: str) -> None:
    config = config_in(path, times=Times(tell=60, connect=60, ready=60, wait=60))
    async with launcher(config, mode) as running:
        asking = asyncio.ensure_future(log_in(running, "alice", new_key(config)))
        await until(lambda: said(config))
        async with asyncio.timeout(30):
            (info,) = running.sessions()
            await running.stop(info.session)
        with pytest.raises(LinkRefused, match="is being stopped"):
            await asking
        assert not children()


@on_loop
async def test_a_session_whose_orders_are_to_be_cancelled_comes_up_first(path: Path) -> None:
    config = config_in(path)
    async with launcher(config) as running:
        asking = asyncio.ensure_future(log_in(running, "alice", new_key(config)))
        await until(lambda: running.sessions() and running.sessions()[0].pid)
        (info,) = running.sessions()
        await running.stop(info.session, "cancel")
        with pytest.raises(LinkRefused, match="is being stopped"):
            await asking
    assert said(config)[-1] == "stop cancel"


@pytest.mark.parametrize(("mode", "last"), [("hangs at stop", "SIGTERM"), ("hangs", "SIGTERM")])
@on_loop
async def test_a_backend_that_does_not_stop_is_ended(path: Path, mode: str, last: str) -> None:
    config = config_in(path, times=Times(stop=0.3, terminate=0.3))
    async with launcher(config, mode) as running:
        await log_in(running, "alice", new_key(config))
    assert said(config)[-2:] == ["stop leave", last]


@on_loop
async def test_who_cannot_wait_for_the_end_has_everything_killed(path: Path) -> None:
    config = config_in(path, times=Times(stop=60, terminate=60))
    before = set(children())

    async def work() -> None:
        async with Launcher(config, command=(sys.executable, str(CHILD), "hangs")) as running:
            await log_in(running, "alice", new_key(config))

    Path(config.state).mkdir(mode=0o700)
    task = asyncio.ensure_future(work())
    await until(lambda: "stop leave" in said(config))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: set(children()) == before)


@on_loop
async def test_what_becomes_of_orders_when_the_launcher_stops_is_as_configured(path: Path) -> None:
    config = changed(config_in(path), "alice", stopping="cancel")
    async with launcher(config) as running:
        await log_in(running, "alice", new_key(config))
    assert said(config)[-1] == "stop cancel"


@on_loop
async def test_a_session_without_front_ends_ends_after_a_while(path: Path) -> None:
    config = changed(config_in(path), "alice", idle=0.2)
    async with launcher(config) as running:
        one = await log_in(running, "alice", new_key(config))
        link, _ = await one.backend()
        await until(lambda: running.sessions()[0].front_ends == 1)
        await asyncio.sleep(0.4)
        assert running.sessions()[0].state == "running"
        await link.close()
        await until(lambda: not running.sessions())


@on_loop
async def test_a_backend_ends_when_its_launcher_is_killed(path: Path) -> None:
    config = config_in(path)
    key = new_key(config)
    code = (
        "import asyncio, sys; from tests.service.launching import *; from pathlib import Path\n"
        "from fixfast.service.launcher.launcher import Launcher\n"
        f"config = config_in(Path({str(path)!r}))\n"
        "async def main():\n"
        f"    async with Launcher(config, command=(sys.executable, {str(CHILD)!r}, 'ok')) as running:\n"
        "        print(running.addresses[0], flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    assert await process.stdout.readline()
    one = await log_in(_Elsewhere(config), "alice", key)  # type: ignore[arg-type]
    await one.backend()
    (info,) = await sessions(one)
    process.kill()
    await process.wait()
    await until(lambda: said(config)[-1] == "launcher gone")
    await until(lambda: not Path(f"/proc/{info.pid}").exists() or "Z" in Path(f"/proc/{info.pid}/stat").read_text())
    async with launcher(config) as running:  # what it left is no obstacle
        await (await log_in(running, "alice", key)).backend()


class _Elsewhere:
    """A Launcher of another process."""

    def __init__(self, config: LauncherConfig) -> None:
        self.addresses = config.addresses


@on_loop
async def test_a_folder_has_one_launcher(path: Path) -> None:
    config = config_in(path)
    async with launcher(config):
        with pytest.raises(ConfigError, match="another one has it"):
            async with Launcher(config):
                pass


@on_loop
async def test_C10_folders_that_others_may_enter_are_refused(path: Path) -> None:
    config = config_in(path)
    Path(config.state).mkdir(mode=0o755)
    with pytest.raises(ConfigError, match="chmod 700"):
        async with Launcher(config):
            pass
    Path(config.state).chmod(0o700)
    key = new_key(config)
    Path(config.state, "accounts").mkdir(mode=0o700)
    Path(config.state, "accounts", "alice").symlink_to(path)
    async with launcher(config) as running:
        with pytest.raises(LinkRefused, match=r"given up.*not a folder that only you can enter"):
            await log_in(running, "alice", key)


# --- keys that are good no more --------------------------------------------------------------------------------------


@on_loop
async def test_a_key_that_is_revoked_ends_what_was_begun_with_it(path: Path) -> None:
    config = config_in(path, recheck=0.1)
    first, second = new_key(config), new_key(config)
    async with launcher(config) as running:
        one, other = [await log_in(running, "alice", key) for key in (first, second)]
        (link, _), (rest, _) = await one.backend(), await other.backend()
        revoke(config, second)
        with pytest.raises(LinkRefused, match="revoked"):
            await rest.receive()
        assert link.error is None
        assert running.sessions()[0].state == "running"
        revoke(config, first)
        await until(lambda: not running.sessions())
        with pytest.raises(LinkRefused):
            await log_in(running, "alice", first)
    assert "revoke" in said(config)


def revoke(config: LauncherConfig, key: str) -> None:
    from fixfast.service.credentials.keys import Keys
    from fixfast.service.credentials.store import open_store

    with open_store(config.key_store) as store:
        Keys(store, None).revoke(key, 1)  # type: ignore[arg-type]


@on_loop
async def test_a_backend_for_which_there_is_no_room_is_not_started_and_why_is_said(path: Path) -> None:
    output = path / "backend.out"
    output.write_text("what the last one said\n")
    command = [sys.executable, "-c", "raise SystemExit(7)"]
    with room_for(output, 1000), pytest.raises(StepFailed, match=r"a Backend cannot be started: .*No space left"):
        await BackendProcess.begin(command, path)
    assert output.read_text() == "what the last one said\n"
    started = await BackendProcess.begin(command, path)
    assert await started.ended == 7
    await started.kill()
    assert output.read_text() == "what the last one said\n"
