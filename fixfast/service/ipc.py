"""How two processes of the service make sure of each other, sans-IO: a secret that neither shows (C19, C20).

See docs/ipc.md.

    connects                                     listens
    Hello(version, role, name, nonce)   ->
                                        <-       Challenge(version, nonce, proof)      it has the secret, too
    Proof(proof)                        ->
                                        <-       Welcome, or Refused

The proofs are HMACs over both nonces: what somebody saw of one connection is of no use for another one. For a name that
is not known the same is done with a secret that nobody has, so that the answer, and its time, tell nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable

from fixfast.service.frames import FrameError
from fixfast.service.messages import VERSION, Challenge, Hello, Message, Proof

__all__ = ["NONCE", "Connecting", "Listening", "VersionError", "name_of", "new_secret"]

#: bytes of a nonce, and of a token
NONCE = 32


class VersionError(FrameError):
    """The other side speaks another version of the IPC."""

    def __init__(self, theirs: int) -> None:
        super().__init__(f"the other side speaks version {theirs} of the IPC, this one {VERSION}")


def new_secret() -> bytes:
    """Return a new token: 256 bits."""
    return secrets.token_bytes(NONCE)


def name_of(secret: bytes) -> str:
    """Return what a secret is called where it must not be shown."""
    return hashlib.sha256(b"fixfast ipc name\0" + secret).hexdigest()[:16]


def _proof(secret: bytes, who: str, hello: Hello, nonce: bytes) -> bytes:
    said = (b"fixfast ipc", who.encode(), hello.role.encode(), hello.nonce + nonce)
    return hmac.new(secret, b"\0".join(said), hashlib.sha256).digest()


class Connecting:
    """The side that connects.

    Args:
        role: as in Hello.
        secret: None for the role "login": an API key is shown afterwards instead.

    Attributes: hello: what it says first.
    """

    __slots__ = ("_secret", "hello")

    def __init__(self, role: str, secret: bytes | None) -> None:
        self._secret = secret
        name = "" if secret is None else name_of(secret)
        self.hello = Hello(VERSION, role, name, secrets.token_bytes(NONCE))

    def answer(self, message: Message) -> Proof | None:
        """Return what answers the Challenge; None where nothing is to be proved.

        Raises: FrameError: it is none, of another version, or the other side does not have the secret.
        """
        if not isinstance(message, Challenge):
            raise FrameError(f"{type(message).__name__} instead of Challenge")
        if message.version != VERSION:
            raise VersionError(message.version)
        if self._secret is None:
            return None
        if not hmac.compare_digest(message.proof, _proof(self._secret, "listener", self.hello, message.nonce)):
            raise FrameError("the other side does not have the secret: it was revoked, or this is somebody else")
        return Proof(_proof(self._secret, "connector", self.hello, message.nonce))


class Listening:
    """The side that was connected to.

    Args: find: (role, name) -> the secret of that name, None where there is none.

    Attributes: role, name: of the other side, when challenge() was called.
    """

    __slots__ = ("_expected", "_find", "_known", "name", "role")

    def __init__(self, find: Callable[[str, str], bytes | None]) -> None:
        self._find = find
        self._expected = b""
        self._known = False
        self.role = self.name = ""

    def challenge(self, message: Message) -> Challenge:
        """Return what answers Hello.

        Raises: FrameError: it is none, or of another version.
        """
        if not isinstance(message, Hello):
            raise FrameError(f"{type(message).__name__} instead of Hello")
        if message.version != VERSION:
            raise VersionError(message.version)
        if len(message.nonce) != NONCE:
            raise FrameError(f"a nonce of {len(message.nonce)} bytes instead of {NONCE}")
        self.role, self.name = message.role, message.name
        nonce = secrets.token_bytes(NONCE)
        if message.role == "login":
            return Challenge(VERSION, nonce, b"")
        found = self._find(message.role, message.name)
        self._known = found is not None
        secret = found if found is not None else secrets.token_bytes(NONCE)
        self._expected = _proof(secret, "connector", message, nonce)
        return Challenge(VERSION, nonce, _proof(secret, "listener", message, nonce))

    def accepts(self, message: Message) -> bool:
        """Return whether this Proof shows that the other side has the secret. Raises: FrameError: it is no Proof."""
        if not isinstance(message, Proof):
            raise FrameError(f"{type(message).__name__} instead of Proof")
        same = hmac.compare_digest(message.proof, self._expected)
        return same and self._known
