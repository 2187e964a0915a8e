"""TLS on both sides, with a certificate made for the test."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

import fixfast as ff
from tests.engine.harness import HOST, Notes, Peer, news, run, them, to, until, us


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a self-signed certificate for the loopback address."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command is not there to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    command = (
        f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=fixfast "
        f"-addext subjectAltName=IP:{HOST} -keyout key.pem -out cert.pem"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def client_side(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


def test_sc7_a_session_over_tls(certificate: Path) -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], tls=server_side(certificate)) as server:
            async with ff.connect(us(), to(server, tls=client_side(certificate))) as session:
                for i in range(2000):
                    await session.send(*news(f"{i}" * 50))
                session.drop()
                await until(lambda: session.connections == 2)
                await session.wait_active()
                await session.send(*news("last"))
                await until(lambda: notes.messages and notes.headlines[-1] == "last")
            await until(lambda: notes.logouts[1:] == ["Logout"])

    run(main())


def test_sc4_sc7_the_acceptor_sees_the_certificate_of_the_peer(certificate: Path) -> None:
    seen = []

    class Doorman(Notes):
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
            seen.append(request.certificate)
            return ff.Refuse("not you")

    async def main() -> None:
        accepting = server_side(certificate)
        accepting.load_verify_locations(certificate)
        accepting.verify_mode = ssl.CERT_OPTIONAL
        calling = client_side(certificate)
        async with ff.serve(Doorman(), [them()], tls=accepting) as server:
            for with_certificate in (False, True):
                if with_certificate:
                    calling.load_cert_chain(certificate)
                with pytest.raises(ff.LogonFailed) as caught:
                    async with ff.connect(us(), to(server, tls=calling)):
                        pass
                assert caught.value.text == "not you"

    run(main())
    assert seen[0] is None
    assert seen[1] is not None
    assert seen[1]["subject"] == ((("commonName", "fixfast"),),)


def test_sc7_a_certificate_that_is_not_trusted(certificate: Path) -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()], tls=server_side(certificate)) as server:
            with pytest.raises(ff.LogonFailed) as caught:
                async with ff.connect(us(), to(server, tls=True)):
                    pass
            assert caught.value.reason == "connect"
            assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)

    run(main())


def test_sc7_a_name_that_is_not_in_the_certificate(certificate: Path) -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()], tls=server_side(certificate)) as server:
            connection = ff.ConnectionConfig("localhost", server.port, tls=client_side(certificate))
            with pytest.raises(ff.LogonFailed) as caught:
                async with ff.connect(us(), connection):
                    pass
            assert caught.value.reason == "connect"

    run(main())


def test_c1_a_handshake_that_never_comes_is_cut(certificate: Path) -> None:
    async def main() -> None:
        limits = ff.Limits(handshake_timeout=0.05)
        async with ff.serve(Notes(), [them()], tls=server_side(certificate), limits=limits) as server:
            async with await Peer.connect(server.port) as peer:
                assert await peer.read() is None

    run(main(), limit=5)


def test_sc7_plain_text_to_a_tls_port(certificate: Path) -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()], tls=server_side(certificate)) as server:
            with pytest.raises(ff.LogonFailed):
                async with ff.connect(us(), to(server)):
                    pass

    run(main(), limit=5)
