"""Every message of the IPC: commands, answers and events as values. docs/ipc.md has their schema, made from here.

Exact numbers (prices, quantities, money) are text, as FIX has them. Times are wall ns (since 1970, UTC). A map's key
`type` says which message it is; keys that are not known are passed over, so that a newer side may say more.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from fixfast.service.frames import FrameError
from fixfast.service.messages.base import VERSION, Message
from fixfast.service.messages.commands import (
    AskStatus,
    Cancel,
    CancelAll,
    LogOff,
    LogOn,
    MassCancel,
    Ping,
    Pong,
    Replace,
    Resume,
    Submit,
    Subscribe,
    Unsubscribe,
    UserRequest,
    WatchMessages,
)
from fixfast.service.messages.events import (
    BookNow,
    CaughtUp,
    Done,
    Failed,
    Fault,
    Level,
    OrderNow,
    PositionNow,
    Printed,
    Record,
    Reset,
    StatusNow,
    TradeNow,
    UserAnswer,
    WireMessage,
)
from fixfast.service.messages.greeting import Challenge, Granted, Hello, Login, Proof, Refused, Welcome
from fixfast.service.messages.launching import (
    Grant,
    ListSessions,
    Ready,
    Revoke,
    SessionInfo,
    Sessions,
    SessionStatus,
    Stop,
    StopSession,
)

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
    "Message",
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
    "UserAnswer",
    "UserRequest",
    "WatchMessages",
    "Welcome",
    "WireMessage",
    "decode",
    "encode",
]

Greeting: TypeAlias = Hello | Challenge | Proof | Refused | Welcome | Login | Granted
Command: TypeAlias = (
    Resume | LogOn | LogOff | UserRequest | Submit | Cancel | Replace | CancelAll | MassCancel | AskStatus | Subscribe
    | Unsubscribe | WatchMessages | Ping | Pong | ListSessions | StopSession | Grant | Revoke | Stop
)  # fmt: skip
Event: TypeAlias = (
    Done | Failed | UserAnswer | Record | Reset | CaughtUp | OrderNow | TradeNow | PositionNow | StatusNow | BookNow
    | Printed | WireMessage | Fault | Sessions | Ready | SessionStatus
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
        raise FrameError(f"a message that is none: {str(error)[:200]}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise FrameError(f"a frame of {len(content):,} bytes that is no MessagePack") from None
