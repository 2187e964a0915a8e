"""What a Launcher tells a Backend through the pipe: whole, the same on both sides, and nothing of it in a repr."""

from __future__ import annotations

import os
from decimal import Decimal

import pytest

import fixfast as ff
from fixfast.engine.settings.remarks import ConfigFileError
from fixfast.engine.settings.session import SessionSettings
from fixfast.errors import ConfigError
from fixfast.service.start import BackendOptions, Start, pack, settings_text, unpack
from fixfast.transport.tls import TlsConfig
from fixfast.types import Role

TLS = BackendOptions(listen="tls:localhost:0", tls=TlsConfig(certificate="/etc/fix/backend.pem"), grace=0)


def session(password: str = 'c${n}ary"\\') -> SessionSettings:
    config = ff.SessionConfig("FIX.4.2", "BOT", "VENUE", username="me", password=password, dictionary="FIX.4.2+auth")
    place = ff.ConnectionConfig("127.0.0.1", 9878, tls=True)
    return SessionSettings(name="alice", role=Role.INITIATOR, config=config, connection=place)


def start(options: BackendOptions = TLS, *, settings: str = "") -> Start:
    return Start(
        session="alice-1",
        account="alice",
        folder="/var/lib/fix/alice",
        launcher="unix:/run/fix/b.sock",
        listen="unix:/run/fix/1.sock",
        api_key="canary-of-the-key",
        token=b"canary-of-the-token-" + bytes(12),
        settings=settings or settings_text(session(), options),
    )


def through_a_pipe(data: bytes) -> Start:
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    return unpack(reading)


WHOLE = BackendOptions(
    front_ends_gone="cancel",
    grace=2.5,
    log_on="start",
    symbols=("AAPL", "EUR/USD"),
    orders=ff.OrderOptions(reconcile="none", avg_px_tolerance=Decimal("0.001")),
    risk=ff.RiskLimits(
        max_qty=Decimal("100.5"),
        max_orders=10,
        symbols={"AAPL": ff.RiskLimits(collar=Decimal("0.02"))},
        only_symbols=frozenset({"AAPL"}),
    ),
    sync="always",
    uvloop=True,
)


@pytest.mark.parametrize("options", [BackendOptions(), TLS, WHOLE])
def test_all_of_it_arrives_as_it_was(options: BackendOptions) -> None:
    told = through_a_pipe(pack(start(options)))
    assert told == start(options)
    settings, read = told.options()
    assert read == options
    assert settings.config == session().config
    assert settings.connection == session().connection


def test_what_is_no_start_is_one_line_that_shows_nothing_of_it() -> None:
    whole = pack(start())
    for data in (b"", b"canary", whole[:-1], whole[1:], whole + b"canary", b"\xc1" * 100):
        with pytest.raises(ConfigError, match="nobody starts a Backend by hand") as caught:
            through_a_pipe(data)
        assert "canary" not in str(caught.value)


def test_settings_that_are_wrong_name_the_key() -> None:
    text = settings_text(session(), BackendOptions()).replace("heart_bt_int", "x")
    assert start(settings=text).options()[1] == BackendOptions()
    wrong = start(settings='[session.alice]\nrole = "initiator"\nbegin_string = "FIX.9"\n')
    with pytest.raises(ConfigFileError, match="begin_string"):
        wrong.options()
    with pytest.raises(ConfigFileError, match="not TOML"):
        start(settings="[").options()


def test_the_secret_takes_the_key_and_the_token() -> None:
    one = start()
    assert len(one.secret()) == 32
    others = [
        Start(**{**{name: getattr(one, name) for name in one.__struct_fields__}, **changed}).secret()
        for changed in ({"api_key": "another"}, {"token": bytes(32)})
    ]
    assert len({one.secret(), *others}) == 3


def test_nothing_secret_is_in_a_repr() -> None:
    assert "canary" not in repr(start())


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"front_ends_gone": "sell"}, "front_ends_gone"),
        ({"launcher_gone": None}, "launcher_gone"),
        ({"grace": -1}, "grace"),
        ({"grace": True}, "grace"),
        ({"listen": "unix:/x"}, "listen"),
        ({"listen": "tls:h:1"}, "tls"),
        ({"tls": TlsConfig(certificate="/x")}, "tls"),
        ({"listen": "tls:h:1", "tls": TlsConfig()}, "tls"),
        ({"listen": "tcp:h:1", "tls": TlsConfig(certificate="/x")}, "listen"),
        ({"listen": "tls:h", "tls": TlsConfig(certificate="/x")}, "address"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, object], name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        BackendOptions(**options)  # type: ignore[arg-type]
    assert caught.value.name == name
