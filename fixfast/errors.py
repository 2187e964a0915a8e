"""The exception tree of fixfast.

    FixfastError
    +-- MessageError                  one message, or one value in it, is the trouble
    |   +-- GarbledMessage            (ValueError) parse() was not given one whole, well-formed message
    |   +-- InvalidMessage            (ValueError) its dictionary says it is wrong (fixfast.dictionary.validation)
    |   +-- FieldMissing              (KeyError)   the message has no such tag
    |   +-- FieldFormatError          (ValueError) the value is not of the type asked for
    |   +-- EncodeError               (ValueError) a value cannot be written as FIX
    |       +-- EncodeTypeError       (TypeError)  ... because of its Python type (float, list ...)
    +-- LocalProtocolError            you called a session wrongly
    |   +-- NotActive                 send() while not logged on
    |   +-- Throttled                 send() faster than the session's Throttle allows; says when to try again
    |   +-- ConcurrencyError          a second consumer of one event stream, a second owner
    |   +-- RiskRejected              an order that a risk limit does not let out; names limit, value, what is allowed
    |   +-- WrongAuthState            a login was asked for something that its state does not allow; says why
    +-- RemoteProtocolError           the peer broke the protocol
    |   +-- LogonFailed               no session came of a connection; says why
    |   +-- GaveUp                    reconnecting ended for good; says why
    |   +-- AuthFailed                no account, no login or no new password came of it; says why
    |   +-- TradeConflict             two different trades under one ExecID
    |   +-- SubscriptionRejected      the venue refused a market data request; says why
    +-- OrderEnded                    an order ended before what was waited for came true; says how
    |   +-- OrderRejected             ... it was refused; says why
    +-- RequestRejected               a cancel or replace was refused; says by what, and why
    +-- BusinessReject                raised BY an application to answer with BusinessMessageReject (j)
    +-- DictionaryError               (ValueError) a dictionary file is wrong: names file, line, element
    +-- ConfigError                   (ValueError) an option is wrong: names it, the value and what is allowed
    |   +-- ConfigFileError           ... in a configuration file: all that is wrong (fixfast.engine.settings.remarks)
    +-- StoreError                    a message store failed
    |   +-- StoreCorrupt              damage below the last synced byte: names file and offset
    |   +-- StoreLocked               another process owns the store
    +-- MissingExtra                  (ImportError) an optional dependency is not installed: names the extra

Exceptions carry data, not only text. Any other exception that leaves fixfast is a bug of fixfast.
"""

from __future__ import annotations

__all__ = [
    "AuthFailed",
    "BusinessReject",
    "ConcurrencyError",
    "ConfigError",
    "DictionaryError",
    "EncodeError",
    "EncodeTypeError",
    "FieldFormatError",
    "FieldMissing",
    "FixfastError",
    "GarbledMessage",
    "GaveUp",
    "LocalProtocolError",
    "LogonFailed",
    "MessageError",
    "MissingExtra",
    "NotActive",
    "OrderEnded",
    "OrderRejected",
    "RemoteProtocolError",
    "RequestRejected",
    "RiskRejected",
    "StoreCorrupt",
    "StoreError",
    "StoreLocked",
    "SubscriptionRejected",
    "Throttled",
    "TradeConflict",
    "WrongAuthState",
]


class FixfastError(Exception):
    """Base of every exception that fixfast raises on purpose."""


# --- messages ---------------------------------------------------------------------------------------------


class MessageError(FixfastError):
    """One message, or one value in it, is the trouble."""


class GarbledMessage(MessageError, ValueError):
    """The bytes are not one whole, well-formed FIX message.

    `reason` is a `fixfast.GarbledReason`, `offset` counts from the first byte given to parse().
    """

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"garbled message: {reason} at byte {offset}")
        self.reason = reason
        self.offset = offset

    def __reduce__(self) -> tuple[type, tuple[str, int]]:
        return type(self), (self.reason, self.offset)


class FieldMissing(MessageError, KeyError):
    """The message has no field with this tag."""

    def __init__(self, tag: int) -> None:
        super().__init__(tag)
        self.tag = tag

    def __str__(self) -> str:
        return f"no field with tag {self.tag} in this message"


class FieldFormatError(MessageError, ValueError):
    """A value is not of the type it was read as. The value itself is kept out of the text: it may be a secret."""

    def __init__(self, tag: int, kind: str, value: bytes = b"", detail: str = "") -> None:
        super().__init__(f"tag {tag}: not a valid {kind}" + (f" ({detail})" if detail else ""))
        self.tag = tag
        self.kind = kind
        self.value = value
        self.detail = detail

    def __reduce__(self) -> tuple[type, tuple[int, str, bytes, str]]:
        return type(self), (self.tag, self.kind, self.value, self.detail)


class EncodeError(MessageError, ValueError):
    """A field cannot be written. `tag` is the field's tag (0 when the message as a whole is meant)."""

    def __init__(self, tag: int, detail: str) -> None:
        super().__init__(f"tag {tag}: {detail}" if tag else detail)
        self.tag = tag
        self.detail = detail

    def __reduce__(self) -> tuple[type, tuple[int, str]]:
        return type(self), (self.tag, self.detail)


class EncodeTypeError(EncodeError, TypeError):
    """A field has a Python type that FIX has no exact form for (float above all)."""


# --- sessions ---------------------------------------------------------------------------------------------


class LocalProtocolError(FixfastError):
    """The session was called in a way its state does not allow."""


class NotActive(LocalProtocolError):
    """send() on a session that is not logged on. `state` names where it is."""

    def __init__(self, state: str) -> None:
        super().__init__(f"session is {state}, not ACTIVE: nothing was sent and no number was used")
        self.state = state

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (self.state,)


class Throttled(LocalProtocolError):
    """Sending would be faster than the session's Throttle allows: nothing was sent, and no number was used.

    `retry_after_ns`: in how many ns it may work, if nothing else is sent or waits by then.
    """

    def __init__(self, retry_after_ns: int) -> None:
        super().__init__(f"throttled: nothing was sent and no number was used; again in {retry_after_ns / 1e6:.3f} ms")
        self.retry_after_ns = retry_after_ns

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return type(self), (self.retry_after_ns,)


class ConcurrencyError(LocalProtocolError):
    """Two consumers of one event stream, or two owners of one session."""


class RiskRejected(LocalProtocolError):
    """An order that a limit does not let out: nothing was sent.

    `limit` is the name of the option of RiskLimits, `value` what the order would have made of it, `allowed` what may
    be, both exact numbers or texts; `detail` says more, for people.
    """

    def __init__(self, limit: str, value: object, allowed: object, detail: str = "") -> None:
        super().__init__(f"{limit}: {value} is not allowed, {allowed} is" + (f" ({detail})" if detail else ""))
        self.limit = limit
        self.value = value
        self.allowed = allowed
        self.detail = detail

    def __reduce__(self) -> tuple[type, tuple[str, object, object, str]]:
        return type(self), (self.limit, self.value, self.allowed, self.detail)


class WrongAuthState(LocalProtocolError):
    """A call of an AuthCoordinator that its state does not allow: nothing was done.

    `call` is what was called, `state` where the login stands, `why` what is in the way.
    """

    def __init__(self, call: str, state: str, why: str) -> None:
        super().__init__(f"{call} while {state}: {why}")
        self.call = call
        self.state = state
        self.why = why

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.call, self.state, self.why)


class RemoteProtocolError(FixfastError):
    """The peer broke the protocol."""


class TradeConflict(RemoteProtocolError):
    """Two different trades under one ExecID(17), `exec_id`: one of them would be lost. `detail` tells both."""

    def __init__(self, exec_id: str, detail: str) -> None:
        super().__init__(f"ExecID {exec_id!r} stands for two trades: {detail}")
        self.exec_id = exec_id
        self.detail = detail

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.exec_id, self.detail)


class SubscriptionRejected(RemoteProtocolError):
    """A MarketDataRequest was refused by MarketDataRequestReject (35=Y), or by a Reject (3, j).

    `req_id` is its MDReqID(262), `symbols` those it asked for, `reason` MDReqRejReason(281) as on the wire (None where
    there is none), `text` Text(58).
    """

    def __init__(self, req_id: str, symbols: tuple[str, ...], reason: str | None, meaning: str, text: str = "") -> None:
        said = f": {text.translate(_ESCAPED)}" if text else ""
        super().__init__(f"no market data for {', '.join(symbols)}: {meaning}{said}")
        self.req_id = req_id
        self.symbols = symbols
        self.reason = reason
        self.meaning = meaning
        self.text = text

    def __reduce__(self) -> tuple[type, tuple[str, tuple[str, ...], str | None, str, str]]:
        return type(self), (self.req_id, self.symbols, self.reason, self.meaning, self.text)


#: For str.translate: control bytes, and bytes that are no UTF-8
_ESCAPED = {
    **{code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))},
    **{0xDC00 + code: f"\\x{code:02x}" for code in range(0x80, 0x100)},
}


class LogonFailed(RemoteProtocolError):
    """No session came of this connection.

    `reason` is a short machine-readable word, `text` the peer's Text(58) as it came, `status` its SessionStatus(1409).
    Where it never got so far (connect, connect_timeout, proxy, tls, or the peer hung up), `text` says what is known.
    A peer that answered our Logon with a Reject: `reject_reason` is its SessionRejectReason(373) (or
    BusinessRejectReason, 380), `ref_tag` its RefTagID(371). Each is None where there was none.
    """

    def __init__(
        self,
        reason: str,
        text: str = "",
        status: int | None = None,
        reject_reason: int | None = None,
        ref_tag: int | None = None,
    ) -> None:
        parts = [f"logon failed: {reason}"]
        if text:
            parts.append(text.translate(_ESCAPED))  # C9: it is the peer's, and goes into logs
        if status is not None:
            parts.append(f"SessionStatus {status}")
        if reject_reason is not None:
            parts.append(f"rejected with reason {reject_reason}")
        if ref_tag is not None:
            parts.append(f"because of tag {ref_tag}")
        super().__init__("; ".join(parts))
        self.reason = reason
        self.text = text
        self.status = status
        self.reject_reason = reject_reason
        self.ref_tag = ref_tag

    def __reduce__(self) -> tuple[type, tuple[str, str, int | None, int | None, int | None]]:
        return type(self), (self.reason, self.text, self.status, self.reject_reason, self.ref_tag)


class GaveUp(RemoteProtocolError):
    """Reconnecting ended for good after `attempts` tries. The last failure is the `__cause__`."""

    def __init__(self, reason: str, attempts: int = 0) -> None:
        super().__init__(f"gave up after {attempts} attempts: {reason}")
        self.reason = reason
        self.attempts = attempts

    def __reduce__(self) -> tuple[type, tuple[str, int]]:
        return type(self), (self.reason, self.attempts)


class AuthFailed(RemoteProtocolError):
    """No account, no login or no new password came of what was asked for. `str()` is a sentence to show to a person.

    Attributes:
        reason: an `AuthReason`, which is also a text for programs, such as "wrong_password".
        text: what the other side said.
        fields: (name, what is wrong with it) of what was entered.
        retry_after: seconds after which the other side may be asked again; None where it does not say.
    """

    def __init__(
        self,
        message: str,
        reason: str,
        text: str = "",
        fields: tuple[tuple[str, str], ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.text = text
        self.fields = fields
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type, tuple[str, str, str, tuple[tuple[str, str], ...], float | None]]:
        return type(self), (str(self), self.reason, self.text, self.fields, self.retry_after)


class OrderEnded(FixfastError):
    """An order ended before what was waited for came true: it was cancelled, it expired, it is done for the day ...

    Attributes:
        cl_ord_id: its ClOrdID(11).
        status: OrdStatus(39).
        reason: OrdRejReason(103), or what else was given as a code; None where there was none.
        text: Text(58).
    """

    def __init__(self, cl_ord_id: str, status: str, reason: str | None = None, text: str = "") -> None:
        name = getattr(status, "name", status).replace("_", " ").lower()
        why = "".join((f", reason {reason}" if reason else "", f": {text}" if text else ""))
        super().__init__(f"order {cl_ord_id} is {name}{why}")
        self.cl_ord_id = cl_ord_id
        self.status = status
        self.reason = reason
        self.text = text

    def __reduce__(self) -> tuple[type, tuple[str, str, str | None, str]]:
        return type(self), (self.cl_ord_id, self.status, self.reason, self.text)


class OrderRejected(OrderEnded):
    """An order was refused: by the broker, by a Reject(3) or BusinessMessageReject(j), or it never left us."""


class RequestRejected(FixfastError):
    """A cancel or replace was refused; the order is as it was.

    Attributes:
        by: MsgType of what refused it: "9", "8", "3", "j"; "" where it never left us.
        reason: CxlRejReason(102), or 103, 373, 380; None where none was given.
        text: Text(58).
    """

    def __init__(self, by: str, reason: str | None = None, text: str = "") -> None:
        what = f"refused by 35={by}" if by else "not sent"
        super().__init__("".join((what, f", reason {reason}" if reason else "", f": {text}" if text else "")))
        self.by = by
        self.reason = reason
        self.text = text

    def __reduce__(self) -> tuple[type, tuple[str, str | None, str]]:
        return type(self), (self.by, self.reason, self.text)


class BusinessReject(FixfastError):
    """Raise it in `on_message` to answer with BusinessMessageReject (35=j).

    Args: reason: BusinessRejectReason(380). text: Text(58). ref_id: BusinessRejectRefID(379), empty to leave out.
    """

    def __init__(self, reason: int, text: str = "", ref_id: str = "") -> None:
        super().__init__(f"business reject {reason}" + (f": {text}" if text else ""))
        self.reason = reason
        self.text = text
        self.ref_id = ref_id

    def __reduce__(self) -> tuple[type, tuple[int, str, str]]:
        return type(self), (self.reason, self.text, self.ref_id)


# --- files, options, stores -------------------------------------------------------------------------------


class DictionaryError(FixfastError, ValueError):
    """A dictionary cannot be used. `file`, `line` and `element` say where (line 0: the file as a whole)."""

    def __init__(self, detail: str, file: str = "", line: int = 0, element: str = "") -> None:
        where = file + (f":{line}" if line else "")
        if element:
            where += f" <{element}>"
        super().__init__(f"{where}: {detail}" if where else detail)
        self.detail = detail
        self.file = file
        self.line = line
        self.element = element

    def __reduce__(self) -> tuple[type, tuple[str, str, int, str]]:
        return type(self), (self.detail, self.file, self.line, self.element)


class ConfigError(FixfastError, ValueError):
    """An option has a value it cannot have. Secrets are not echoed: the caller passes a masked value."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"{name}={value!r} is not allowed: {allowed}")
        self.name = name
        self.value = value
        self.allowed = allowed

    def __reduce__(self) -> tuple[type, tuple[str, object, str]]:
        return type(self), (self.name, self.value, self.allowed)


class StoreError(FixfastError):
    """A message store failed; the session must not use another number."""


class StoreCorrupt(StoreError):
    """A store file is damaged where it was known to be whole. Nothing was changed on disk.

    `offset` is where in the file, or -1 where that cannot be said (SQLite keeps pages, not a log).
    """

    def __init__(self, path: str, offset: int, detail: str) -> None:
        super().__init__(f"{path}: damaged{'' if offset < 0 else f' at byte {offset}'}: {detail}")
        self.path = path
        self.offset = offset
        self.detail = detail

    def __reduce__(self) -> tuple[type, tuple[str, int, str]]:
        return type(self), (self.path, self.offset, self.detail)


class StoreLocked(StoreError):
    """Another process has this store open."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is in use by another process: one session, one owner")
        self.path = path

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (self.path,)


class MissingExtra(FixfastError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, feature: str) -> None:
        super().__init__(f"{feature} needs an extra: pip install 'fixfast[{extra}]'")
        self.extra = extra
        self.feature = feature

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.extra, self.feature)
