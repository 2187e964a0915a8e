"""The public interface as a user writes it, through `import fixfast as ff`. Details are tested room by room."""

from __future__ import annotations

import pickle
from decimal import Decimal

import pytest

import fixfast as ff
from fixfast import fix44

NOON_NS = 1_767_614_400_000_000_000


def test_template_parse_and_getter_agree_on_exact_prices() -> None:
    template = ff.Template(
        "FIX.4.4", "D", [ff.Slot(11), (54, ff.Side.SELL), ff.Slot(44, "scaled:5"), ff.Slot(60, "time")]
    )
    get = ff.getter((11, "str"), (54, "str"), (44, "decimal"), (60, "time"))
    for price in (1, 99_999, 100_000, 123_450_000_001):
        message = ff.parse(template.encode("x", price, NOON_NS))
        assert get(message) == ("x", ff.Side.SELL, Decimal(price).scaleb(-5), NOON_NS)


def test_sides_are_those_of_the_standard() -> None:
    assert {side.name: side.value for side in ff.Side} == {
        name: fix44.Side[name].value for name in ("BUY", "SELL", "SELL_SHORT")
    }


def test_sessions_know_each_other_by_mirrored_identities() -> None:
    ours = ff.SessionConfig("FIX.4.4", "A", "B").session_id
    assert ours == ff.SessionID("FIX.4.4", "A", "B")
    assert str(ours) == "FIX.4.4:A->B"


@pytest.mark.parametrize(
    "error",
    [
        ff.GarbledMessage(ff.GarbledReason.CHECKSUM, 7),
        ff.FieldMissing(55),
        ff.FieldFormatError(44, "float", b"x", "detail"),
        ff.EncodeError(44, "empty"),
        ff.EncodeTypeError(44, "float"),
        ff.NotActive("disconnected"),
        ff.LogonFailed("refused", "wrong password", 5),
        ff.GaveUp("no connection lasted", 3),
        ff.AuthFailed("The password is wrong.", "wrong_password", "no", (("password", "short"),), 3.0),
        ff.WrongAuthState("login()", "Active", "log out first"),
        ff.RiskRejected("max_qty", 5, "up to 4", "EUR/USD"),
        ff.TradeConflict("e1", "two"),
        ff.SubscriptionRejected("r1", ("EUR/USD",), "0", "unknown symbol", "no\x01such"),
        ff.OrderEnded("x", "4"),
        ff.OrderRejected("x", ff.OrdStatus.REJECTED, "3", "limit"),
        ff.RequestRejected("9", "0", "too late"),
        ff.BusinessReject(3, "unsupported", "id"),
        ff.DictionaryError("twice", "a.xml", 7, "field"),
        ff.ConfigError("port", 0, "1 to 65535"),
        ff.StoreCorrupt("a.journal", 100, "crc"),
        ff.StoreLocked("a.journal"),
        ff.MissingExtra("cli", "fixfast demo"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_carry_their_data_through_a_pickle(error: ff.FixfastError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_exceptions_are_what_callers_would_catch() -> None:
    for narrow, wide in (
        (ff.FieldMissing, KeyError),
        (ff.FieldFormatError, ValueError),
        (ff.GarbledMessage, ff.MessageError),
        (ff.EncodeTypeError, TypeError),
        (ff.GaveUp, ff.RemoteProtocolError),
        (ff.ConcurrencyError, ff.LocalProtocolError),
        (ff.StoreLocked, ff.StoreError),
        (ff.MissingExtra, ImportError),
        (ff.ConfigError, ValueError),
        (ff.DictionaryError, ValueError),
    ):
        assert issubclass(narrow, wide)
        assert issubclass(narrow, ff.FixfastError)


def test_missing_extra_says_what_to_install() -> None:
    assert "pip install 'fixfast[cli]'" in str(ff.MissingExtra("cli", "fixfast demo"))


def test_a_password_never_shows_in_a_configuration() -> None:
    config = ff.SessionConfig("FIX.4.4", "A", "B", username="me", password="secret")
    assert "secret" not in repr(config)
    connection = ff.ConnectionConfig("localhost", 9878, reconnect=ff.Reconnect(initial=0.5, max_attempts=3))
    assert connection.reconnect.max_attempts == 3
