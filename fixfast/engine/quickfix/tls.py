"""The settings of QuickFIX for TLS, key stores and proxies. Key stores are not read: one command makes PEM of them."""

from __future__ import annotations

import os

from fixfast.engine.quickfix.cfg import Entry
from fixfast.engine.quickfix.draft import CONVERTERS, Draft, Refused

__all__ = ["keystore", "proxied", "proxy", "source", "tls"]

#: settings whose value is a PEM file: (key, for which role)
_FILES = {
    "ServerCertificateFile": ("certificate", "acceptor"),
    "ServerCertificateKeyFile": ("key", "acceptor"),
    "ClientCertificateFile": ("certificate", "initiator"),
    "ClientCertificateKeyFile": ("key", "initiator"),
    "SocketCertificateFile": ("certificate", ""),
    "SocketPrivateKeyFile": ("key", ""),
    "CertificationAuthoritiesFile": ("ca", ""),
    "SocketCAFile": ("ca", ""),
    "SSLCACertificate": ("ca", ""),
}
_NAMES = ("SSLServerName", "SNIHostName", "SocketServerName")
_PROTOCOLS = ("SSLProtocol", "EnabledProtocols", "SSLProtocols")
_KEY_STORES = {"SocketKeyStore": "certificate", "SocketTrustStore": "ca", "SSLCertificate": "certificate"}


def tls(draft: Draft) -> None:
    """Make `connection.tls` or `listen.tls` of what is given in PEM, and say what cannot be."""
    if not _wanted(draft):
        return
    place = "connection.tls" if draft.initiator else "listen.tls"
    for name, (key, role) in _FILES.items():
        entry = draft.entry(name)
        if entry is None or role not in ("", "initiator" if draft.initiator else "acceptor"):
            continue
        if key == "ca":
            key = _authority(draft, entry)
        if name == "SSLCACertificate" and not os.path.exists(entry.value):
            draft.say("error", entry, "a file in PEM; a name in the store of Windows is not looked up: export it")
        if key:
            draft.put(f"{place}.{key}", entry.value, entry)
    _names(draft, place)
    _protocols(draft, place)
    _clients(draft, place)
    _refused(draft)
    _stores(draft, place)
    if "tls" not in getattr(draft.tree.value.get(place.removesuffix(".tls")), "value", ()):
        entry = draft.entry("SocketUseSSL") or draft.entry("SSLEnable")
        if draft.initiator:
            draft.put(place, True, entry)
        else:
            draft.say("error", entry, "an acceptor needs a certificate: ServerCertificateFile, a file in PEM")


def _wanted(draft: Draft) -> bool:
    """Whether the session speaks TLS. C++ decides that in code, by the class; with files for it, it is meant."""
    for name in ("SocketUseSSL", "SSLEnable"):
        if draft.entry(name) is not None:
            return draft.flag(name, False)
    role = "initiator" if draft.initiator else "acceptor"
    files = [name for name, (_, whose) in _FILES.items() if whose in ("", role)]
    first = next(filter(None, map(draft.entry, (*files, "SSLCertificate"))), None)
    if first is not None:
        draft.say("note", first, "TLS is spoken, because this is given; SocketUseSSL=N: it is not")
    return first is not None


def _authority(draft: Draft, entry: Entry) -> str:
    """Return the key for who vouches for the peer; "" where an acceptor does not ask for certificates."""
    if draft.initiator:
        return "ca_file"
    if _asks_clients(draft):
        return "client_ca"
    draft.say(
        "note", entry, "is not used: clients are not asked for certificates (CertificateVerifyLevel, NeedClientAuth)"
    )
    return ""


def _asks_clients(draft: Draft) -> bool:
    """Whether an acceptor asks for certificates: each engine has its own setting, and its own default."""
    level = draft.text("CertificateVerifyLevel")
    if level:
        return level != "0"
    for name in ("NeedClientAuth", "SSLRequireClientCertificate"):
        if draft.entry(name) is not None:
            return draft.flag(name, False)
    return any(draft.entry(name) is not None for name in ("SocketCAFile", "SSLCACertificate"))


def _names(draft: Draft, place: str) -> None:
    for name in _NAMES:
        entry = draft.entry(name)
        if entry is not None and draft.initiator:
            draft.put(f"{place}.server_name", entry.value, entry)


def _protocols(draft: Draft, place: str) -> None:
    minimum = draft.entry("SocketMinimumTLSVersion")
    if minimum is not None:
        version = minimum.value.upper().removeprefix("TLS").removeprefix("V").replace("_", ".")
        version = {"12": "1.2", "13": "1.3"}.get(version, version)
        if version not in ("1.2", "1.3"):
            draft.say("warning", minimum, "TLS 1.2 is the oldest that is spoken")
        else:
            draft.put(f"{place}.minimum_version", version, minimum)
    for name in _PROTOCOLS:
        entry = draft.entry(name)
        if entry is None:
            continue
        spoken = entry.value.upper().replace("_", ".").replace("TLSV", "TLS")
        words = [word.lstrip("+") for word in spoken.replace(",", " ").split() if not word.startswith("-")]
        new = [word for word in words if word in ("TLS1.2", "TLS12", "TLS1.3", "TLS13")]
        if new and len(new) == len(words) and all("3" in word for word in new):
            draft.put(f"{place}.minimum_version", "1.3", entry)
        elif not new and not {"ALL", "DEFAULT", "NONE", "TLS"} & set(words):
            draft.say("warning", entry, "TLS 1.2 and 1.3 are spoken, nothing older")
    ciphers = draft.entry("SSLCipherSuite")
    if ciphers is not None:
        draft.put(f"{place}.ciphers", ciphers.value, ciphers)
    suites = draft.entry("CipherSuites")
    if suites is not None:
        draft.say("warning", suites, "Java's names are not OpenSSL's: the default ciphers are taken; see tls.ciphers")


def _clients(draft: Draft, place: str) -> None:
    """What an acceptor wants of the certificates of clients."""
    if draft.initiator:
        return
    level = draft.entry("CertificateVerifyLevel")
    if level is not None:
        wanted = {"0": "none", "1": "optional", "2": "required"}.get(level.value)
        if wanted is None:
            draft.say("error", level, f"{level.value!r} is not allowed: 0, 1 or 2")
        elif wanted != "none":
            draft.put(f"{place}.client_certificate", wanted, level)
    for name in ("NeedClientAuth", "SSLRequireClientCertificate"):
        entry = draft.entry(name)
        if entry is not None and draft.flag(name, False):
            draft.put(f"{place}.client_certificate", "required", entry)
    entry = draft.entry("SSLCertificate")
    if entry is not None and not any(map(draft.entry, ("SSLRequireClientCertificate", "SSLCACertificate"))):
        text = (
            "QuickFIX/n asks clients for certificates, unless SSLRequireClientCertificate=N; say that, or who vouches"
        )
        draft.say("warning", entry, f"{text} for them (SSLCACertificate): nobody is asked")


def _refused(draft: Draft) -> None:
    instead = "is not supported: trust one certificate by naming it, in PEM, in connection.tls.ca_file"
    for name, harmful in (("SSLValidateCertificates", False), ("SocketInsecureSkipVerify", True)):
        entry = draft.entry(name)
        if entry is not None and draft.flag(name, not harmful) is harmful:
            draft.say("error", entry, instead)
    for name in ("CertificateRevocationListFile", "CertificateRevocationListDirectory"):
        entry = draft.entry(name)
        if entry is not None:
            draft.say("warning", entry, "is not supported: revocation lists are not looked at")
    entry = draft.entry("CertificationAuthoritiesDirectory")
    if entry is not None:
        text = f"is not supported: cat {os.path.join(entry.value, '*.pem')} > ca.pem, and CertificationAuthoritiesFile"
        draft.say("error", entry, text)


# --- key stores -----------------------------------------------------------------------------------------------------


def keystore(draft: Draft) -> None:
    """Nothing by itself: tls() looks at key stores."""


def _stores(draft: Draft, place: str) -> None:
    """Take the PEM beside a key store; where there is none, say which command makes it."""
    for name, key in _KEY_STORES.items():
        entry = draft.entry(name)
        if entry is None or (name == "SocketTrustStore" and draft.entry("SocketCAFile") is not None):
            continue
        pem = f"{os.path.splitext(entry.value)[0]}.pem"
        if entry.value.lower().endswith((".pem", ".crt")):
            pem = entry.value
        key = _authority(draft, entry) if key == "ca" else key
        if not key:
            continue
        draft.put(f"{place}.{key}", pem, entry)
        if pem != entry.value and not os.path.exists(pem):
            draft.say("error", entry, f"key stores are not read; make {pem} of it: {_command(draft, name, entry, pem)}")
        elif pem != entry.value:
            draft.say("note", entry, f"{pem} is taken instead of the key store")
    for name in ("SocketKeyStoreBytes", "SocketTrustStoreBytes"):
        entry = draft.entry(name)
        if entry is not None:
            draft.say("error", entry, "key stores are not read: give files in PEM, tls.certificate and tls.ca_file")


def _command(draft: Draft, name: str, entry: Entry, pem: str) -> str:
    kind = draft.text("TrustStoreType" if name == "SocketTrustStore" else "KeyStoreType").upper()
    is_jks = kind == "JKS" or (not kind and entry.value.lower().endswith((".jks", ".keystore", ".truststore", ".ks")))
    first, p12 = "", entry.value
    if is_jks:
        p12 = f"{os.path.splitext(entry.value)[0]}.p12"
        first = f"keytool -importkeystore -srckeystore {entry.value} -destkeystore {p12} -deststoretype PKCS12 && "
    what = "-nokeys" if name == "SocketTrustStore" else "-nodes"
    return f"{first}(umask 077; openssl pkcs12 -in {p12} {what} -out {pem})"


# --- proxies, source addresses --------------------------------------------------------------------------------------


def proxy(draft: Draft) -> None:
    """ProxyType, ProxyHost, ProxyPort, ProxyUser, ProxyPassword, ProxyVersion."""
    kind = draft.entry("ProxyType")
    if kind is None or not draft.initiator:
        return
    names = {"http": "http", "socks": "socks5", "socks5": "socks5"}
    if kind.value.lower() not in names or draft.text("ProxyVersion").lower() in ("4", "4a"):
        draft.say("error", draft.entry("ProxyVersion") or kind, "is not supported: http, or socks with ProxyVersion=5")
        return
    draft.put("connection.proxy.kind", names[kind.value.lower()], kind)
    for name, key, how in (
        ("ProxyHost", "host", ""),
        ("ProxyPort", "port", "count"),
        ("ProxyUser", "username", ""),
        ("ProxyPassword", "password", ""),
    ):
        entry = draft.entry(name)
        if entry is None:
            continue
        try:
            draft.put(f"connection.proxy.{key}", CONVERTERS[how](entry.value), entry)
        except Refused as refused:
            draft.say("error", entry, f"{entry.value!r} is not allowed: {refused}")


def proxied(draft: Draft) -> None:
    """UseTCPProxy: the PROXY protocol."""
    entry = draft.entry("UseTCPProxy")
    if entry is None or not draft.flag("UseTCPProxy", False) or draft.initiator:
        return
    trusted = draft.entry("TrustedProxyAddresses")
    if trusted is None:
        text = "TrustedProxyAddresses is missing: the PROXY protocol is only taken from load balancers that are named"
        draft.say("error", entry, text)
    else:
        draft.put("listen.proxies", CONVERTERS["list"](trusted.value), trusted)


def source(draft: Draft) -> None:
    """SocketConnectSourceHost, SocketLocalHost and their ports."""
    if not draft.initiator:
        return
    for name in ("SocketConnectSourceHost", "SocketLocalHost"):
        entry = draft.entry(name)
        if entry is not None:
            draft.put("connection.source", entry.value, entry)
    for name in ("SocketConnectSourcePort", "SocketLocalPort"):
        entry = draft.entry(name)
        if entry is not None and entry.value != "0":
            draft.say("warning", entry, "is not supported: a port that was used is not free again for minutes")
