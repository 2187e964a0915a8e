"""Real certificates for tests: an authority of our own, and what it, or nobody, signs. For every front end."""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Authority", "encrypt_key", "fingerprint", "self_signed"]

_DAY = timedelta(days=1)


class Authority:
    """Signs certificates, and puts them into PEM files: the key, then the certificate.

    Attributes: file: its own certificate.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._ca = trustme.CA(organization_name=name)
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def issue(self, name: str, *identities: str, common_name: str | None = None, **options: Any) -> Path:
        """Return a file with a certificate for host names, addresses or e-mail addresses, and its key."""
        made = self._ca.issue_cert(*identities, common_name=common_name, **options)
        path = self._folder / f"{name}.pem"
        made.private_key_and_cert_chain_pem.write_to_path(path)
        return path

    def expired(self, name: str, *identities: str, **options: Any) -> Path:
        now = datetime.now(UTC)
        return self.issue(name, *identities, not_before=now - 2 * _DAY, not_after=now - _DAY, **options)

    def not_yet_valid(self, name: str, *identities: str) -> Path:
        now = datetime.now(UTC)
        return self.issue(name, *identities, not_before=now + _DAY, not_after=now + 2 * _DAY)


def self_signed(folder: Path, name: str, host: str) -> Path:
    """Return a file with a certificate that nobody but its owner vouches for, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(_key_pem(key) + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def encrypt_key(pem: Path, password: str) -> Path:
    """Return a file with the key of a PEM file, encrypted."""
    key = serialization.load_pem_private_key(pem.read_bytes(), None)
    path = pem.with_suffix(".key")
    encryption = serialization.BestAvailableEncryption(password.encode())
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    return path


def fingerprint(pem: Path) -> str:
    """Return the SHA-256 fingerprint of the first certificate in a PEM file, as openssl prints it."""
    text = pem.read_text()
    der = ssl.PEM_cert_to_DER_cert(
        text[text.index("-----BEGIN CERT") :].split("-----END CERT")[0] + "-----END CERTIFICATE-----\n"
    )
    digits = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digits[i : i + 2] for i in range(0, 64, 2))


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
