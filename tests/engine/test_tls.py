"""TLS on both sides, with real certificates: what is accepted, what is refused, what a person is told (SC7, SC4)."""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path
from typing import Any

import pytest

import fixfast as ff
from tests.engine.certificates import Authority, encrypt_key, fingerprint, self_signed
from tests.engine.harness import EAGER, HOST, Notes, Peer, Venue, news, run, silent, them, to, until, us

NAME = "localhost"


class World:
    """One authority that both sides trust, one that nobody does, and a certificate for this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.stranger = Authority(folder, "stranger")
        self.venue = self.authority.issue("venue", NAME)

    def serving(self, certificate: Path | None = None, **options: Any) -> ff.TlsConfig:
        return ff.TlsConfig(certificate=certificate or self.venue, **options)

    def mutual(self, **options: Any) -> ff.TlsConfig:
        return self.serving(client_ca=self.authority.file, **options)

    def calling(self, **options: Any) -> ff.TlsConfig:
        return ff.TlsConfig(**{"ca_file": self.authority.file, **options})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("tls"))


def at(server: ff.Server | Venue, tls: Any, host: str = NAME) -> ff.ConnectionConfig:
    return ff.ConnectionConfig(host, server.port, tls=tls, reconnect=EAGER)


async def log_on(server_tls: Any, client_tls: Any, host: str = NAME, application: object | None = None) -> None:
    async with ff.serve(application or Notes(), [them()], tls=server_tls) as server:
        async with ff.connect(us(), at(server, client_tls, host)) as session:
            session.send_nowait(*news("x"))


def failing(server_tls: Any, client_tls: Any, host: str = NAME) -> str:
    """Return the text of the LogonFailed, which is one line."""

    async def main() -> ff.LogonFailed:
        with pytest.raises(ff.LogonFailed) as caught:
            await log_on(server_tls, client_tls, host)
        return caught.value

    error = run(main())
    assert error.reason == "tls"
    assert "\n" not in str(error)
    return error.text


# --- what works ----------------------------------------------------------------------------------------------


def test_sc7_a_session_over_tls_and_again_after_it_was_lost(world: World) -> None:
    async def main() -> None:
        notes = Notes()
        async with ff.serve(notes, [them()], tls=world.serving()) as server:
            async with ff.connect(us(), at(server, world.calling())) as session:
                for i in range(2000):
                    await session.send(*news(f"{i}" * 50))
                session.drop()
                await until(lambda: session.connections == 2)
                await session.wait_active()
                await session.send(*news("last"))
                await until(lambda: notes.messages and notes.headlines[-1] == "last")
            await until(lambda: notes.logouts[1:] == ["Logout"])

    run(main())


def test_sc7_a_certificate_for_an_address(world: World) -> None:
    run(log_on(world.serving(world.authority.issue("one", HOST)), world.calling(), HOST))


@pytest.mark.parametrize(
    ("identity", "name", "good"),
    [
        ("fix.venue.example", "fix.venue.example", True),
        ("FIX.venue.example", "fix.VENUE.example", True),
        ("*.venue.example", "fix.venue.example", True),
        ("*.venue.example", "venue.example", False),
        ("*.venue.example", "a.fix.venue.example", False),
        ("fix.venue.example", "fix.venue.example.evil.example", False),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8::7", "2001:db8:0::7", True),
    ],
)
def test_sc7_names_wildcards_and_addresses(world: World, identity: str, name: str, good: bool) -> None:
    """The server is here, whatever it is called: server_name is what is asked for and checked."""
    serving, calling = world.serving(world.authority.issue("one", identity)), world.calling(server_name=name)
    if good:
        run(log_on(serving, calling, HOST))
    else:
        assert f"is for {identity};" in failing(serving, calling, HOST)


def test_sc7_the_host_name_is_sent_for_servers_of_many_names(world: World) -> None:
    asked = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(world.venue)
    context.sni_callback = lambda connection, name, here: asked.append(name)
    run(log_on(context, world.calling()))
    run(log_on(context, world.calling(server_name="LocalHost"), HOST))
    assert [name.lower() for name in asked] == [NAME, NAME]


def test_sc7_a_self_signed_certificate_is_trusted_by_naming_it(world: World) -> None:
    own = self_signed(world.folder, "own", NAME)
    run(log_on(world.serving(own), ff.TlsConfig(ca_file=own)))
    run(log_on(world.serving(), ff.TlsConfig(ca_file=world.venue)))  # or one whose authority is not known
    other = self_signed(world.folder, "other", NAME)
    assert "self-signed" in failing(world.serving(other), ff.TlsConfig(ca_file=own))


def test_sc7_contexts_of_your_own(world: World) -> None:
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(world.venue)
    run(log_on(serving, ssl.create_default_context(cafile=world.authority.file)))
    assert "an authority that is not trusted" in failing(serving, ssl.create_default_context())


def test_an_encrypted_key_needs_its_password(world: World) -> None:
    key = encrypt_key(world.venue, "opensesame")
    run(log_on(world.serving(key=key, key_password="opensesame"), world.calling()))
    for password, text in ((None, "the key is encrypted"), ("sesame", "the password of the key")):
        with pytest.raises(ff.ConfigError, match=text) as caught:
            run(log_on(world.serving(key=key, key_password=password), world.calling()))
        assert "sesame" not in str(caught.value)


# --- what does not -------------------------------------------------------------------------------------------


def test_sc7_an_expired_certificate_is_refused(world: World) -> None:
    text = failing(world.serving(world.authority.expired("old", NAME)), world.calling())
    assert "expired; the venue must renew it" in text


def test_sc7_a_certificate_that_is_not_valid_yet_is_refused(world: World) -> None:
    text = failing(world.serving(world.authority.not_yet_valid("new", NAME)), world.calling())
    assert "not valid yet; is the clock of this machine right?" in text


def test_sc7_wrong_host_name_is_refused_and_the_right_ones_are_told(world: World) -> None:
    certificate = world.authority.issue("others", "a.example", "b.example", "192.0.2.1")
    text = failing(world.serving(certificate), world.calling())
    assert text.startswith(f"the peer's certificate is not for {NAME}, it is for a.example, b.example, 192.0.2.1;")
    assert "server_name" in text
    many = world.authority.issue("many", *(f"{i}.example" for i in range(20)))
    assert "5.example and 14 more;" in failing(world.serving(many), world.calling())


def test_sc7_the_right_names_are_asked_for_once(world: World) -> None:
    certificate = world.authority.issue("others", "a.example")
    handshakes = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda connection, name, here: handshakes.append(name)

    async def main() -> None:
        policy = ff.Reconnect(initial=0, retry_first=True, max_attempts=4)
        async with ff.serve(Notes(), [them()], tls=context) as server:
            connection = ff.ConnectionConfig(NAME, server.port, tls=world.calling(), reconnect=policy)
            with pytest.raises(ff.GaveUp) as caught:
                async with ff.connect(us(), connection):
                    pass
        assert "it is for a.example" in str(caught.value.__cause__)

    run(main())
    assert len(handshakes) == 4 + 1


def test_sc7_an_address_that_is_not_in_the_certificate_is_refused(world: World) -> None:
    assert f"not for {HOST}, it is for {NAME};" in failing(world.serving(), world.calling(), HOST)


def test_sc7_an_unknown_authority_is_refused(world: World) -> None:
    serving = world.serving(world.stranger.issue("theirs", NAME))
    assert "TlsConfig(ca_file=...)" in failing(serving, world.calling())
    assert "an authority that is not trusted here" in failing(world.serving(), True)


def test_sc7_a_self_signed_certificate_is_refused(world: World) -> None:
    text = failing(world.serving(self_signed(world.folder, "own", NAME)), world.calling())
    assert "self-signed; to trust it, give it as TlsConfig(ca_file=...)" in text


def test_sc7_a_pinned_certificate(world: World) -> None:
    pins = (fingerprint(world.venue),)
    run(log_on(world.serving(), world.calling(fingerprints=pins)))
    other = world.authority.issue("renewed", NAME)
    text = failing(world.serving(other), world.calling(fingerprints=pins))
    assert fingerprint(other).replace(":", "").lower() in text, "the new fingerprint is told, to be compared"
    run(log_on(world.serving(other), world.calling(fingerprints=(*pins, fingerprint(other)))))
    # A pin is on top of the other checks, not in their place.
    own = self_signed(world.folder, "own", NAME)
    assert "self-signed" in failing(world.serving(own), world.calling(fingerprints=(fingerprint(own),)))


def test_sc7_nothing_is_sent_to_a_peer_without_the_pinned_certificate(world: World) -> None:
    seen = []

    async def listen(peer: Peer) -> None:
        seen.append(await peer.read())

    async def main() -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(world.venue)
        async with Venue(listen, ssl=context) as venue:
            with pytest.raises(ff.LogonFailed):
                async with ff.connect(us(), at(venue, world.calling(fingerprints=("ab" * 32,)))):
                    pass

    run(main())
    assert not any(seen)


@pytest.mark.parametrize("server_is_old", [True, False])
def test_sc7_tls_1_1_is_refused(world: World, server_is_old: bool) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_is_old else ssl.PROTOCOL_TLS_CLIENT)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    if server_is_old:
        old.load_cert_chain(world.venue)
        failing(old, world.calling())
    else:
        old.load_verify_locations(world.authority.file)
        assert "no TLS version that is allowed" in failing(world.serving(), old)


def test_sc7_minimum_version_1_3(world: World) -> None:
    older = ssl.create_default_context(cafile=world.authority.file)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    run(log_on(world.serving(), older))
    failing(world.serving(minimum_version="1.3"), older)
    run(log_on(world.serving(minimum_version="1.3"), world.calling(minimum_version="1.3")))


def test_sc7_no_cipher_in_common(world: World) -> None:
    older = ssl.create_default_context(cafile=world.authority.file)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    older.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
    run(log_on(world.serving(ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"), older))
    assert "no cipher in common" in failing(world.serving(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"), older)


def test_sc7_tls_on_a_plain_port(world: World) -> None:
    async def greet(peer: Peer) -> None:
        peer.writer.write(b"220 ready\r\n")
        await peer.reader.read()

    async def main() -> None:
        async with Venue(greet) as venue:
            with pytest.raises(ff.LogonFailed, match="does not speak TLS on this port; use its TLS port, or tls=None"):
                async with ff.connect(us(), at(venue, world.calling())):
                    pass
        # One that waits for a Logon answers nothing: it hangs up, or we do.
        async with ff.serve(Notes(), [them()], limits=ff.Limits(logon_timeout=0.05)) as server:
            with pytest.raises(ff.LogonFailed, match="or not speak TLS on this port"):
                async with ff.connect(us(), at(server, world.calling())):
                    pass
        async with Venue(lambda peer: silently(peer)) as venue:
            connection = ff.ConnectionConfig(NAME, venue.port, tls=world.calling(), connect_timeout=0.05)
            with pytest.raises(ff.LogonFailed, match=r"no connection in 0.05 s, while in the TLS handshake"):
                async with ff.connect(us(), connection):
                    pass

    async def silently(peer: Peer) -> None:
        await peer.reader.read()

    run(main())


def test_sc7_plain_text_on_a_tls_port(world: World) -> None:
    async def main() -> None:
        async with ff.serve(Notes(), [them()], tls=world.serving()) as server:
            with pytest.raises(ff.LogonFailed, match=r"or speak TLS on this port \(tls=True\)"):
                async with ff.connect(us(), to(server)):
                    pass

    run(main(), limit=5)


def test_sc1_a_handshake_that_never_comes_is_cut(world: World) -> None:
    async def main() -> None:
        limits = ff.Limits(handshake_timeout=0.05)
        async with ff.serve(Notes(), [them()], tls=world.serving(), limits=limits) as server:
            async with await Peer.connect(server.port) as peer:
                assert await peer.read() is None

    run(main(), limit=5)


# --- certificates of clients ---------------------------------------------------------------------------------


def client_versions(world: World, version: str, **options: Any) -> Any:
    """Return a client's context that speaks one version only: a refusal looks different in each."""
    context = ssl.create_default_context(cafile=world.authority.file)
    context.minimum_version = context.maximum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2,
        "1.3": ssl.TLSVersion.TLSv1_3,
    }[version]
    if options:
        context.load_cert_chain(options["certificate"])
    return context


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_sc7_a_missing_client_certificate_is_refused(
    world: World, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = failing(world.mutual(), client_versions(world, version))
    assert "a client certificate; give it as TlsConfig(certificate=..., key=...)" in text
    assert "no TLS handshake (peer did not return a certificate)" in caplog.text


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_sc7_a_client_certificate_of_a_stranger_is_refused(world: World, version: str) -> None:
    certificate = world.stranger.issue("bot", "bot.example")
    text = failing(world.mutual(), client_versions(world, version, certificate=certificate))
    assert text == "the peer does not accept our client certificate: it does not know who signed it"
    run(log_on(world.mutual(), world.calling(certificate=world.authority.issue("bot", "bot.example"))))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_sc7_an_expired_client_certificate_is_refused(
    world: World, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = world.authority.expired("bot", "bot.example")
    for client_certificate in ("required", "optional"):
        text = failing(
            world.mutual(client_certificate=client_certificate),
            client_versions(world, version, certificate=certificate),
        )
        assert text == "the peer does not accept our client certificate: it has expired"
    assert "no TLS handshake (certificate has expired)" in caplog.text


def test_sc7_optional_client_certificates(world: World) -> None:
    serving = world.mutual(client_certificate="optional")
    run(log_on(serving, world.calling()))
    run(log_on(serving, world.calling(certificate=world.authority.issue("bot", "bot.example"))))


def test_sc4_sc7_the_acceptor_sees_the_certificate_of_the_peer(world: World) -> None:
    seen = []

    class Doorman(Notes):
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig | ff.Refuse:
            seen.append(request.certificate)
            return ff.Refuse("not you")

    async def main() -> None:
        certificate = world.authority.issue("bot", "bot.example", common_name="bot")
        for calling in (world.calling(), world.calling(certificate=certificate)):
            with pytest.raises(ff.LogonFailed) as caught:
                await log_on(world.mutual(client_certificate="optional"), calling, application=Doorman())
            assert caught.value.text == "not you"

    run(main())
    assert seen[0] is None
    assert seen[1] is not None
    assert seen[1]["subjectAltName"] == (("DNS", "bot.example"),)


def test_sc4_only_the_owner_of_a_comp_id_logs_on_with_it(world: World) -> None:
    serving = world.mutual(identities={"bot.example": "BOT", "other.example": ["OTHER", "BOT2"]})

    async def main() -> None:
        for name, allowed in (("bot.example", True), ("other.example", False)):
            calling = world.calling(certificate=world.authority.issue("bot", name))
            if allowed:
                await log_on(serving, calling)
            else:
                with pytest.raises(ff.LogonFailed, match="peer_closed"):
                    await log_on(serving, calling)

    run(main())


# --- files that change ---------------------------------------------------------------------------------------


def put(source: Path, target: Path) -> None:
    """Replace a file in one step, as those who renew certificates do."""
    fresh = target.with_suffix(".new")
    fresh.write_bytes(source.read_bytes())
    os.replace(fresh, target)


def test_sc7_a_new_connection_sees_the_new_certificate(world: World, caplog: pytest.LogCaptureFixture) -> None:
    live = world.folder / "live.pem"
    first, second = world.venue, world.authority.issue("second", NAME)
    caplog.set_level("INFO")

    def pinned(certificate: Path) -> ff.TlsConfig:
        return world.calling(fingerprints=(fingerprint(certificate),))

    async def main() -> None:
        put(first, live)
        async with ff.serve(Notes(), [them(), them(target="LATE")], tls=world.serving(live)) as server:
            async with ff.connect(us(reset_on_logon=True), at(server, pinned(first))) as session:
                put(second, live)
                async with ff.connect(us(sender="LATE", reset_on_logon=True), at(server, pinned(second))):
                    assert session.active, "a connection that is up is left alone"
                live.write_text("half a certificate")
                for _ in range(3):
                    async with ff.connect(us(sender="LATE", reset_on_logon=True), at(server, pinned(second))):
                        pass
                live.unlink()
                async with ff.connect(us(sender="LATE", reset_on_logon=True), at(server, pinned(second))):
                    pass
                put(first, live)
                async with ff.connect(us(sender="LATE", reset_on_logon=True), at(server, pinned(first))):
                    pass

    run(main())
    assert caplog.text.count("cannot be used; what was read before still is") == 2, "once for each change"
    assert caplog.text.count("changed, the next connections use what is in there now") == 2


def test_sc7_a_new_authority_for_clients_counts_at_once_and_the_old_no_more(world: World) -> None:
    trusted = world.folder / "trusted.pem"
    old = world.calling(certificate=world.authority.issue("bot", "bot.example"))
    new = world.calling(certificate=world.stranger.issue("bot2", "bot.example"))

    async def main() -> None:
        put(world.authority.file, trusted)
        async with ff.serve(Notes(), [them()], tls=world.serving(client_ca=trusted)) as server:
            async with ff.connect(us(reset_on_logon=True), at(server, old)):
                pass
            put(world.stranger.file, trusted)
            async with ff.connect(us(reset_on_logon=True), at(server, new)):
                pass
            with pytest.raises(ff.LogonFailed, match="does not accept our client certificate"):
                async with ff.connect(us(reset_on_logon=True), at(server, old)):
                    pass

    run(main())


def test_sc7_an_initiator_reads_changed_files_for_its_next_connection(world: World) -> None:
    mine, trusted = world.folder / "mine.pem", world.folder / "trust.pem"
    seen = []

    class Doorman(Notes):
        def authenticate(self, request: ff.LogonRequest) -> ff.SessionConfig:
            assert request.certificate is not None
            seen.append(request.certificate["subjectAltName"][0][1])
            return them()

    async def main() -> None:
        put(world.authority.issue("a", "a.example"), mine)
        put(world.authority.file, trusted)
        port = 0
        async with ff.serve(Doorman(), tls=world.mutual()) as server:
            port = server.port
            calling = ff.TlsConfig(ca_file=trusted, certificate=mine)
            connecting = ff.connect(us(reset_on_logon=True), at(server, calling))
            session = await connecting.__aenter__()
            put(world.authority.issue("b", "b.example"), mine)
            put(world.stranger.file, trusted)
        moved = world.serving(world.stranger.issue("moved", NAME), client_ca=world.authority.file)
        async with ff.serve(Doorman(), tls=moved, port=port):
            await until(lambda: session.connections == 2)
            await connecting.__aexit__(None, None, None)

    run(main())
    assert seen == ["a.example", "b.example"]


def test_sc7_files_that_went_away_are_no_trouble_for_what_is_connected_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor for the look at the names of a wrong certificate, which makes a context of its own."""
    trusted = world.folder / "gone.pem"
    wrong = world.serving(world.authority.issue("wrong", "a.example"))

    async def main() -> None:
        put(world.authority.file, trusted)
        async with ff.serve(Notes(), [them()], tls=world.serving()) as server:
            port = server.port
            connecting = ff.connect(us(), at(server, ff.TlsConfig(ca_file=trusted)))
            session = await connecting.__aenter__()
            trusted.unlink()
            session.drop()
            await until(lambda: session.connections == 2)
        async with ff.serve(Notes(), [them()], tls=wrong, port=port):
            await until(lambda: "not for localhost; connect to a name that it has" in caplog.text)
            assert session.error is None, "it goes on trying"
        await connecting.__aexit__(None, None, None)

    run(main())


def test_files_that_cannot_be_used_are_named_before_anything_is_connected(world: World) -> None:
    missing, empty = world.folder / "missing.pem", world.folder / "empty.pem"
    empty.write_text("")
    other = world.authority.issue("other", NAME)

    async def main() -> None:
        async with Venue(silent) as venue:
            for option, options in {
                "ca_file": {"ca_file": missing},
                "ca_file ": {"ca_file": empty},
                "certificate": {"certificate": missing},
                "certificate ": {"certificate": empty},
                "key": {"certificate": other, "key": missing},
                "key ": {"certificate": other, "key": world.venue},
            }.items():
                with pytest.raises(ff.ConfigError) as caught:
                    async with ff.connect(us(reset_on_logon=True), at(venue, world.calling(**options))):
                        pass
                assert caught.value.name == option.strip()
            assert venue.connections == 0
        with pytest.raises(ff.ConfigError, match="client_ca"):
            await ff.serve(Notes(), tls=world.serving(client_ca=missing))

    run(main())


def test_tls_of_two_loops_at_once(world: World) -> None:
    """Handshakes side by side: contexts are shared between the connections of a server."""

    async def main() -> None:
        configs = [them(target=f"BOT{i}") for i in range(20)]
        async with ff.serve(Notes(), configs, tls=world.mutual()) as server:
            calling = world.calling(certificate=world.authority.issue("bot", "bot.example"))

            async def one(i: int) -> None:
                async with ff.connect(us(sender=f"BOT{i}"), at(server, calling)) as session:
                    await session.send(*news(i))

            await asyncio.gather(*(one(i) for i in range(20)))

    run(main())


def test_tls_of_a_configuration_file(world: World) -> None:
    """Paths are relative to the file; what only code can say is a table."""
    path = world.folder / "bot.toml"
    path.write_text(
        '[session.x]\nrole = "initiator"\nbegin_string = "FIX.4.4"\nsender_comp_id = "BOT"\ntarget_comp_id = "SIM"\n'
        f'[session.x.connection]\nhost = "{NAME}"\nport = 9\n[session.x.connection.tls]\nca_file = "authority.pem"\n'
    )
    connection = ff.load_config(path).sessions["x"].connection
    assert connection is not None
    run(log_on(world.serving(), connection.tls))
