"""fixfast: FIX for Python, fast and exact.

    import fixfast as ff

Every public name is loaded on first use: `import fixfast` alone imports no compiled module and no dictionary.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fixfast._version import __version__

if TYPE_CHECKING:
    import fixfast.auth
    import fixfast.engine.sync as sync
    import fixfast.exchange
    import fixfast.testing  # noqa: F401
    from fixfast.codec.columns import decode_columns, index
    from fixfast.codec.encode import encode
    from fixfast.codec.encoders import encoder
    from fixfast.codec.frame import StreamDecoder
    from fixfast.codec.getter import getter
    from fixfast.codec.mapping import from_dict
    from fixfast.codec.message import Message
    from fixfast.codec.parse import parse
    from fixfast.codec.scan.kernels import kernel
    from fixfast.codec.tables import Coded, Columns, GarbledSpans, Index, ScaledArray
    from fixfast.codec.template import Template
    from fixfast.dictionary.load import load_dictionary
    from fixfast.dictionary.model import Dictionary
    from fixfast.dictionary.validation import Fault, InvalidMessage, Validation
    from fixfast.dictionary.versions import DictionarySet
    from fixfast.engine.acceptor import Server, serve
    from fixfast.engine.application import Application
    from fixfast.engine.authentication import Accept, LogonRequest, Refuse
    from fixfast.engine.cancelling import CancelDue, CancelOnDisconnect
    from fixfast.engine.connection import ConnectionConfig, Reconnect
    from fixfast.engine.control import control
    from fixfast.engine.initiator import connect
    from fixfast.engine.limits import Limits
    from fixfast.engine.live import LiveSession
    from fixfast.engine.observing.metrics import MetricsCollector
    from fixfast.engine.observing.metrics_server import MetricsServer, serve_metrics
    from fixfast.engine.observing.records import HideCompIDs, JsonFormatter
    from fixfast.engine.observing.wirelog import WireLog
    from fixfast.engine.running import run
    from fixfast.engine.settings.file import load_config
    from fixfast.engine.settings.remarks import ConfigFileError, ConfigRemark
    from fixfast.engine.settings.session import SessionSettings
    from fixfast.engine.settings.settings import Settings
    from fixfast.engine.throttle import RateLimit, Throttle
    from fixfast.engine.throttled import Released, Unsent
    from fixfast.errors import (
        AuthFailed,
        BusinessReject,
        ConcurrencyError,
        ConfigError,
        DictionaryError,
        EncodeError,
        EncodeTypeError,
        FieldFormatError,
        FieldMissing,
        FixfastError,
        GarbledMessage,
        GaveUp,
        LocalProtocolError,
        LogonFailed,
        MessageError,
        MissingExtra,
        NotActive,
        OrderEnded,
        OrderRejected,
        RemoteProtocolError,
        RequestRejected,
        RiskRejected,
        StoreCorrupt,
        StoreError,
        StoreLocked,
        SubscriptionRejected,
        Throttled,
        TradeConflict,
        WrongAuthState,
    )
    from fixfast.session.config import LogonContext, SessionConfig
    from fixfast.session.events import Alarm, Rejected
    from fixfast.session.gate import LogonGate
    from fixfast.session.schedule import Schedule
    from fixfast.session.session import Session
    from fixfast.session.state import CloseReason, State
    from fixfast.store.base import Store
    from fixfast.store.journal import JournalStore
    from fixfast.store.memory import MemoryStore
    from fixfast.store.orderlog import FileOrderLog
    from fixfast.store.secrets import blank_secrets, has_secrets
    from fixfast.store.sqlite import SqliteStore
    from fixfast.store.sqlitedb import SqliteDatabase
    from fixfast.trading.asking import MarketDataOptions
    from fixfast.trading.book import Book, BookChange, BookValue
    from fixfast.trading.bookconfig import BookConfig
    from fixfast.trading.bookview import Anomaly, BookEntry, BookStatus, BookTrade, BookView, Level
    from fixfast.trading.candles import Candle, Candles
    from fixfast.trading.feed import Feed
    from fixfast.trading.ids import ClOrdIDs
    from fixfast.trading.lifecycle import OrdStatus
    from fixfast.trading.log import MemoryOrderLog, OrderLog
    from fixfast.trading.market_data import Subscription, Subscriptions, SubscriptionState
    from fixfast.trading.order import Order
    from fixfast.trading.orders import OrderManager
    from fixfast.trading.positions import Position, Positions
    from fixfast.trading.request import OrderOptions, OrderRequest
    from fixfast.trading.risk import Exposure, RiskCheck, RiskLimits
    from fixfast.trading.trade import Trade
    from fixfast.trading.update import Doubt, OrderUpdate, Question, UpdateKind
    from fixfast.transport.proxy import ProxyConfig
    from fixfast.transport.tls import TlsConfig
    from fixfast.types import (
        Buffer,
        Garbled,
        GarbledReason,
        MonthYear,
        Now,
        Role,
        Scaled,
        SessionID,
        Side,
        Slot,
        Tenor,
    )

#: public name -> the module that defines it
_HOME = {
    name: module
    for module, names in {
        "fixfast.codec.columns": "decode_columns index",
        "fixfast.codec.encode": "encode",
        "fixfast.codec.encoders": "encoder",
        "fixfast.codec.frame": "StreamDecoder",
        "fixfast.codec.mapping": "from_dict",
        "fixfast.codec.getter": "getter",
        "fixfast.codec.message": "Message",
        "fixfast.codec.parse": "parse",
        "fixfast.codec.tables": "Coded Columns GarbledSpans Index ScaledArray",
        "fixfast.codec.scan.kernels": "kernel",
        "fixfast.codec.template": "Template",
        "fixfast.dictionary.load": "load_dictionary",
        "fixfast.dictionary.model": "Dictionary",
        "fixfast.dictionary.validation": "Fault InvalidMessage Validation",
        "fixfast.dictionary.versions": "DictionarySet",
        "fixfast.engine.acceptor": "Server serve",
        "fixfast.engine.application": "Application",
        "fixfast.engine.authentication": "Accept LogonRequest Refuse",
        "fixfast.engine.cancelling": "CancelDue CancelOnDisconnect",
        "fixfast.engine.settings.file": "load_config",
        "fixfast.engine.settings.remarks": "ConfigFileError ConfigRemark",
        "fixfast.engine.connection": "ConnectionConfig Reconnect",
        "fixfast.engine.control": "control",
        "fixfast.engine.initiator": "connect",
        "fixfast.engine.limits": "Limits",
        "fixfast.engine.running": "run",
        "fixfast.engine.live": "LiveSession",
        "fixfast.engine.observing.records": "HideCompIDs JsonFormatter",
        "fixfast.engine.observing.metrics": "MetricsCollector",
        "fixfast.engine.observing.metrics_server": "MetricsServer serve_metrics",
        "fixfast.engine.settings.session": "SessionSettings",
        "fixfast.engine.settings.settings": "Settings",
        "fixfast.engine.observing.wirelog": "WireLog",
        "fixfast.engine.throttle": "RateLimit Throttle",
        "fixfast.engine.throttled": "Released Unsent",
        "fixfast.errors": (
            "AuthFailed BusinessReject ConcurrencyError ConfigError DictionaryError EncodeError EncodeTypeError "
            "FieldFormatError FieldMissing FixfastError GarbledMessage GaveUp LocalProtocolError LogonFailed "
            "MessageError MissingExtra NotActive OrderEnded OrderRejected RemoteProtocolError RequestRejected "
            "RiskRejected StoreCorrupt StoreError StoreLocked SubscriptionRejected Throttled TradeConflict "
            "WrongAuthState"
        ),
        "fixfast.session.config": "LogonContext SessionConfig",
        "fixfast.session.events": "Alarm Rejected",
        "fixfast.session.gate": "LogonGate",
        "fixfast.session.schedule": "Schedule",
        "fixfast.session.session": "Session",
        "fixfast.session.state": "CloseReason State",
        "fixfast.store.base": "Store",
        "fixfast.store.journal": "JournalStore",
        "fixfast.store.memory": "MemoryStore",
        "fixfast.store.orderlog": "FileOrderLog",
        "fixfast.store.secrets": "blank_secrets has_secrets",
        "fixfast.store.sqlite": "SqliteStore",
        "fixfast.store.sqlitedb": "SqliteDatabase",
        "fixfast.trading.asking": "MarketDataOptions",
        "fixfast.trading.book": "Book BookChange BookValue",
        "fixfast.trading.bookconfig": "BookConfig",
        "fixfast.trading.bookview": "Anomaly BookEntry BookStatus BookTrade BookView Level",
        "fixfast.trading.ids": "ClOrdIDs",
        "fixfast.trading.lifecycle": "OrdStatus",
        "fixfast.trading.log": "MemoryOrderLog OrderLog",
        "fixfast.trading.candles": "Candle Candles",
        "fixfast.trading.feed": "Feed",
        "fixfast.trading.market_data": "Subscription SubscriptionState Subscriptions",
        "fixfast.trading.order": "Order",
        "fixfast.trading.orders": "OrderManager",
        "fixfast.trading.request": "OrderOptions OrderRequest",
        "fixfast.trading.positions": "Position Positions",
        "fixfast.trading.risk": "Exposure RiskCheck RiskLimits",
        "fixfast.trading.trade": "Trade",
        "fixfast.trading.update": "Doubt OrderUpdate Question UpdateKind",
        "fixfast.transport.proxy": "ProxyConfig",
        "fixfast.transport.tls": "TlsConfig",
        "fixfast.types": "Buffer Garbled GarbledReason MonthYear Now Role Scaled SessionID Side Slot Tenor",
    }.items()
    for name in names.split()
}

# Spelled out: type checkers take only a literal list as saying what is public.
__all__ = [
    "Accept",
    "Alarm",
    "Anomaly",
    "Application",
    "AuthFailed",
    "Book",
    "BookChange",
    "BookConfig",
    "BookEntry",
    "BookStatus",
    "BookTrade",
    "BookValue",
    "BookView",
    "Buffer",
    "BusinessReject",
    "CancelDue",
    "CancelOnDisconnect",
    "Candle",
    "Candles",
    "ClOrdIDs",
    "CloseReason",
    "Coded",
    "Columns",
    "ConcurrencyError",
    "ConfigError",
    "ConfigFileError",
    "ConfigRemark",
    "ConnectionConfig",
    "Dictionary",
    "DictionaryError",
    "DictionarySet",
    "Doubt",
    "EncodeError",
    "EncodeTypeError",
    "Exposure",
    "Fault",
    "Feed",
    "FieldFormatError",
    "FieldMissing",
    "FileOrderLog",
    "FixfastError",
    "Garbled",
    "GarbledMessage",
    "GarbledReason",
    "GarbledSpans",
    "GaveUp",
    "HideCompIDs",
    "Index",
    "InvalidMessage",
    "JournalStore",
    "JsonFormatter",
    "Level",
    "Limits",
    "LiveSession",
    "LocalProtocolError",
    "LogonContext",
    "LogonFailed",
    "LogonGate",
    "LogonRequest",
    "MarketDataOptions",
    "MemoryOrderLog",
    "MemoryStore",
    "Message",
    "MessageError",
    "MetricsCollector",
    "MetricsServer",
    "MissingExtra",
    "MonthYear",
    "NotActive",
    "Now",
    "OrdStatus",
    "Order",
    "OrderEnded",
    "OrderLog",
    "OrderManager",
    "OrderOptions",
    "OrderRejected",
    "OrderRequest",
    "OrderUpdate",
    "Position",
    "Positions",
    "ProxyConfig",
    "Question",
    "RateLimit",
    "Reconnect",
    "Refuse",
    "Rejected",
    "Released",
    "RemoteProtocolError",
    "RequestRejected",
    "RiskCheck",
    "RiskLimits",
    "RiskRejected",
    "Role",
    "Scaled",
    "ScaledArray",
    "Schedule",
    "Server",
    "Session",
    "SessionConfig",
    "SessionID",
    "SessionSettings",
    "Settings",
    "Side",
    "Slot",
    "SqliteDatabase",
    "SqliteStore",
    "State",
    "Store",
    "StoreCorrupt",
    "StoreError",
    "StoreLocked",
    "StreamDecoder",
    "Subscription",
    "SubscriptionRejected",
    "SubscriptionState",
    "Subscriptions",
    "Template",
    "Tenor",
    "Throttle",
    "Throttled",
    "TlsConfig",
    "Trade",
    "TradeConflict",
    "Unsent",
    "UpdateKind",
    "Validation",
    "WireLog",
    "WrongAuthState",
    "__version__",
    "auth",
    "blank_secrets",
    "connect",
    "control",
    "decode_columns",
    "encode",
    "encoder",
    "exchange",
    "from_dict",
    "getter",
    "has_secrets",
    "index",
    "kernel",
    "load_config",
    "load_dictionary",
    "parse",
    "run",
    "serve",
    "serve_metrics",
    "sync",
    "testing",
]


#: rooms that are public as they are: ff.testing.pair, ff.sync.connect
_ROOMS = {
    "auth": "fixfast.auth",
    "exchange": "fixfast.exchange",
    "sync": "fixfast.engine.sync",
    "testing": "fixfast.testing",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(_ROOMS[name])
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'fixfast' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_ROOMS})
