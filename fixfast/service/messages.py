"""Every message of the IPC: commands, answers and events as values. docs/ipc.md has their schema, made from here.

Exact numbers (prices, quantities, money) are text, as FIX has them. Times are wall ns (since 1970, UTC). A map's key
`type` says which message it is; keys that are not known are passed over, so that a newer side may say more.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from fixfast.service.frames import FrameError

__all__ = [
    "VERSION",
    "AskStatus",
    "BookNow",
    "Cancel",
    "CancelAll",
    "CaughtUp",
    "Challenge",
    "Command",
    "Done",
    "Event",
    "Failed",
    "Fault",
    "Grant",
    "Granted",
    "Greeting",
    "Hello",
    "Level",
    "ListSessions",
    "LogOff",
    "LogOn",
    "Login",
    "MassCancel",
    "OrderNow",
    "Ping",
    "Pong",
    "PositionNow",
    "Printed",
    "Proof",
    "Ready",
    "Record",
    "Refused",
    "Replace",
    "Reset",
    "Resume",
    "Revoke",
    "SessionInfo",
    "SessionStatus",
    "Sessions",
    "StatusNow",
    "Stop",
    "StopSession",
    "Submit",
    "Subscribe",
    "TradeNow",
    "Unsubscribe",
    "WatchMessages",
    "Welcome",
    "WireMessage",
    "decode",
    "encode",
]  # fmt: skip

#: of this protocol; stands in the first frame of both sides
VERSION = 1


class Message(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """A message of the IPC."""


# --- the first frames of a connection: who is there, shown without showing the secret ------------------------------


class Hello(Message, frozen=True, tag="hello"):
    """The first frame of who connects.

    Attributes: version: of this protocol. role: "front_end" (a token's holder), "backend" (of a Launcher) or
        "login" (a
        front end that has an API key and no token yet: a Login follows). name: which secret: the first 16
        hexadecimal digits of its
        SHA-256; empty for "login". nonce: 32 random bytes.
    """

    version: int
    role: str
    name: str
    nonce: bytes


class Challenge(Message, frozen=True, tag="challenge"):
    """The answer:

    proof = HMAC-SHA256(secret, "fixfast ipc" 0 "listener" 0 nonce of Hello, nonce). Empty for role "login".
    """

    version: int
    nonce: bytes
    proof: bytes


class Proof(Message, frozen=True, tag="proof"):
    """What who connects answers:

    the same with "connector" instead of "listener". Welcome or Granted or Refused follows.
    """

    proof: bytes


class Refused(Message, frozen=True, tag="refused"):
    """No, and the connection ends.

    Attributes: code: "version", "credentials", "busy", "limit", "timeout", "unavailable". text: for people; says
        nothing that helps to
        guess. retry_after: seconds, 0: now or never.
    """

    code: str
    text: str
    retry_after: int = 0


class Welcome(Message, frozen=True, tag="welcome"):
    """A Backend takes a front end.

    Attributes: session: its id. begin_string, appl_version: "FIX.4.2"; "FIXT.1.1" and "FIX.5.0SP2". sender_comp_id,
        target_comp_id.
        id_prefix: what this front end's ClOrdIDs begin with: no other's do. first_record: the oldest that can be
        asked for. next_record:
        the number the next one will have.
    """

    session: str
    begin_string: str
    appl_version: str
    sender_comp_id: str
    target_comp_id: str
    id_prefix: str
    first_record: int
    next_record: int


# --- front end and Launcher ----------------------------------------------------------------------------------------


class Login(Message, frozen=True, tag="login"):
    """A front end shows its API key (over a Unix socket of its own user, or TLS).

    Attributes: account: the key's. api_key: as `fixfast keys create` printed it. session: join this one, which this
        account
        has; empty: the account's session, which is begun when there is none.
    """

    account: str
    api_key: str
    session: str = ""

    def __repr__(self) -> str:
        return f"Login(account={self.account!r}, api_key='***', session={self.session!r})"


class Granted(Message, frozen=True, tag="granted"):
    """The Launcher's answer when the Backend is up and knows the token.

    Attributes: address: of the Backend: "unix:PATH" or "tls:HOST:PORT". token: for this front end alone, 32 bytes.
    """

    session: str
    address: str
    token: bytes

    def __repr__(self) -> str:
        return f"Granted(session={self.session!r}, address={self.address!r}, token='***')"


class ListSessions(Message, frozen=True, tag="list_sessions"):
    """After Granted's connection was made by an admin key: all sessions; else the account's. Answered by Sessions."""

    id: int


class StopSession(Message, frozen=True, tag="stop_session"):
    """End a session's Backend. `orders`: "leave" or "cancel"."""

    id: int
    session: str
    orders: str = "leave"


class SessionInfo(msgspec.Struct, frozen=True):
    """One session of a Launcher. state: "starting", "running", "restarting", "stopping", "failed"."""

    session: str
    account: str
    state: str
    pid: int
    started_ns: int
    restarts: int
    front_ends: int
    text: str = ""


class Sessions(Message, frozen=True, tag="sessions"):
    """The answer to ListSessions."""

    id: int
    sessions: list[SessionInfo]


# --- Launcher and Backend ------------------------------------------------------------------------------------------


class Ready(Message, frozen=True, tag="ready"):
    """A Backend listens. address: as in Granted."""

    pid: int
    address: str


class Grant(Message, frozen=True, tag="grant"):
    """Let the holder of this token in. `prefix`: what its ClOrdIDs begin with. Answered by Done."""

    id: int
    token: bytes
    prefix: str

    def __repr__(self) -> str:
        return f"Grant(id={self.id}, token='***', prefix={self.prefix!r})"


class Revoke(Message, frozen=True, tag="revoke"):
    """Let it in no more, and end its connections. name: as in Hello."""

    id: int
    name: str


class Stop(Message, frozen=True, tag="stop"):
    """Finish: orders "leave" or "cancel", then Logout, then end."""

    id: int
    orders: str = "leave"


class SessionStatus(Message, frozen=True, tag="session_status"):
    """What a Backend tells its Launcher now and then: it lives. state: the FIX session's."""

    state: str
    front_ends: int
    open_orders: int


# --- commands of a front end to a Backend; each is answered by Done or Failed with its id --------------------------


class Resume(Message, frozen=True, tag="resume"):
    """Send what happened from a record on, and then all that happens.

    Attributes: from_record: its number, 1 for all. as_values: True: OrderNow, TradeNow, PositionNow; False: Record,
        for a replica
        (fixfast.trading.replica) that makes the same orders of them.
    """

    id: int
    from_record: int = 1
    as_values: bool = False


class LogOn(Message, frozen=True, tag="log_on"):
    """Have the Backend log on, and stay logged on.

    Attributes: user_id: the SenderCompID; empty: as configured. first_seq_num: MsgSeqNum to begin with, 0: where it
        was. heart_bt_int:
        seconds, 0: as configured. username, password: Username(553), Password(554) of the Logon; kept in memory
        only, for reconnecting.
    """

    id: int
    user_id: str = ""
    first_seq_num: int = 0
    heart_bt_int: int = 0
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"LogOn(id={self.id}, user_id={self.user_id!r}, first_seq_num={self.first_seq_num}, password='***')"


class LogOff(Message, frozen=True, tag="log_off"):
    """Log out, and stay so until LogOn."""

    id: int
    text: str = ""


class Submit(Message, frozen=True, tag="submit"):
    """A new order. Sent again with the same ClOrdID and terms, it is answered and not sent again: the way to be
    sure after a break.

    Attributes: as fixfast.OrderRequest; extra: more [tag, text] pairs.
    """

    id: int
    cl_ord_id: str
    symbol: str
    side: str
    qty: str
    price: str | None = None
    ord_type: str = ""
    time_in_force: str = "0"
    account: str = ""
    stop_px: str | None = None
    extra: list[tuple[int, str]] = []


class Cancel(Message, frozen=True, tag="cancel"):
    """Ask for a cancellation. cl_ord_id: of this request (11). order: any ClOrdID of the order's chain."""

    id: int
    cl_ord_id: str
    order: str


class Replace(Message, frozen=True, tag="replace"):
    """Ask for other terms; None: as it is."""

    id: int
    cl_ord_id: str
    order: str
    qty: str | None = None
    price: str | None = None
    stop_px: str | None = None


class CancelAll(Message, frozen=True, tag="cancel_all"):
    """Cancel all open orders, or those in one symbol, one by one."""

    id: int
    symbol: str = ""


class MassCancel(Message, frozen=True, tag="mass_cancel"):
    """One OrderMassCancelRequest(q); Failed with "unsupported" before FIX 4.3."""

    id: int
    symbol: str = ""
    side: str = ""


class AskStatus(Message, frozen=True, tag="ask_status"):
    """Ask for an order's status (H)."""

    id: int
    order: str


class Subscribe(Message, frozen=True, tag="subscribe"):
    """Send this symbol's book whenever it changes
    (BookNow; the latest only, where the front end is slower) and its trades (Printed).
    """

    id: int
    symbol: str
    depth: int = 10
    trades: bool = True


class Unsubscribe(Message, frozen=True, tag="unsubscribe"):
    """No more of it."""

    id: int
    symbol: str


class WatchMessages(Message, frozen=True, tag="watch_messages"):
    """Send FIX messages as they come and go (WireMessage), secrets masked; or no more."""

    id: int
    on: bool = True


class Ping(Message, frozen=True, tag="ping"):
    """Both sides may ask whether the other is there; Pong with the same id is the answer."""

    id: int


class Pong(Message, frozen=True, tag="pong"):
    """It is."""

    id: int


# --- answers -------------------------------------------------------------------------------------------------------


class Done(Message, frozen=True, tag="done"):
    """A command was carried out:

    what is to be sent is sent. record: the number of the last record it made, 0: none.
    """

    id: int
    record: int = 0


class Failed(Message, frozen=True, tag="failed"):
    """It was not, and nothing has changed.

    Attributes: code: "invalid" (a field), "unknown" (no such order, symbol ...), "refused" (a risk check),
        "not_active" (no
        FIX session), "throttled", "unsupported", "duplicate" (a ClOrdID with other terms), "internal". field:
        which, where there is one.
    """

    id: int
    code: str
    text: str
    field: str = ""


# --- events of a Backend -------------------------------------------------------------------------------------------


class Record(Message, frozen=True, tag="record"):
    """Record `n` of the order log (fixfast.trading.log): kind, when, content."""

    n: int
    kind: str
    wall_ns: int
    data: bytes


class Reset(Message, frozen=True, tag="reset"):
    """What was asked for is not there any more:

    forget all; records from `first` on follow, and give the whole state.
    """

    first: int


class CaughtUp(Message, frozen=True, tag="caught_up"):
    """All that there was has been sent; from here on it is as it happens. n: the next record's number."""

    n: int


class OrderNow(Message, frozen=True, tag="order"):
    """An order after record `n`. status: OrdStatus(39). what: fixfast.UpdateKind."""

    n: int
    what: str
    cl_ord_id: str
    orig_cl_ord_id: str
    order_id: str
    account: str
    symbol: str
    side: str
    ord_type: str
    time_in_force: str
    qty: str
    price: str | None
    stop_px: str | None
    status: str
    cum_qty: str
    leaves_qty: str
    avg_px: str
    uncertain: bool
    pending: list[str]
    text: str
    wall_ns: int


class TradeNow(Message, frozen=True, tag="trade"):
    """A trade was made, corrected or busted (what: "trade", "correct", "bust") by record `n`."""

    n: int
    what: str
    exec_id: str
    cl_ord_id: str
    order_id: str
    account: str
    symbol: str
    side: str
    qty: str
    px: str
    transact_time_ns: int | None


class PositionNow(Message, frozen=True, tag="position"):
    """A position after record `n`; qty below 0 is short. mark, unrealised: None without a mark."""

    n: int
    account: str
    symbol: str
    qty: str
    avg_px: str
    realised: str
    mark: str | None = None
    unrealised: str | None = None


class StatusNow(Message, frozen=True, tag="status"):
    """The FIX session, at once and whenever it changes.

    state: as fixfast.State. reason: of the last end, in words.
    """

    state: str
    reason: str
    sender_comp_id: str
    target_comp_id: str
    next_in: int
    next_out: int
    since_ns: int
    wanted: bool


class Level(msgspec.Struct, frozen=True, array_like=True):
    """One price of a book: [price, quantity, number of orders (0: not told)]."""

    px: str
    qty: str
    orders: int = 0


class BookNow(Message, frozen=True, tag="book"):
    """A symbol's book as it is, best first. status: as fixfast.BookStatus."""

    symbol: str
    status: str
    bids: list[Level]
    offers: list[Level]
    wall_ns: int
    text: str = ""


class Printed(Message, frozen=True, tag="print"):
    """A trade of the market."""

    symbol: str
    px: str
    qty: str
    wall_ns: int
    side: str = ""


class WireMessage(Message, frozen=True, tag="message"):
    """A FIX message:

    direction "in" or "out"; `text`: tag=value with | between, secrets masked. missed: how many were left out before
    it.
    """

    direction: str
    wall_ns: int
    text: str
    missed: int = 0


class Fault(Message, frozen=True, tag="fault"):
    """Something a person should look at: a question of the order manager, a failed component."""

    what: str
    text: str
    cl_ord_id: str = ""


Greeting: TypeAlias = Hello | Challenge | Proof | Refused | Welcome | Login | Granted
Command: TypeAlias = (
    Resume | LogOn | LogOff | Submit | Cancel | Replace | CancelAll | MassCancel | AskStatus | Subscribe | Unsubscribe
    | WatchMessages | Ping | Pong | ListSessions | StopSession | Grant | Revoke | Stop
)  # fmt: skip
Event: TypeAlias = (
    Done | Failed | Record | Reset | CaughtUp | OrderNow | TradeNow | PositionNow | StatusNow | BookNow | Printed
    | WireMessage | Fault | Sessions | Ready | SessionStatus
)  # fmt: skip

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Greeting | Command | Event)


def encode(message: Message) -> bytes:
    """Return a message as MessagePack: the content of a frame."""
    return _encoder.encode(message)


def decode(content: bytes) -> Message:
    """Return the message in a frame. Raises: FrameError: it is none; the text names what is wrong, never a value."""
    try:
        return _decoder.decode(content)
    except msgspec.ValidationError as error:
        raise FrameError(f"a message that is none: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise FrameError(f"a frame of {len(content):,} bytes that is no MessagePack") from None
