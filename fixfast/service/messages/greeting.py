"""The first messages of a connection: who is there, shown without showing the secret; and how a token is got."""

from __future__ import annotations

from fixfast.service.messages.base import Message

__all__ = ["Challenge", "Granted", "Hello", "Login", "Proof", "Refused", "Welcome"]


class Hello(Message, frozen=True, tag="hello"):
    """The first frame of who connects.

    Attributes:
        version: of this protocol.
        role: "front_end" (the holder of a token), "backend" (of a Launcher), or "login" (a front end that has an API
            key and no token yet: a Login follows).
        name: which secret: the first 16 hexadecimal digits of a SHA-256 of it; empty for "login".
        nonce: 32 random bytes.
    """

    version: int
    role: str
    name: str
    nonce: bytes


class Challenge(Message, frozen=True, tag="challenge"):
    """The answer to Hello: who listens has the secret, too.

    Attributes:
        version: of this protocol.
        nonce: 32 random bytes.
        proof: HMAC-SHA256, with the secret as its key, of "fixfast ipc", "listener", the role, and the nonces of Hello
            and Challenge as one; a zero byte between each. Empty for the role "login".
    """

    version: int
    nonce: bytes
    proof: bytes


class Proof(Message, frozen=True, tag="proof"):
    """The answer to Challenge: so has who connects. What the listener says next is Welcome, or Refused.

    Attributes:
        proof: as in Challenge, with "connector" instead of "listener".
    """

    proof: bytes


class Refused(Message, frozen=True, tag="refused"):
    """No, and the connection ends.

    Attributes:
        code: "version", "credentials", "busy", "limit", "timeout" or "unavailable".
        text: for people; says nothing that helps to guess.
        retry_after: seconds; 0: now, or never.
    """

    code: str
    text: str
    retry_after: int = 0


class Welcome(Message, frozen=True, tag="welcome"):
    """A Backend takes a front end.

    Attributes:
        session: its id.
        begin_string: "FIX.4.2", "FIXT.1.1" ...
        appl_version: "FIX.5.0SP2" ..., under FIXT.1.1; else as begin_string.
        sender_comp_id: ours.
        target_comp_id: the venue's.
        id_prefix: what the ClOrdIDs of this front end begin with: those of no other do.
        first_record: the oldest that can be asked for.
        next_record: the number the next one will have.
        begun_ns: when this process began. Another number is another process: it has to be told again what a Backend
            keeps in memory only: LogOn, Subscribe, WatchMessages.
    """

    session: str
    begin_string: str
    appl_version: str
    sender_comp_id: str
    target_comp_id: str
    id_prefix: str
    first_record: int
    next_record: int
    begun_ns: int = 0


class Login(Message, frozen=True, tag="login"):
    """A front end shows its API key: over a Unix socket of its own user, or TLS.

    Attributes:
        account: the key's.
        api_key: as `fixfast keys create` printed it.
        session: join this one, which the account has; empty: the account's session, which is begun when there is none;
            "none": no session, for ListSessions and StopSession alone.
    """

    account: str
    api_key: str
    session: str = ""

    def __repr__(self) -> str:
        return f"Login(account={self.account!r}, api_key='***', session={self.session!r})"


class Granted(Message, frozen=True, tag="granted"):
    """The Launcher's answer, when the Backend is up and knows the token.

    Attributes:
        session: its id.
        address: of the Backend: "unix:PATH" or "tls:HOST:PORT".
        token: for this front end alone, 32 bytes.
    """

    session: str
    address: str
    token: bytes

    def __repr__(self) -> str:
        return f"Granted(session={self.session!r}, address={self.address!r}, token='***')"
