"""A reset that is cut off between the new epoch and the peer's answer: asked for again, and both agree (R04, B2)."""

from __future__ import annotations

from typing import Any

import pytest

from fixfast.session.events import LoggedOn, SequenceReset
from fixfast.session.state import State
from fixfast.session.wire import Message
from fixfast.types import Role
from tests.session.harness import Desk, Pair

ROLES = {"initiator": 0, "acceptor": 1}


@pytest.fixture(params=["FIX.4.1", "FIX.4.4", "FIXT.1.1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def talked(version: str, **options: object) -> Pair:
    """A pair that is logged on, with some numbers used."""
    pair = Pair(version, a=dict(options), b=dict(options))
    pair.connect()
    pair.settle()
    for session in pair.sessions:
        for text in "abc":
            session.send("8", [(58, text)], pair.now)
    pair.settle()
    return pair


def agree(pair: Pair, fresh: bool = True) -> None:
    first, second = pair.sessions
    assert first.state is second.state is State.ACTIVE, (first, second)
    assert (first.next_in, first.next_out) == (second.next_out, second.next_in)
    if fresh:
        assert first.next_in == first.next_out == 2
    for i in (0, 1):
        pair.sessions[i].send("8", [(58, "after the reset")], pair.now)
    pair.settle()
    for i in (0, 1):
        assert [e[58] for e in pair.events[i] if isinstance(e, Message)][-1] == "after the reset"


@pytest.mark.parametrize("restart", [True, False], ids=["crash", "cut"])
@pytest.mark.parametrize("asking", ROLES)
def test_R04_B5_12_reset_that_the_peer_never_heard_of_is_asked_for_again(
    version: str, asking: str, restart: bool
) -> None:
    """Crash after the epoch is durable, before the peer has our Logon."""
    pair = talked(version)
    i = ROLES[asking]
    pair.sessions[i].reset(pair.now)
    while pair.stores[i].load().epoch == 1:  # the round trip
        pair.carry(1 - i)
        pair.carry(i)
    assert pair.stores[i].load().why == "operator, by Logon"
    pair.cut()
    if restart:
        pair.restart(i)
    pair.connect()
    pair.settle()
    agree(pair)
    assert pair.stores[1 - i].load().epoch == 2


@pytest.mark.parametrize("who", ["both", "asking", "answering", "nobody"])
@pytest.mark.parametrize("asking", ROLES)
@pytest.mark.parametrize("cut_after", range(9))
def test_R04_B5_12_B5_13_reset_cut_off_anywhere(version: str, asking: str, who: str, cut_after: int) -> None:
    """Cut after each step of the exchange, with either process, both or none restarted."""
    pair = talked(version)
    i = ROLES[asking]
    pair.sessions[i].reset(pair.now)
    for step in range(cut_after):
        pair.carry((1 - i, i)[step % 2])
    pair.cut()
    if who in ("both", "asking"):
        pair.restart(i)
    if who in ("both", "answering"):
        pair.restart(1 - i)
    pair.connect()
    pair.settle()
    agree(pair, fresh=False)


def test_R04_messages_stored_for_an_unanswered_epoch_are_reported(version: str) -> None:
    """They were never sent; the next epoch begins without them, and the program hears which."""
    pair = talked(version, offline="store")
    pair.sessions[0].reset(pair.now)
    while pair.stores[0].load().epoch == 1:
        pair.carry(1)
        pair.carry(0)
    assert pair.sessions[0].send("8", [(58, "waits for the answer")], pair.now) == 2
    pair.cut()
    pair.restart(0)
    assert pair.sessions[0].send("8", [(58, "without a connection")], pair.now) == 3
    pair.connect()
    pair.settle()
    resets = [event for event in pair.events[0] if isinstance(event, SequenceReset)]
    assert resets[-1].unsent == (2, 3)
    agree(pair)


@pytest.mark.parametrize("option", ["reset_on_logout", "reset_on_disconnect"])
def test_R10_reset_by_option_is_asked_for_until_it_is_answered(version: str, option: str) -> None:
    """The first Logon behind it is lost on the way: the second says 141=Y, too, and is number 1."""
    options: dict[str, Any] = {option: True}
    desk = Desk(version, Role.INITIATOR, **options)
    desk.logon((141, "Y"))
    desk.session.logout("", desk.now)
    desk.hear()
    desk.say("5")
    desk.session.disconnected("", desk.now)
    for _ in range(2):
        desk.connect()
        [logon] = desk.hear()
        assert (logon.msg_seq_num, logon[141]) == (1, "Y")
        desk.drop()
        desk.restart()
    desk.seq = 1
    desk.logon((141, "Y"))
    assert (desk.session.next_in, desk.session.next_out) == (2, 2)
    assert desk.told(LoggedOn)[-1].reset


@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.4"])
def test_R07_reset_without_a_connection_asks_nothing(version: str) -> None:
    """Both operators agreed on it by telephone: the Logon says nothing of it."""
    desk = Desk(version, Role.INITIATOR)
    desk.logon()
    desk.drop()
    desk.session.reset(desk.now)
    desk.restart()
    for number in (1, 2):
        desk.connect()
        [logon] = desk.hear()
        assert (logon.msg_seq_num, 141 in logon) == (number, False)
        desk.drop()


@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.4", "FIXT.1.1"])
def test_a_reset_between_connections_may_tell_the_peer_and_does_until_it_is_answered(version: str) -> None:
    desk = Desk(version, Role.INITIATOR)
    desk.logon()
    desk.drop()
    desk.session.reset(desk.now, tell=True)
    for _ in range(2):  # the first one is not answered; the process was killed meanwhile
        desk.restart()
        desk.connect()
        (logon,) = desk.hear()
        assert (logon.msg_seq_num, logon.get(141)) == (1, None if version == "FIX.4.0" else "Y")
        desk.drop()
        if version == "FIX.4.0":
            return
    assert desk.logon((141, "Y"), seq=1)[141] == "Y"
    desk.drop()
    assert 141 not in desk.logon()  # once is enough
