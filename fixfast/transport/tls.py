"""The options of TLS, of both sides (SC7). There is no way to accept any certificate.

A peer that no authority vouches for is trusted by naming its certificate.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fixfast.errors import ConfigError
from fixfast.transport.certificate import names_of

__all__ = ["VERSIONS", "FilePath", "TlsConfig"]

#: "path": in a configuration file it is relative to that file.
FilePath = Annotated[str, "path"] | os.PathLike[str]

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """How to speak TLS: for `ConnectionConfig(tls=...)` and for `serve(tls=...)`.

    `TlsConfig()` is right for a venue with a certificate of a public authority: the system's authorities, SNI, host
    name check, TLS 1.2 or later, no compression, no renegotiation. Files are PEM. They are read when a connection is
    made, and again for the next one after they changed.

    Args:
        certificate: our certificate, followed by those between it and its authority. A server needs one.
        key: its key; None: it is in the file of the certificate.
        key_password: of an encrypted key.
        ciphers: an OpenSSL cipher list for TLS 1.2 (TLS 1.3 has none but good ones).
        minimum_version: "1.2" or "1.3".
        ca_file: initiator: the certificates that are trusted instead of the system's authorities: an authority's, or
            the peer's own.
        server_name: initiator: the name to ask for and to check, where it is not the host connected to.
        fingerprints: initiator: SHA-256 fingerprints, in hexadecimal; the peer's certificate must have one of them, on
            top of all other checks.
        client_ca: acceptor: the certificates that vouch for those of clients.
        client_certificate: acceptor: with a `client_ca`, clients must have a certificate ("required"), or may have one
            ("optional").
        identities: acceptor: which certificate may log on as whom: its name -> SenderCompID, or several. A name is a
            SubjectAltName, or a certificate's common name as "CN=...". See may_log_on().

    Raises:
        ConfigError: a value is out of range, or needs another. Files are not looked at yet.
    """

    certificate: FilePath | None = None
    key: FilePath | None = None
    key_password: str | None = field(default=None, repr=False)
    ciphers: str | None = None
    minimum_version: Literal["1.2", "1.3"] = "1.2"
    ca_file: FilePath | None = None
    server_name: str | None = None
    fingerprints: tuple[str, ...] = ()
    client_ca: FilePath | None = None
    client_certificate: Literal["required", "optional"] = "required"
    identities: Mapping[str, str | Iterable[str]] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        for name in ("certificate", "key", "ca_file", "client_ca"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, (str, os.PathLike)) or not os.fspath(value)):
                raise ConfigError(name, value, "None or the path of a PEM file")
        if self.key_password is not None and not isinstance(self.key_password, str):
            raise ConfigError("key_password", "(hidden)", "None or a text")
        for name in ("key", "key_password"):
            if getattr(self, name) is not None and self.certificate is None:
                raise ConfigError(name, "(hidden)" if name == "key_password" else self.key, "given with a certificate")
        if self.minimum_version not in VERSIONS:
            raise ConfigError("minimum_version", self.minimum_version, "'1.2' or '1.3'")
        if self.ciphers is not None:
            _check_ciphers(self.ciphers)
        if self.server_name is not None and not _is_name(self.server_name):
            raise ConfigError("server_name", self.server_name, "None, a host name or an address")
        object.__setattr__(self, "fingerprints", tuple(_fingerprint(one) for one in _texts(self, "fingerprints")))
        if self.client_certificate not in ("required", "optional"):
            raise ConfigError("client_certificate", self.client_certificate, "'required' or 'optional'")
        if self.client_certificate == "optional" and self.client_ca is None:
            raise ConfigError(
                "client_certificate", self.client_certificate, "given with a client_ca, who vouches for it"
            )
        if self.identities is not None:
            object.__setattr__(self, "identities", _identities(self.identities))
            if self.client_ca is None:
                raise ConfigError("identities", self.identities, "given with a client_ca, who vouches for the names")

    @property
    def asks_for_certificate(self) -> str:
        """What an acceptor does about certificates of clients: "none", "optional" or "required"."""
        return "none" if self.client_ca is None else self.client_certificate

    def may_log_on(self, certificate: Mapping[str, Any] | None, comp_id: str) -> bool:
        """Tell whether the owner of a certificate may log on with this SenderCompID (SC4).

        A CompID in `identities` is for those whose certificate has a name it is given to. Any other CompID is for
        nobody where certificates are required, else for everybody: it is up to authenticate(). Without `identities`
        everybody may.

        Args:
            certificate: the peer's, as `ssl.SSLSocket.getpeercert()` gives it: it was verified. None: there is none.
            comp_id: what the peer calls itself.
        """
        given = self.identities
        if given is None:
            return True
        names = names_of(certificate) if certificate else frozenset()
        listed = False
        for name, comp_ids in given.items():
            if comp_id in comp_ids:
                listed = True
                if name in names:
                    return True
        return not listed and self.asks_for_certificate != "required"


def _texts(config: TlsConfig, name: str) -> tuple[str, ...]:
    value = getattr(config, name)
    if not isinstance(value, (tuple, list)) or not all(isinstance(one, str) for one in value):
        raise ConfigError(name, value, "a tuple of texts")
    return tuple(value)


def _fingerprint(text: str) -> str:
    plain = text.lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if not _FINGERPRINT.fullmatch(plain):
        raise ConfigError("fingerprints", text, "SHA-256 fingerprints: 64 hexadecimal digits, with or without colons")
    return plain


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(name) and name[0] != "." and not any(c.isspace() or c < "!" for c in name)


def _identities(given: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, Mapping):
        raise ConfigError("identities", given, "a mapping of certificate names to SenderCompIDs")
    checked = {}
    for name, comp_ids in given.items():
        ids = (comp_ids,) if isinstance(comp_ids, str) else comp_ids
        several = tuple(ids) if isinstance(ids, (list, tuple, set, frozenset)) else ()
        if not isinstance(name, str) or not name or not several or not all(isinstance(i, str) and i for i in several):
            raise ConfigError("identities", {name: comp_ids}, "certificate names with one or more SenderCompIDs each")
        checked[name if name.startswith("CN=") else name.lower()] = several
    return checked


def _check_ciphers(ciphers: object) -> None:
    allowed = "an OpenSSL cipher list that OpenSSL knows, of ciphers that authenticate and encrypt"
    if not isinstance(ciphers, str):
        raise ConfigError("ciphers", ciphers, allowed)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.set_ciphers(ciphers)
    except ssl.SSLError:
        raise ConfigError("ciphers", ciphers, allowed) from None
    weak = [one["name"] for one in context.get_ciphers() if one["auth"] == "auth-null" or one["strength_bits"] < 112]
    if weak:
        raise ConfigError("ciphers", ciphers, f"{allowed}; {weak[0]} does not")
