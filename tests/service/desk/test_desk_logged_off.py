"""A venue ends a login on its own: the trading page gives way to the login, which says why."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

import fixfast as ff
from tests.auth.venue import CLIENT, Venue
from tests.service.desk.browser import PASSWORD, browser
from tests.service.launching import folder
from tests.service.programs import Program, family

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]

LAUNCHER = """
[launcher]

[account.alice]
begin_string = "FIX.4.4"
sender_comp_id = "DESK"
target_comp_id = "VENUE"
connection = {{ host = "127.0.0.1", port = {port}, reconnect = {{ initial = 0.1, max_refusals = 1 }} }}
"""


def test_who_is_logged_off_by_the_venue_is_told_why_and_can_log_in_again(tmp_path: Path) -> None:
    venue = Venue(**{CLIENT: PASSWORD})
    with folder() as path, ExitStack() as ends:
        server = ends.enter_context(ff.sync.serve(venue, host="127.0.0.1", port=0))
        (path / "launcher.toml").write_text(LAUNCHER.format(port=server.port))

        def run(*arguments: str) -> Program:
            program = Program(path, *arguments)
            ends.callback(program.stop)
            return program

        assert run("keys", "--config", "launcher.toml", "create", "alice", "--out", "alice.key").finish() == 0
        (launcher,) = run("launcher", "launcher.toml").wait_for(r"listening on (unix:\S+)")
        given = ("--launcher", launcher, "--account", "alice", "--key-file", "alice.key", "--symbol", "AAPL")
        (url,) = run("desk", *given, "--port", "0").wait_for(r"desk at (http\S+)")
        with browser(tmp_path) as page:
            page.open(url)
            page.log_in(CLIENT)
            text = f"your day is over, {PASSWORD}"
            venue.sessions[-1].send_nowait("BF", [(923, "unasked"), (553, CLIENT), (926, 2), (927, text)])
            page.says("error", "The venue has logged the user off. (your day is over, ***)")
            page.shot("logged-off")
            page.log_in(CLIENT)
            # the connection is lost, and then the venue wants him no more
            venue.at_logon = ff.Refuse("not you, not today", silent=False)
            venue.sessions[-1].drop()
            page.says("error", "not you, not today")
            page.open(url)  # it is still said, to whoever comes
            page.says("error", "not you, not today")
    assert not family(path)
