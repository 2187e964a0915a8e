"""The TLS settings of QuickFIX: real certificates, real key stores, the commands that `check` names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from fixfast.engine.settings.file import look_at_config
from fixfast.engine.settings.settings import Settings
from fixfast.transport.tls import TlsConfig
from tests.engine.certificates import Authority
from tests.engine.harness import Notes, news, run, until

INITIATOR = """[SESSION]
ConnectionType=initiator
BeginString=FIX.4.4
SenderCompID=US
TargetCompID=THEM
SocketConnectHost=localhost
SocketConnectPort=9878
"""
ACCEPTOR = """[SESSION]
ConnectionType=acceptor
BeginString=FIX.4.4
SenderCompID=THEM
TargetCompID=US
SocketAcceptPort=0
SocketAcceptAddress=127.0.0.1
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str, name: str = "x.cfg", *, files: bool = False) -> tuple[Settings | None, list[str]]:
    Path(name).write_text(text)
    found = look_at_config(name, files=files)
    return found.settings, [str(r).partition(": ")[2] for r in found.remarks if r.severity != "note"]


def tls_of(text: str) -> Any:
    settings, said = load(text)
    assert settings is not None, said
    (one,) = settings.sessions.values()
    place = one.connection if one.connection is not None else one.listen
    assert place is not None
    return place.tls


@pytest.mark.parametrize(
    ("lines", "tls"),
    [
        ("SocketUseSSL=Y", True),
        ("SSLEnable=Y", True),
        ("SocketUseSSL=N\nCertificationAuthoritiesFile=ca.pem", None),
        ("CertificationAuthoritiesFile=/ca.pem", TlsConfig(ca_file="/ca.pem")),
        ("SocketUseSSL=Y\nSocketCAFile=/ca.pem\nSocketServerName=venue",
         TlsConfig(ca_file="/ca.pem", server_name="venue")),
        ("ClientCertificateFile=/c.pem\nClientCertificateKeyFile=/k.pem",
         TlsConfig(certificate="/c.pem", key="/k.pem")),
        ("ServerCertificateFile=/c.pem", None),
        ("SSLEnable=Y\nSSLServerName=venue", TlsConfig(server_name="venue")),
        ("SocketUseSSL=Y\nEnabledProtocols=TLSv1.3", TlsConfig(minimum_version="1.3")),
        ("SocketUseSSL=Y\nSocketMinimumTLSVersion=TLS13", TlsConfig(minimum_version="1.3")),
        ("SocketUseSSL=Y\nEnabledProtocols=TLSv1.2,TLSv1.3", True),
        ("SSLEnable=Y\nSSLProtocol=all -SSLv2", True),
    ],
)  # fmt: skip
def test_settings_of_an_initiator_become_tls(lines: str, tls: object, folder: Path) -> None:
    assert tls_of(INITIATOR + lines + "\n") == tls


@pytest.mark.parametrize(
    ("lines", "tls"),
    [
        ("ServerCertificateFile=/c.pem\nServerCertificateKeyFile=/k.pem",
         TlsConfig(certificate="/c.pem", key="/k.pem")),
        ("ServerCertificateFile=/c.pem\nCertificationAuthoritiesFile=/ca.pem\nCertificateVerifyLevel=1",
         TlsConfig(certificate="/c.pem", client_ca="/ca.pem", client_certificate="optional")),
        ("SocketCertificateFile=/c.pem\nSocketCAFile=/ca.pem\nNeedClientAuth=Y",
         TlsConfig(certificate="/c.pem", client_ca="/ca.pem", client_certificate="required")),
        ("ClientCertificateFile=/c.pem", None),
        # who vouches for clients does not make them be asked, but in Go and .NET
        ("ServerCertificateFile=/c.pem\nCertificationAuthoritiesFile=/ca.pem", TlsConfig(certificate="/c.pem")),
        ("SocketUseSSL=Y\nSocketKeyStore=/c.pem\nSocketTrustStore=/ca.pem", TlsConfig(certificate="/c.pem")),
        ("SocketUseSSL=Y\nSocketKeyStore=/c.pem\nSocketTrustStore=/ca.pem\nNeedClientAuth=Y",
         TlsConfig(certificate="/c.pem", client_ca="/ca.pem", client_certificate="required")),
        ("SocketCertificateFile=/c.pem\nSocketPrivateKeyFile=/k.pem\nSocketCAFile=/ca.pem",
         TlsConfig(certificate="/c.pem", key="/k.pem", client_ca="/ca.pem")),
    ],
)  # fmt: skip
def test_settings_of_an_acceptor_become_tls(lines: str, tls: object, folder: Path) -> None:
    assert tls_of(ACCEPTOR + lines + "\n") == tls


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("SSLEnable=Y\nSSLValidateCertificates=N", "SSLValidateCertificates: is not supported: trust one certificate"),
        ("SocketUseSSL=Y\nSocketInsecureSkipVerify=Y",
         "SocketInsecureSkipVerify: is not supported: trust one certificate"),
        ("SocketUseSSL=Y\nEnabledProtocols=SSLv3,TLSv1.1",
         "EnabledProtocols: TLS 1.2 and 1.3 are spoken, nothing older"),
        ("SSLEnable=Y\nCipherSuites=TLS_RSA_WITH_AES_128_CBC_SHA", "CipherSuites: Java's names are not OpenSSL's"),
        ("CertificationAuthoritiesFile=a\nCertificationAuthoritiesDirectory=cas",
         "CertificationAuthoritiesDirectory: is not supported: cat cas/*.pem > ca.pem"),
        ("CertificationAuthoritiesFile=a\nCertificateRevocationListFile=b",
         "CertificateRevocationListFile: is not supported: revocation lists are not looked at"),
        ("SocketUseSSL=Y\nSocketKeyStoreBytes=abc", "SocketKeyStoreBytes: key stores are not read: give files in PEM"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_named(lines: str, text: str, folder: Path) -> None:
    _, said = load(INITIATOR + lines + "\n")
    assert any(text in line for line in said), said
    _, said = load(ACCEPTOR + "SocketUseSSL=Y\n")
    assert said == ["SocketUseSSL: an acceptor needs a certificate: ServerCertificateFile, a file in PEM"]


def pem(folder: Path) -> None:
    """Put server.pem, for localhost with its key, and ca.pem, of its authority, into a folder."""
    authority = Authority(folder, "ca")
    authority.issue("server", "localhost", "127.0.0.1")


def talk(acceptor: str, initiator: str) -> None:
    async def main() -> None:
        heard = Notes()
        desk, said = load(acceptor, "desk.cfg", files=True)
        assert desk is not None, said
        async with desk.serve(heard) as servers:
            bot, said = load(initiator.replace("9878", str(servers.port)), "bot.cfg", files=True)
            assert bot is not None, said
            async with bot.connect("US-THEM") as session:
                session.send_nowait(*news("over TLS"))
                await until(lambda: heard.headlines)

    run(main())


def test_sessions_of_cpp_settings_speak_tls(folder: Path) -> None:
    pem(folder)
    talk(ACCEPTOR + "ServerCertificateFile=server.pem\n", INITIATOR + "CertificationAuthoritiesFile=ca.pem\n")


def sh(command: str) -> None:
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("kind", ["p12", "jks", "pfx"])
def test_the_command_that_check_names_makes_a_key_store_usable(kind: str, folder: Path) -> None:
    if shutil.which("openssl") is None or (kind == "jks" and shutil.which("keytool") is None):
        pytest.skip("openssl and keytool make key stores")
    pem(folder)
    store = f"keys.{'p12' if kind == 'jks' else kind}"
    sh(f"openssl pkcs12 -export -in server.pem -out {store} -passout pass:changeit -name x")
    if kind == "jks":
        sh("keytool -importkeystore -srckeystore keys.p12 -srcstorepass changeit -destkeystore keys.jks "
           "-deststoretype JKS -deststorepass changeit && rm keys.p12")  # fmt: skip
    settings = {
        "p12": "SocketUseSSL=Y\nSocketKeyStore=keys.p12\nKeyStoreType=PKCS12\nSocketKeyStorePassword=changeit\n",
        "jks": "SocketUseSSL=Y\nSocketKeyStore=keys.jks\nSocketKeyStorePassword=changeit\n",
        "pfx": "SSLEnable=Y\nSSLCertificate=keys.pfx\nSSLCertificatePassword=changeit\nSSLRequireClientCertificate=N\n",
    }[kind]
    one, said = load(ACCEPTOR + settings)
    assert one is None
    assert len(said) == 1
    assert "changeit" not in said[0]
    name, _, command = said[0].partition(" of it: ")
    assert name.split(":")[0] == ("SSLCertificate" if kind == "pfx" else "SocketKeyStore")
    command = command.replace("openssl pkcs12 ", "openssl pkcs12 -passin pass:changeit ")
    command = command.replace("keytool ", "keytool -srcstorepass changeit -deststorepass changeit ")
    sh(command)
    assert Path("keys.pem").stat().st_mode & 0o077 == 0
    talk(ACCEPTOR + settings, INITIATOR + "CertificationAuthoritiesFile=ca.pem\n")


def test_a_certificate_that_cannot_be_used_is_named_before_anything_starts(folder: Path) -> None:
    Path("server.pem").write_text("nonsense")
    _, said = load(ACCEPTOR + "ServerCertificateFile=server.pem\n", files=True)
    assert len(said) == 1
    assert said[0].startswith("ServerCertificateFile: ")
    path = Path("x.toml")
    path.write_text("""[session.a]
role = "initiator"
begin_string = "FIX.4.4"
sender_comp_id = "A"
target_comp_id = "B"
store = "memory"
connection = { host = "h", port = 1, tls = { ca_file = "none.pem" } }
""")
    (remark,) = look_at_config(path, files=True).remarks
    assert (remark.line, remark.key) == (7, "session.a.connection.tls.ca_file")
    assert ff.load_config(path)
