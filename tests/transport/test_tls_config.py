"""TlsConfig: right by default, wrong values name the option, secrets stay out of texts, who may log on as whom."""

from __future__ import annotations

import pickle
import ssl
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.transport.certificate import hosts_of, names_of
from fixfast.transport.tls_context import ClientTls, server_context


def test_sc7_an_initiator_checks_everything_by_default() -> None:
    for context in (ClientTls(True).context(), ClientTls(ff.TlsConfig()).context()):
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_COMPRESSION
        assert context.options & ssl.OP_NO_RENEGOTIATION


def test_sc7_a_probe_checks_everything_but_the_name() -> None:
    context = ClientTls(True).probe()
    assert not context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_sc7_there_is_no_way_to_accept_any_certificate() -> None:
    loose: dict[str, Any]
    for option in ("verify", "check_hostname", "insecure", "accept_any", "verify_mode"):
        loose = {option: False}
        with pytest.raises(TypeError):
            ff.TlsConfig(**loose)


def test_a_context_of_your_own_is_used_as_it_is() -> None:
    own = ssl.create_default_context()
    tls = ClientTls(own)
    assert tls.context() is own
    assert not tls.can_probe
    assert server_context(own) is own
    assert server_context(None) is None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("fix.venue.example", "fix.venue.example"),
        ("fix.venue.example.", "fix.venue.example"),
        ("192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_name_that_is_checked(host: str, name: str) -> None:
    assert ClientTls(True).server_name(host) == name
    assert ClientTls(ff.TlsConfig(server_name="other.example")).server_name(host) == "other.example"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("certificate", 3),
        ("certificate", ""),
        ("ca_file", b"x"),
        ("client_ca", ""),
        ("key", "key.pem"),  # without a certificate
        ("key_password", 5),
        ("key_password", "opensesame"),  # without a certificate
        ("minimum_version", "1.1"),
        ("minimum_version", 1.2),
        ("minimum_version", "TLSv1"),
        ("ciphers", "nonsense"),
        ("ciphers", "ALL:eNULL"),
        ("ciphers", "aNULL"),
        ("ciphers", ["AES"]),
        ("server_name", ""),
        ("server_name", ".venue.example"),
        ("server_name", "a b"),
        ("server_name", "a\x00b"),
        ("fingerprints", "ab" * 32),
        ("fingerprints", ("ab",)),
        ("fingerprints", ("zz" * 32,)),
        ("fingerprints", (5,)),
        ("client_certificate", "optional"),  # without a client_ca
        ("client_certificate", "none"),
        ("client_certificate", True),
        ("identities", {"a": "A"}),  # without a client_ca
    ],
)
def test_wrong_option_is_named(option: str, value: Any) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        ff.TlsConfig(**{option: value})
    assert caught.value.name == option
    assert "opensesame" not in str(caught.value)


@pytest.mark.parametrize("identities", [["a"], {"a": ()}, {"": "A"}, {"a": ""}, {"a": [""]}, {"a": 5}, {5: "A"}])
def test_wrong_identities_are_refused(identities: Any) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        ff.TlsConfig(client_ca="ca.pem", identities=identities)
    assert caught.value.name == "identities"


@pytest.mark.parametrize(
    "option", [{"client_ca": "a.pem"}, {"client_ca": "a", "client_certificate": "optional"}], ids=["ca", "optional"]
)
def test_options_of_acceptors_are_refused_in_initiators(option: dict[str, Any]) -> None:
    with pytest.raises(ff.ConfigError, match="it is for serve"):
        ff.connect(
            ff.SessionConfig("FIX.4.4", "A", "B"), ff.ConnectionConfig("localhost", 1, tls=ff.TlsConfig(**option))
        )


@pytest.mark.parametrize("option", [{"ca_file": "a.pem"}, {"server_name": "a"}, {"fingerprints": ("ab" * 32,)}])
def test_options_of_initiators_are_refused_in_acceptors(option: dict[str, Any]) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        server_context(ff.TlsConfig(certificate="c.pem", **option))
    assert caught.value.name in option


@pytest.mark.parametrize("tls", [True, "yes", ff.TlsConfig()])
def test_a_server_needs_a_certificate(tls: Any) -> None:
    with pytest.raises(ff.ConfigError) as caught:
        server_context(tls)
    assert caught.value.name in ("tls", "certificate")


def test_sc8_the_password_of_a_key_is_in_no_text() -> None:
    tls = ff.TlsConfig(certificate="c.pem", key_password="opensesame")
    connection = ff.ConnectionConfig("localhost", 1, tls=tls)
    assert "opensesame" not in repr(tls) + repr(connection)


def test_options_compare_copy_and_are_hashable() -> None:
    def make() -> ff.TlsConfig:
        identities = {"A.example": ["X", "Y"], "CN=Bot": "Z"}
        return ff.TlsConfig(certificate=Path("c.pem"), client_ca="ca.pem", identities=identities)

    tls = make()
    assert tls == make() == pickle.loads(pickle.dumps(tls))
    assert hash(tls) == hash(make())
    assert tls.asks_for_certificate == "required"
    assert ff.TlsConfig().asks_for_certificate == "none"
    with pytest.raises(AttributeError):
        tls.certificate = "other.pem"  # type: ignore[misc]


def test_fingerprints_are_taken_as_people_write_them() -> None:
    plain = "0123456789abcdef" * 4
    colons = ":".join(plain[i : i + 2] for i in range(0, 64, 2)).upper()
    assert ff.TlsConfig(fingerprints=(plain, colons, f"SHA256:{plain}")).fingerprints == (plain,) * 3


# --- identities ----------------------------------------------------------------------------------------------

CERTIFICATE = {
    "subject": ((("organizationName", "Firm"),), (("commonName", "Bot One"),)),
    "subjectAltName": (("DNS", "Bot1.firm.example"), ("email", "bot@firm.example"), ("IP Address", "192.0.2.7")),
}


def test_sc4_names_of_a_certificate() -> None:
    assert names_of(CERTIFICATE) == {"bot1.firm.example", "bot@firm.example", "192.0.2.7", "CN=Bot One"}
    assert hosts_of(CERTIFICATE) == ["Bot1.firm.example", "192.0.2.7"]
    assert hosts_of({"subject": ((("commonName", "old.example"),),)}) == ["old.example"]
    assert names_of({}) == frozenset()
    assert hosts_of({}) == []


@pytest.mark.parametrize(
    ("identities", "certificate", "comp_id", "answer"),
    [
        ({"bot1.firm.example": "BOT1"}, CERTIFICATE, "BOT1", True),
        ({"BOT1.firm.example": ("X", "BOT1")}, CERTIFICATE, "BOT1", True),
        ({"192.0.2.7": {"BOT1"}}, CERTIFICATE, "BOT1", True),
        ({"CN=Bot One": "BOT1"}, CERTIFICATE, "BOT1", True),
        ({"bot one": "BOT1"}, CERTIFICATE, "BOT1", False),  # a common name is asked for as such
        ({"cn=bot one": "BOT1"}, CERTIFICATE, "BOT1", False),
        ({"bot1.firm.example": "BOT1"}, CERTIFICATE, "bot1", False),  # CompIDs are exact
        ({"bot1.firm.example": "BOT1"}, CERTIFICATE, "BOT2", False),
        ({"bot2.firm.example": "BOT2", "bot1.firm.example": "BOT1"}, CERTIFICATE, "BOT2", False),
        ({"bot2.firm.example": "BOT", "bot1.firm.example": "BOT"}, CERTIFICATE, "BOT", True),
        ({"*.firm.example": "BOT1"}, CERTIFICATE, "BOT1", False),  # no pattern
        ({"bot1.firm.example": "BOT1"}, None, "BOT1", False),
        ({"bot1.firm.example": "BOT1"}, {}, "BOT1", False),
        ({}, CERTIFICATE, "BOT1", False),
        (None, CERTIFICATE, "BOT1", True),
        (None, None, "BOT1", True),
    ],
)
def test_sc4_who_may_log_on_as_whom(identities: Any, certificate: Any, comp_id: str, answer: bool) -> None:
    tls = ff.TlsConfig(certificate="c.pem", client_ca="ca.pem", identities=identities)
    assert tls.may_log_on(certificate, comp_id) is answer


def test_sc4_where_certificates_are_optional_other_comp_ids_are_up_to_authenticate() -> None:
    tls = ff.TlsConfig(
        certificate="c.pem", client_ca="ca.pem", client_certificate="optional", identities={"bot1.firm.example": "BOT1"}
    )
    assert tls.may_log_on(None, "PASSWORD_USER")
    assert tls.may_log_on(CERTIFICATE, "PASSWORD_USER")
    assert tls.may_log_on(CERTIFICATE, "BOT1")
    assert not tls.may_log_on(None, "BOT1")
    assert not tls.may_log_on({"subjectAltName": (("DNS", "other.example"),)}, "BOT1")
