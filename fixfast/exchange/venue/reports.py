"""What an exchange tells its clients: values that are the same for all versions, and how each version writes them.

| what | FIX 4.2 | FIX 4.4 and 5.0 SP2 |
|---|---|---|
| a trade | 150=1 or 2, 20=0 | 150=F |
| a trade taken back | 20=1, 19 | 150=H, 19 |
| a trade corrected | 20=2, 19 | 150=G, 19 |
| an answer about the status | 20=3 | 150=I |
| reasons | those of 4.2, else 0 (102: 2) and Text(58) | their own codes |

AvgPx(6) is exact where the average is a price of the instrument's precision; else it is rounded, half to even, at the
eighth decimal.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple, Protocol, TypeAlias

from fixfast.exchange.venue.reasons import Reason
from fixfast.session.wire import Template
from fixfast.trading.exact import EXACT
from fixfast.types import Scaled, Slot

__all__ = [
    "AVG_PX_DIGITS",
    "CancelReject",
    "Execution",
    "MassCancelReport",
    "Notice",
    "Outgoing",
    "ReportWriter",
    "Sender",
    "average",
    "comp_id_of",
]

AVG_PX_DIGITS = 8
_new = tuple.__new__


class Execution(NamedTuple):
    """ExecutionReport (8). Prices and quantities are ints that count 10**-price_scale and 10**-qty_scale.

    `exec_type` and `ord_status` are those of FIX 4.4; `notional` is the sum of quantity times price of what is filled;
    `extra` are further fields, which FIX 4.2 does not get.
    """

    owner: str
    exec_id: str
    exec_type: str
    ord_status: str
    order_id: str
    cl_ord_id: str
    orig_cl_ord_id: str | None
    symbol: str
    side: str
    price_scale: int
    qty_scale: int
    qty: int | None
    ord_type: str | None
    price: int | None
    stop_px: int | None
    time_in_force: str | None
    leaves_qty: int
    cum_qty: int
    notional: int
    time_ns: int
    account: str | None = None
    last_qty: int | None = None
    last_px: int | None = None
    exec_ref_id: str | None = None
    reason: Reason | None = None
    restated: int | None = None
    text: str | None = None
    display: int | None = None
    aggressor: bool | None = None
    trade_id: str | None = None
    poss_resend: bool = False
    extra: tuple[tuple[int, Any], ...] = ()

    @property
    def avg_px(self) -> Decimal:
        """AvgPx(6), as it is written."""
        mantissa, exponent = average(self.notional, self.cum_qty, self.price_scale)
        return Decimal(mantissa).scaleb(exponent, EXACT)


class CancelReject(NamedTuple):
    """OrderCancelReject (9). `response_to` is CxlRejResponseTo(434): "1" a cancel, "2" a replace."""

    owner: str
    order_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    ord_status: str
    response_to: str
    reason: Reason
    text: str
    account: str | None
    time_ns: int


class MassCancelReport(NamedTuple):
    """OrderMassCancelReport (r). `affected` is how many orders were cancelled; `reason`: it was refused."""

    owner: str
    report_id: str
    cl_ord_id: str
    kind: str
    symbol: str | None
    side: str | None
    affected: int
    reason: Reason | None
    time_ns: int


class Notice(NamedTuple):
    """Any other message, as it goes out."""

    owner: str
    msg_type: str
    fields: tuple[tuple[int, Any], ...]


Outgoing: TypeAlias = Execution | CancelReject | MassCancelReport | Notice


class Sender(Protocol):
    """What a writer needs of a session."""

    def send_nowait(self, msg_type: str, fields: Any) -> int: ...
    def send_template(self, template: Template, *values: Any) -> int: ...
    def template(self, msg_type: str, fields: Any) -> Template: ...


def average(notional: int, qty: int, price_scale: int) -> Scaled:
    """Return an average price. Args: notional: sum of quantity times price, in the units of `qty` and the price."""
    if not qty:
        return Scaled(0, 0)
    whole, rest = divmod(notional, qty)
    if not rest:
        return _new(Scaled, (whole, -price_scale))
    mantissa, rest = divmod(notional * 10 ** (AVG_PX_DIGITS - price_scale), qty)
    if 2 * rest > qty or (2 * rest == qty and mantissa % 2):
        mantissa += 1
    return Scaled(mantissa, -AVG_PX_DIGITS)


def _slots(version: str, price: int, qty: int) -> list[Slot]:
    """Return the fields of an ExecutionReport, in the order of _VALUES. Not all of them are in each."""
    px, n = f"scaled:{price}", f"scaled:{qty}"
    begin = [Slot(97, "bool"), Slot(37), Slot(11), Slot(41), Slot(17)]
    end = [
        Slot(150), Slot(39), Slot(103, "int"), Slot(378, "int"), Slot(1), Slot(55), Slot(54), Slot(38, n), Slot(40),
        Slot(44, px), Slot(99, px), Slot(59), Slot(32, n), Slot(31, px), Slot(151, n), Slot(14, n), Slot(6, "decimal"),
        Slot(60, "time"), Slot(58),
    ]  # fmt: skip
    if version == "FIX.4.2":
        return [*begin, Slot(20), Slot(19), *end, Slot(111, n)]
    if version == "FIX.4.4":
        return [*begin, Slot(19), *end, Slot(111, n), Slot(851, "int")]
    return [*begin, Slot(19), *end, Slot(1138, n), Slot(851, "int"), Slot(1057, "bool"), Slot(880)]


#: ExecTransType(20) and the ExecTypes that FIX 4.2 says otherwise
_TRANS_TYPES = {"H": "1", "G": "2", "I": "3"}


# PERF: all fields of a report at once, three times over: one by one, their names take longer than the encoding (1.9 us
# of 4.1 for each report).


def _values_42(r: Execution) -> tuple[Any, ...]:
    (
        _, exec_id, exec_type, status, order_id, cl_ord_id, orig, symbol, side, scale, _, qty, ord_type, price, stop_px,
        tif, leaves, cum, notional, time_ns, account, last_qty, last_px, ref, reason, restated, text, display, _, _,
        again, _,
    ) = r  # fmt: skip
    shown = exec_type
    if exec_type == "F":
        shown = "1" if leaves else "2"
    elif exec_type in _TRANS_TYPES:
        shown = status
    return (
        again or None, order_id, cl_ord_id, orig, exec_id, _TRANS_TYPES.get(exec_type, "0"), ref, shown, status,
        None if reason is None else reason.fix42, restated if restated is None or restated < 6 else None,
        account, symbol, side, qty, ord_type, price, stop_px, tif, last_qty, last_px, leaves, cum,
        average(notional, cum, scale) if cum else 0, time_ns, text, display,
    )  # fmt: skip


def _values_44(r: Execution) -> tuple[Any, ...]:
    (
        _, exec_id, exec_type, status, order_id, cl_ord_id, orig, symbol, side, scale, _, qty, ord_type, price, stop_px,
        tif, leaves, cum, notional, time_ns, account, last_qty, last_px, ref, reason, restated, text, display, took, _,
        again, _,
    ) = r  # fmt: skip
    return (
        again or None, order_id, cl_ord_id, orig, exec_id, ref, exec_type, status,
        None if reason is None else reason.fix44, restated if restated is None or restated < 11 else None,
        account, symbol, side, qty, ord_type, price, stop_px, tif, last_qty, last_px, leaves, cum,
        average(notional, cum, scale) if cum else 0, time_ns, text, display, _LIQUIDITY[took],
    )  # fmt: skip


def _values_50(r: Execution) -> tuple[Any, ...]:
    (
        _, exec_id, exec_type, status, order_id, cl_ord_id, orig, symbol, side, scale, _, qty, ord_type, price, stop_px,
        tif, leaves, cum, notional, time_ns, account, last_qty, last_px, ref, reason, restated, text, display, took,
        trade_id, again, _,
    ) = r  # fmt: skip
    return (
        again or None, order_id, cl_ord_id, orig, exec_id, ref, exec_type, status,
        None if reason is None else reason.fix50, restated,
        account, symbol, side, qty, ord_type, price, stop_px, tif, last_qty, last_px, leaves, cum,
        average(notional, cum, scale) if cum else 0, time_ns, text, display, _LIQUIDITY[took], took, trade_id,
    )  # fmt: skip


#: LastLiquidityInd(851): 1 added liquidity, 2 removed it
_LIQUIDITY = {None: None, False: 1, True: 2}

_VALUES: dict[str, Callable[[Execution], tuple[Any, ...]]] = {
    "FIX.4.2": _values_42,
    "FIX.4.4": _values_44,
    "FIXT.1.1": _values_50,
}


class ReportWriter:
    """Writes reports to one session, in its version.

    Args:
        session: where they go.
        version: its BeginString.
    """

    def __init__(self, session: Sender, version: str) -> None:
        self._session = session
        self._version = version
        self._values = _VALUES[version]
        self._templates: dict[tuple[int, int], Template] = {}

    def send(self, report: Outgoing, poss_resend: bool = False, copy: bool = False) -> int:
        """Send one report.

        Args:
            poss_resend: with PossResend(97)=Y: it may have been sent before.
            copy: a drop copy: with OnBehalfOfCompID(115), the owner, and CopyMsgIndicator(797) where there is one.

        Returns: its MsgSeqNum. Raises: as LiveSession.send_nowait().
        """
        if isinstance(report, Execution):
            if not (copy or poss_resend or report.extra):
                scales = report.price_scale, report.qty_scale
                template = self._templates.get(scales)
                if template is None:
                    template = self._session.template("8", _slots(self._version, *scales))
                    self._templates[scales] = template
                return self._session.send_template(template, *self._values(report))
            fields = self._fields(report._replace(poss_resend=poss_resend or report.poss_resend))
            if report.extra and self._version != "FIX.4.2":
                fields += report.extra
            if copy and self._version != "FIX.4.2":
                fields.append((797, True))
        else:
            fields = self._other_fields(report)
            if poss_resend:
                fields.insert(0, (97, True))
        if copy:
            fields.insert(0, (115, comp_id_of(report.owner)))
        return self._session.send_nowait(msg_type_of(report), fields)

    def _fields(self, report: Execution) -> list[tuple[int, Any]]:
        slots = _slots(self._version, report.price_scale, report.qty_scale)
        fields: list[tuple[int, Any]] = []
        for slot, value in zip(slots, self._values(report), strict=True):
            if value is not None:
                kind = str(slot.kind)
                number = Scaled(value, -int(kind[7:])) if kind.startswith("scaled:") else value
                fields.append((int(slot.tag), number))
        return fields

    def _other_fields(self, report: CancelReject | MassCancelReport | Notice) -> list[tuple[int, Any]]:
        if isinstance(report, Notice):
            return list(report.fields)
        pairs: list[tuple[int, Any]]
        if isinstance(report, CancelReject):
            pairs = [
                (37, report.order_id), (11, report.cl_ord_id), (41, report.orig_cl_ord_id or "NONE"),
                (39, report.ord_status), (1, report.account), (60, report.time_ns), (434, report.response_to),
                (102, self._code(report.reason)), (58, report.text),
            ]  # fmt: skip
        else:
            refused = report.reason
            pairs = [
                (11, report.cl_ord_id), (37, report.report_id), (530, report.kind),
                (531, report.kind if refused is None else "0"),
                (532, None if refused is None else self._code(refused)),
                (533, report.affected if refused is None else None),
                (55, report.symbol), (54, report.side), (60, report.time_ns),
                (58, None if refused is None else refused.text),
            ]  # fmt: skip
            if self._version == "FIXT.1.1":
                pairs.insert(1, (1369, report.report_id))
        return [pair for pair in pairs if pair[1] is not None]

    def _code(self, reason: Reason) -> int:
        return {"FIX.4.2": reason.fix42, "FIX.4.4": reason.fix44}.get(self._version, reason.fix50)


def msg_type_of(report: Outgoing) -> str:
    """Return the MsgType(35) of a report."""
    if isinstance(report, Notice):
        return report.msg_type
    return "8" if isinstance(report, Execution) else "9" if isinstance(report, CancelReject) else "r"


def comp_id_of(owner: str) -> str:
    """Return the CompID of an owner, which is "VERSION:COMPID", or a name where it is no session."""
    return owner.partition(":")[2] or owner
