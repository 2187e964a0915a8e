"""What went wrong with TLS, in one line for a person: what it is, and the way out."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from fixfast.transport.tls_context import ClientTls, PinMismatch

__all__ = ["explain", "explain_reason", "is_tls_trouble"]

#: X509_V_ERR_ codes of OpenSSL -> what they mean here
_VERIFY = {
    9: "the peer's certificate is not valid yet; is the clock of this machine right?",
    10: "the peer's certificate has expired; the venue must renew it (or the clock of this machine is wrong)",
    18: "the peer's certificate is self-signed; to trust it, give it as TlsConfig(ca_file=...)",
    23: "the peer's certificate was revoked",
    26: "the peer's certificate is not for servers",
}
_UNKNOWN = (
    "the peer's certificate was signed by an authority that is not trusted here; give that authority's certificate as "
    "TlsConfig(ca_file=...)"
)
_VERIFY.update(dict.fromkeys((2, 19, 20, 21), _UNKNOWN))
_HOST, _ADDRESS = 62, 64

_NEEDS = "the peer wants a client certificate; give it as TlsConfig(certificate=..., key=...)"
_OURS = "the peer does not accept our client certificate: "
_NO_TLS = "the peer does not speak TLS on this port; use its TLS port, or tls=None"
_VERSIONS = "the peer speaks no TLS version that is allowed here ({minimum} or later)"

#: what OpenSSL calls it -> what it means here
_REASONS = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _NEEDS,
    "TLSV1_ALERT_UNKNOWN_CA": _OURS + "it does not know who signed it",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": _OURS + "it has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": _OURS + "it was revoked",
    "SSLV3_ALERT_BAD_CERTIFICATE": _OURS + "it cannot be verified",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _OURS + "it is of a kind that is not supported",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _OURS + "it gives no reason",
    "TLSV1_ALERT_ACCESS_DENIED": _OURS + "its owner has no access",
    "TLSV1_ALERT_PROTOCOL_VERSION": _VERSIONS,
    "UNSUPPORTED_PROTOCOL": _VERSIONS,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": "the peer wants stronger ciphers than TlsConfig(ciphers=...) allows",
    "TLSV1_UNRECOGNIZED_NAME": "the peer does not know the name {name}; TlsConfig(server_name=...) may be another",
}
_ALERT = "SSLV3_ALERT_HANDSHAKE_FAILURE"
_EOF = "UNEXPECTED_EOF_WHILE_READING"


def is_tls_trouble(error: BaseException | None) -> bool:
    """Tell whether an exception of a connection that speaks TLS comes of TLS.

    A peer that closes in the middle of a handshake gives no other reason.
    """
    return isinstance(error, (ssl.SSLError, ssl.CertificateError, ConnectionResetError, ConnectionAbortedError))


def explain(error: BaseException, tls: ClientTls, host: str, names: Sequence[str] = ()) -> str:
    """Return what an exception of a TLS connection means, and what to do.

    Args:
        error: the exception.
        tls: what was connected with.
        host: the host that was connected to.
        names: those in the peer's certificate, where they are known.
    """
    name = tls.server_name(host)
    if isinstance(error, PinMismatch):
        return (
            f"the peer's certificate is not the one that was pinned: its SHA-256 fingerprint is {error.fingerprint}; "
            "if the venue confirms it, add it to TlsConfig(fingerprints=...)"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        code = getattr(error, "verify_code", 0)
        if code in (_HOST, _ADDRESS):
            known = f", it is for {_listed(names)}" if names else ""
            way = "; connect to a name that it has, or give that as TlsConfig(server_name=...) if the venue says so"
            return f"the peer's certificate is not for {name}{known}{way}"
        return _VERIFY.get(code) or f"the peer's certificate cannot be verified: {error.verify_message}"
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    if reason and reason != _EOF:
        return explain_reason(reason, tls, host)
    anonymous = tls.config.certificate is None
    ours = _NEEDS.removeprefix("the peer wants") if anonymous else " something else than our client certificate"
    return f"the peer closed the connection in the TLS handshake; it may want{ours}, or not speak TLS on this port"


def explain_reason(reason: str, tls: ClientTls, host: str) -> str:
    """Return what OpenSSL means, and what to do.

    Args: reason: what it calls it: "TLSV1_ALERT_UNKNOWN_CA". tls, host: as for explain().
    """
    if reason == _ALERT:
        anonymous = tls.config.certificate is None
        ours = _NEEDS.removeprefix("the peer ") if anonymous else "does not accept our client certificate"
        return f"the peer refused the handshake: either it {ours}, or it has no cipher in common with us"
    if reason in _REASONS:
        return _REASONS[reason].format(minimum=tls.config.minimum_version, name=tls.server_name(host))
    return f"TLS failed: {reason.lower().replace('_', ' ')}"


def _listed(names: Sequence[str]) -> str:
    """Return some names of a certificate; a large venue may have hundreds in one."""
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
