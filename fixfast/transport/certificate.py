"""What a certificate says of its owner, out of the dict that Python's ssl gives of a verified one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["hosts_of", "names_of"]


def names_of(certificate: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of an owner: each SubjectAltName in small letters, and the common names as "CN=...".

    Args: certificate: as `getpeercert()` gives it.
    """
    names = {str(value).lower() for kind, value in certificate.get("subjectAltName", ()) if isinstance(value, str)}
    for part in certificate.get("subject", ()):
        names.update(f"CN={value}" for key, value in part if key == "commonName")
    return frozenset(names)


def hosts_of(certificate: Mapping[str, Any]) -> list[str]:
    """Return the host names and addresses that a server's certificate is for, the common name where it has none."""
    hosts = [str(value) for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    if not hosts:
        hosts = sorted(name[3:] for name in names_of(certificate) if name.startswith("CN="))
    return hosts
