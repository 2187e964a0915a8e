"""sync.serve(): a CompID is bound to certificates and addresses, as with asyncio (C4, C5)."""

from __future__ import annotations

from pathlib import Path

import pytest

import fixfast as ff
from tests.engine.certificates import Authority
from tests.engine.harness import EAGER, Notes, them, to, us


def refused(config: ff.SessionConfig, connection: ff.ConnectionConfig) -> str:
    with pytest.raises(ff.LogonFailed) as caught, ff.sync.connect(config, connection):
        pass
    return caught.value.reason


def test_sc4_sc5_a_certificate_is_for_its_comp_ids(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = ff.TlsConfig(
        certificate=authority.issue("venue", "localhost"),
        client_ca=authority.file,
        identities={"bot.example": "BOT", "other.example": "OTHER"},
    )
    with ff.sync.serve(Notes(), [them(), them(target="OTHER")], tls=serving) as server:

        def calling(name: str) -> ff.ConnectionConfig:
            tls = ff.TlsConfig(ca_file=authority.file, certificate=authority.issue(name, name))
            return ff.ConnectionConfig("localhost", server.port, tls=tls, reconnect=EAGER)

        with ff.sync.connect(us(), calling("bot.example")) as session:
            assert session.active
        assert refused(us(), calling("other.example")) in ("peer_closed", "tls")
        assert refused(us(sender="OTHER"), calling("bot.example")) in ("peer_closed", "tls")
        assert server.sessions[them(target="OTHER").session_id].connections == 0


def test_sc4_a_comp_id_is_bound_to_addresses() -> None:
    allow = {"BOT": ["127.0.0.1"], "*": ["192.0.2.0/24"]}
    with ff.sync.serve(Notes(), [them(), them(target="OTHER")], allow=allow) as server:
        with ff.sync.connect(us(), to(server.port, EAGER)) as session:
            assert session.active
        assert refused(us(sender="OTHER"), to(server.port, EAGER)) == "peer_closed"
