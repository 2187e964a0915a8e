"""TLS contexts made of a TlsConfig, and made anew when its files change (SC7)."""

from __future__ import annotations

import hashlib
import logging
import os
import ssl
from contextvars import ContextVar
from typing import Any

from fixfast.errors import ConfigError
from fixfast.transport.tls import VERSIONS, FilePath, TlsConfig

__all__ = ["ClientTls", "PinMismatch", "Watched", "reason_of", "server_context", "watch_handshake"]

_log = logging.getLogger("fixfast.transport")

_VERIFY = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
_watched: ContextVar[Watched | None] = ContextVar("watched", default=None)
#: A peer that does not speak TLS would not understand an alert.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST")
#: What a file is known by: it is read again when one of these changes.
_Stamp = tuple[int, int, int, int]


class PinMismatch(ssl.SSLCertVerificationError):
    """The peer's certificate is none of those that were pinned. `fingerprint` is what it has: SHA-256, hexadecimal."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__(1, f"the certificate's SHA-256 fingerprint {fingerprint} is not among those pinned")
        self.fingerprint = fingerprint


class ClientTls:
    """TLS of one initiator: the context of its next connection, and the name to check.

    Args:
        tls: as in ConnectionConfig, but not None.

    Raises: ConfigError: an option is for acceptors.
    """

    def __init__(self, tls: TlsConfig | ssl.SSLContext | bool) -> None:
        self._own = tls if isinstance(tls, ssl.SSLContext) else None
        config = self.config = tls if isinstance(tls, TlsConfig) else TlsConfig()
        for name in ("client_ca", "identities"):
            if getattr(config, name) is not None:
                raise ConfigError(name, getattr(config, name), "None in an initiator: it is for serve()")
        self._files = _Files(config, lambda: _client_context(config))

    def context(self) -> ssl.SSLContext:
        """Return the context to connect with.

        Raises: ConfigError: a file cannot be used; later, the last good context is kept instead.
        """
        return self._own if self._own is not None else self._files.context()

    def probe(self) -> ssl.SSLContext:
        """Return a context that checks everything but the host name, to learn which names a certificate has."""
        context = self._own if self._own is not None else _client_context(self.config, own=False)
        if context is not self._own:
            context.check_hostname = False
        return context

    @property
    def can_probe(self) -> bool:
        """A probe tells more than the connection did."""
        return self._own is None

    def server_name(self, host: str) -> str:
        """Return the name to ask the peer for and to check."""
        if self.config.server_name is not None:
            return self.config.server_name
        # A full stop at the end and the zone of an IPv6 address are ours: no certificate has them.
        return host.partition("%")[0] if ":" in host else host.removesuffix(".")


class Watched:
    """What became of one handshake of an acceptor. `error` is why it failed, where that is known."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: ssl.SSLError | None = None


def watch_handshake() -> Watched:
    """Return where to look for the reason, if start_tls() that the current task calls next fails.

    A handshake is not ended when it failed, but when the peer has been told why; the loop then only sees a peer that
    hangs up.
    """
    watched = Watched()
    _watched.set(watched)
    return watched


def reason_of(error: BaseException) -> str:
    """Return why a handshake failed, in OpenSSL's words, made readable."""
    found = getattr(error, "verify_message", "") or getattr(error, "reason", None) or type(error).__name__
    return str(found).lower().replace("_", " ")


def server_context(tls: TlsConfig | ssl.SSLContext | None) -> ssl.SSLContext | None:
    """Return the context to listen with. Each connection gets the certificate of that moment.

    Raises: ConfigError: an option is missing or for initiators, or a file cannot be used.
    """
    if tls is None or isinstance(tls, ssl.SSLContext):
        return tls
    if not isinstance(tls, TlsConfig):
        raise ConfigError("tls", type(tls).__name__, "None, a TlsConfig or an ssl.SSLContext")
    config = tls
    if config.certificate is None:
        raise ConfigError("certificate", None, "the path of a PEM file: a server needs one")
    for name, hint in (
        ("ca_file", "; client_ca says who vouches for clients"),
        ("server_name", ""),
        ("fingerprints", ""),
    ):
        if getattr(config, name):
            raise ConfigError(name, getattr(config, name), f"unset in an acceptor{hint}")
    files = _Files(config, lambda: _server_context(config))
    context = files.context()

    def renew(connection: Any, name: str | None, listening: ssl.SSLContext) -> None:
        current = files.context()
        if current is not listening:
            connection.context = current

    # Called for each connection, whether it asks for a name or not.
    context.sni_callback = renew
    return context


# --- inside --------------------------------------------------------------------------------------------------


class _Files:
    """A context, made anew when the files it is made of change."""

    def __init__(self, config: TlsConfig, make: Any) -> None:
        paths = (config.certificate, config.key, config.ca_file, config.client_ca)
        self._paths = [path for path in paths if path is not None]
        self._make = make
        self._context: ssl.SSLContext | None = None
        self._stamps: list[_Stamp | None] = []

    def context(self) -> ssl.SSLContext:
        stamps = [_stamp(path) for path in self._paths]
        if self._context is None:
            self._context = self._make()
        elif stamps != self._stamps:
            try:
                self._context = self._make()
                _log.info("TLS: %s changed, the next connections use what is in there now", self._named())
            except ConfigError as error:  # once for each change
                _log.error(
                    "TLS: %s changed and cannot be used; what was read before still is: %s", self._named(), error
                )
        self._stamps = stamps
        return self._context

    def _named(self) -> str:
        return ", ".join(map(str, self._paths))


def _stamp(path: FilePath) -> _Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class _Context(ssl.SSLContext):
    """A context whose connections look at pinned fingerprints before a byte of the session is sent."""

    fingerprints: tuple[str, ...] = ()


class _Checked:
    """What the connections of a _Context do in the handshake: the same with asyncio, uvloop and plain sockets."""

    context: Any
    server_side: bool
    _failed: ssl.SSLError | None = None
    _calls_left = 8  # a peer that goes on talking after that is cut

    def do_handshake(self, *args: Any) -> None:
        if self._failed is not None:
            self._refuse_to_end(self._failed)
        try:
            super().do_handshake(*args)  # type: ignore[misc]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            if not self.server_side:
                raise
            if not isinstance(self, ssl.SSLObject) or error.reason in _NOT_TLS:
                raise
            watched = _watched.get()
            if watched is not None:
                watched.error = error
            else:  # uvloop calls this where nobody can know whose handshake it is
                _log.info("TLS: a handshake failed: %s", reason_of(error))
            self._failed = error
            self._refuse_to_end(error)
        pins = getattr(self.context, "fingerprints", ())
        if pins:
            found = hashlib.sha256(self.getpeercert(True) or b"").hexdigest()  # type: ignore[attr-defined]
            if found not in pins:
                raise PinMismatch(found)

    def _refuse_to_end(self, error: ssl.SSLError) -> None:
        """Have the event loop write the alert that tells the peer why; it closes a handshake that failed without.

        The peer closes then, or the loop's timer does.
        """
        if self._calls_left == 0:
            raise error
        self._calls_left -= 1
        raise ssl.SSLWantReadError from error


class _Object(_Checked, ssl.SSLObject):
    pass


class _Socket(_Checked, ssl.SSLSocket):
    pass


_Context.sslobject_class = _Object
_Context.sslsocket_class = _Socket


def _client_context(config: TlsConfig, *, own: bool = True) -> ssl.SSLContext:
    context = _context(ssl.PROTOCOL_TLS_CLIENT, config)  # with verification and host name check
    context.fingerprints = config.fingerprints
    if config.ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _trust(context, "ca_file", config.ca_file)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the peer's own certificate will do, whoever signed it
    if own and config.certificate is not None:
        _load_own(context, config)
    return context


def _server_context(config: TlsConfig) -> ssl.SSLContext:
    context = _context(ssl.PROTOCOL_TLS_SERVER, config)
    # A session that is taken up again would not see the certificates and authorities of today.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.verify_mode = _VERIFY[config.asks_for_certificate]
    if config.client_ca is not None:
        _trust(context, "client_ca", config.client_ca)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _load_own(context, config)
    return context


def _context(protocol: int, config: TlsConfig) -> _Context:
    context = _Context(protocol)
    context.minimum_version = VERSIONS[config.minimum_version]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if config.ciphers is not None:
        context.set_ciphers(config.ciphers)
    return context


def _trust(context: ssl.SSLContext, option: str, path: FilePath) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise ConfigError(option, str(path), f"a PEM file of certificates ({reason_of(error)})") from None
    except OSError as error:
        raise ConfigError(option, str(path), f"a file that can be read ({error.strerror})") from None


def _load_own(context: ssl.SSLContext, config: TlsConfig) -> None:
    assert config.certificate is not None
    password = config.key_password
    asked = False

    def tell() -> str:  # never None: OpenSSL would ask at the terminal
        nonlocal asked
        asked = True
        return password or ""

    try:
        context.load_cert_chain(config.certificate, config.key, tell)
    except ssl.SSLError as error:
        if asked:
            allowed = "the password of the key" if password else "given: the key is encrypted"
            raise ConfigError("key_password", "(hidden)" if password else None, allowed) from None
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError("key", str(config.key or config.certificate), "the key of the certificate") from None
        allowed = f"a PEM file of a certificate, with its key here or in `key` ({reason_of(error)})"
        raise ConfigError("certificate", str(config.certificate), allowed) from None
    except OSError as error:
        missing = "key" if config.key is not None and _stamp(config.certificate) is not None else "certificate"
        raise ConfigError(
            missing, str(getattr(config, missing)), f"a file that can be read ({error.strerror})"
        ) from None
