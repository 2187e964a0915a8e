"""Orders, requests and reports as plain values, as a record of the log keeps them; and made again of these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from json.encoder import encode_basestring_ascii as _text
from typing import Any

from fixfast.trading.lifecycle import Effect, OrdStatus
from fixfast.trading.log import as_json, pack, plain, written
from fixfast.trading.order import Order
from fixfast.trading.report import Report
from fixfast.trading.request import OrderRequest, Rejection, Request
from fixfast.trading.trade import Trade
from fixfast.trading.update import Doubt

__all__ = [
    "exact_at",
    "order_values",
    "packed_order",
    "placed_values",
    "read_order",
    "read_placed",
    "read_report_values",
    "read_request",
    "read_trade",
    "request_values",
    "trade_values",
]

_PLACED = ("symbol", "side", "qty", "price", "ord_type", "time_in_force", "account", "stop_px", "extra")
_TEXTS = ("cl_ord_id", "orig_cl_ord_id", "order_id", "account", "symbol", "side", "ord_type", "time_in_force", "text")
_NUMBERS = ("qty", "price", "stop_px", "cum_qty", "leaves_qty", "notional", "missing_qty", "heard_qty")
#: where numbers are in a Report and in a Trade
_OF_REPORT = [Report._fields.index(name) for name in ("last_qty", "last_px", "cum_qty", "leaves_qty", "avg_px")]
_OF_TRADE = (6, 7)


def exact_at(values: Iterable[Any], places: Sequence[int]) -> list[Any]:
    """Return values as a list, those at some places as Decimals."""
    return [_number(value) if place in places else value for place, value in enumerate(values)]


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


# --- what was asked for -------------------------------------------------------------------------------------


def placed_values(request: OrderRequest) -> dict[str, Any]:
    """Return what the log keeps of an order that was asked for."""
    return {name: getattr(request, name) for name in _PLACED}


def packed_order(cl_ord_id: str, request: OrderRequest) -> bytes:
    """Return what the log has of an order about to be sent: pack() of "type", "id" and placed_values().

    PERF: the keys are written out, and texts go straight to what the encoder calls: 12,000 instructions, 51,000 by a
    dict and its encoder
    """
    price, stop_px, extra = request.price, request.stop_px, request.extra
    try:
        return (
            f'{{"type":"D","id":{_text(cl_ord_id)},"symbol":{_text(request.symbol)},"side":{_text(request.side)},'
            f'"qty":"{plain(request.qty)}","price":{_quoted(price)},"ord_type":{_text(request.ord_type)},'
            f'"time_in_force":{_text(request.time_in_force)},"account":{_text(request.account)},'
            f'"stop_px":{_quoted(stop_px)},"extra":{as_json(written(extra)) if extra else "[]"}}}'
        ).encode()
    except TypeError:  # a number where a text should be
        return pack({"type": "D", "id": cl_ord_id, **placed_values(request)})


def _quoted(number: Decimal | None) -> str:
    return "null" if number is None else f'"{plain(number)}"'


def read_placed(values: dict[str, Any]) -> OrderRequest:
    """Return the order that placed_values() was given."""
    return OrderRequest(**{name: values[name] for name in _PLACED})


def request_values(request: Request) -> dict[str, Any]:
    """Return what a request is."""
    names = ("msg_type", "cl_ord_id", "number", "seq", "state", "terms", "rejection", "before")
    return {name: getattr(request, name) for name in names}


def read_request(values: dict[str, Any]) -> Request:
    """Return the request that request_values() was given."""
    terms = {name: _number(value) for name, value in values["terms"].items()}
    request = Request(values["msg_type"], values["cl_ord_id"], values["number"], terms)
    request.seq, request.state = values["seq"], values["state"]
    request.rejection = None if values["rejection"] is None else Rejection(*values["rejection"])
    before = values["before"]
    request.before = None if before is None else (*before[:2], *map(_number, before[2:]))
    return request


# --- what came of it ----------------------------------------------------------------------------------------


def read_report_values(values: Sequence[Any]) -> Report:
    """Return the report of which these are the fields."""
    report = Report._make(exact_at(values, _OF_REPORT))
    return report._replace(effect=Effect(report.effect))


def trade_values(trade: Trade) -> list[Any]:
    """Return what a trade is."""
    return [getattr(trade, name) for name in Trade.__slots__]


def read_trade(values: Sequence[Any]) -> Trade:
    """Return the trade that trade_values() was given."""
    return Trade(*exact_at(values, _OF_TRADE))


def order_values(order: Order) -> dict[str, Any]:
    """Return all that is known of an order, but the updates that a front end keeps."""
    values = {name: getattr(order, name) for name in (*_TEXTS, *_NUMBERS)}
    return values | {
        "status": order.status.value,
        "trades": {key: trade_values(trade) for key, trade in order.trades.items()},
        "requests": [request_values(request) for request in order.requests.values()],
        "pending": list(order.pending),
        "rejected": order.rejected,
        "uncertain": order.uncertain,
        "flags": sorted(order.doubts()),
        "placed": order.request and placed_values(order.request) | {"extra": []},
        "extra": order.request.extra if order.request else (),
        "inquiry": order.inquiry and request_values(order.inquiry),
        "parked": order.parked or {},
        "corrections": order.corrections or {},
        "voided": sorted(order.voided or ()),
        "carried": None if order.carried is None else sorted(order.carried),
    }


def read_order(order: Order, values: dict[str, Any]) -> None:
    """Make an order what order_values() was given."""
    for name in _TEXTS:
        setattr(order, name, values[name])
    for name in _NUMBERS:
        setattr(order, name, _number(values[name]))
    order.status = OrdStatus(values["status"])
    order.trades = {key: read_trade(trade) for key, trade in values["trades"].items()}
    order.requests = {one["cl_ord_id"]: read_request(one) for one in values["requests"]}
    order.pending = {name: order.requests[name] for name in values["pending"]}
    order.rejected = None if values["rejected"] is None else Rejection(*values["rejected"])
    order.uncertain = values["uncertain"]
    if values["flags"]:
        order.flags = {Doubt(flag) for flag in values["flags"]}
    placed = values["placed"]
    order.request = None if placed is None else read_placed(placed | {"extra": values["extra"]})
    order.inquiry = None if values["inquiry"] is None else read_request(values["inquiry"])
    parked = {ref: [read_report_values(one) for one in waiting] for ref, waiting in values["parked"].items()}
    order.parked = parked or None
    order.corrections = values["corrections"] or None
    order.voided = set(values["voided"]) or None
    order.carried = None if values["carried"] is None else set(values["carried"])
