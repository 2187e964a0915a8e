"""Templates and encoders of a session: they write what send() writes, and nobody copies it on the way out."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.versions import DictionarySet
from fixfast.errors import EncodeError, LocalProtocolError, NotActive
from fixfast.store.journal import JournalStore
from fixfast.types import Role, Slot
from tests.session.harness import Desk, messages

#: the fields of an order, as send() takes them, in the order in which the encoder writes them
ORDER: list[tuple[int, Any]] = [
    (11, "x"), (55, "EUR/USD"), (54, "1"), (60, 1_704_164_645_678_901_234), (38, 100), (40, "2"), (44, Decimal("1.5")),
]  # fmt: skip


def sent(desk: Desk) -> list[bytes]:
    """Return the buffers that go to the wire."""
    return [bytes(data) for data in desk.session.data_to_send()]


def active(version: str = "FIX.4.4", **options: Any) -> Desk:
    desk = Desk(version, Role.INITIATOR, **options)
    desk.logon()
    desk.hear()
    return desk


@pytest.mark.parametrize("subs", [{}, {"sender_sub_id": "desk", "target_location_id": "NY"}])
def test_an_encoder_writes_what_send_writes(version: str, subs: dict[str, str]) -> None:
    desk = active(version, **subs)
    session, now = desk.session, desk.now
    new_order = session.encoder("D")
    names = new_order.names or ()
    values = [value for tag, value in ORDER if tag != 60 or "transact_time" in names]
    fields = [(tag, value) for tag, value in ORDER if tag != 60 or "transact_time" in names]
    n = session.next_out
    assert session.send("D", fields, now) == n
    assert session.send_template(new_order, *values, now) == n + 1
    template = session.template("D", [fields[0], Slot(55), *fields[2:]])
    assert session.send_template(template, "EUR/USD", now) == n + 2
    bodies = [[field for field in m if field[0] not in (9, 10, 34)] for m in messages(sent(desk))]
    assert len(bodies) == 3
    assert bodies[0] == bodies[1] == bodies[2]


def test_an_encoder_of_a_session_can_count_in_ticks() -> None:
    desk = active()
    new_order = desk.session.encoder("D", scale=5)
    desk.session.send_template(new_order, "x", "EUR/USD", "1", desk.now.wall_ns, 10_000_000, "2", 123450, desk.now)
    [m] = desk.hear()
    assert (m[38], m[44]) == ("100.00000", "1.23450")


@pytest.mark.parametrize("msg_type", ["0", "A", "5"])
def test_session_messages_have_no_encoder(msg_type: str) -> None:
    with pytest.raises(LocalProtocolError):
        active().session.encoder(msg_type)


def test_messages_without_encoder() -> None:
    with pytest.raises(ValueError, match="no encoder"):
        active().session.encoder("AE")


def test_what_cannot_be_written_uses_no_number() -> None:
    desk = active()
    heartbeat = desk.session.template("B", [Slot(148)])
    n = desk.session.next_out
    with pytest.raises(EncodeError):
        desk.session.send_template(heartbeat, "a\x01b", desk.now)
    with pytest.raises(TypeError):
        desk.session.send_template(heartbeat, desk.now)
    assert desk.session.send_template(heartbeat, "a", desk.now) == n


def test_a_session_that_is_not_logged_on_sends_no_template() -> None:
    desk = Desk("FIX.4.4", Role.INITIATOR)
    with pytest.raises(NotActive):
        desk.session.send_template(desk.session.encoder("D"), *(value for _, value in ORDER), desk.now)


def test_store_and_wire_get_the_same_buffer() -> None:
    desk = active()
    n = desk.session.send_template(desk.session.template("B", [Slot(148)]), "a", desk.now)
    [buffer] = desk.session.data_to_send()
    [(number, _, stored)] = desk.store.read_out(n, n)
    assert number == n
    assert stored is buffer


def test_the_journal_holds_what_was_on_the_wire(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / "x.journal")
    desk = active(store=store)
    n = desk.session.send_template(desk.session.template("B", [Slot(148)]), "a" * 5000, desk.now)
    [buffer] = desk.session.data_to_send()
    assert [stored for _, _, stored in store.read_out(n, n)] == [buffer]
    store.close()


@pytest.mark.parametrize(("version", "last"), [("6", "last_qty"), ("4", "last_shares"), ("9", "last_qty")])
def test_under_fixt_an_encoder_follows_our_version(version: str, last: str) -> None:
    desk = Desk("FIXT.1.1", Role.INITIATOR, default_appl_ver_id=version)
    names = desk.session.encoder("8").names or ()
    assert last in names
    assert ("exec_trans_type" in names) is (version == "4")


def test_an_encoder_follows_the_sessions_dictionary() -> None:
    standard = load_dictionary("FIX.4.2")
    for given in (standard, "FIX.4.2", DictionarySet(dictionaries={"FIX.4.4": standard})):
        desk = Desk("FIX.4.4", Role.INITIATOR, dictionary=given)
        assert "exec_trans_type" in (desk.session.encoder("8").names or ())
