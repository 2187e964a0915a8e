"""What a simulated exchange is: instruments, accounts, sessions, hours, faults. From TOML, or as frozen dataclasses.

Prices and quantities are exact: texts ("0.01"), whole numbers or Decimals; no floats. Durations are seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fixfast.engine.settings.nodes import read_toml
from fixfast.engine.settings.read import Reader
from fixfast.engine.settings.remarks import ConfigFileError, ConfigRemark
from fixfast.errors import ConfigError
from fixfast.exchange.accounts.config import AccountsConfig
from fixfast.exchange.agents.config import AgentsConfig
from fixfast.exchange.faults import FaultConfig
from fixfast.exchange.market_data.limits import MarketDataLimits
from fixfast.exchange.matching.instrument import BandAction, Prevention
from fixfast.exchange.matching.outcome import Phase
from fixfast.trading.exact import EXACT

__all__ = [
    "DEFAULT_INSTRUMENTS",
    "SCALE",
    "AccountConfig",
    "ExchangeConfig",
    "InstrumentConfig",
    "ParticipantConfig",
    "PhaseAt",
    "Version",
    "load_exchange_config",
    "scaled",
    "seconds_of",
]

#: Quantities and prices of requests and reports are ints that count 10**-8.
SCALE = 8
#: Prices and quantities of one order, in those units, must fit a 64-bit integer with room for sums.
_LARGEST = 10**17
_MAX_BYTES = 1 << 20

Version: TypeAlias = Literal["FIX.4.2", "FIX.4.4", "FIXT.1.1"]
PhaseName: TypeAlias = Literal["pre-open", "opening auction", "continuous", "closing auction", "halted", "closed"]
_PHASES = tuple(phase.value for phase in Phase)
_PREVENTIONS = tuple(mode.value for mode in Prevention)
_VERSIONS = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")


def scaled(name: str, value: object, *, above: int | None = None) -> int:
    """Return a number in units of 10**-8.

    Raises: ConfigError: it is no exact number, has more than eight decimals, or is not above `above`.
    """
    allowed = 'a number as text ("0.01") or a whole number, with at most eight decimals'
    if isinstance(value, (float, bool)) or not isinstance(value, (str, int, Decimal)):
        raise ConfigError(name, value, allowed)
    try:
        number = Decimal(value).scaleb(SCALE, EXACT)
    except InvalidOperation:
        raise ConfigError(name, value, allowed) from None
    if not number.is_finite() or number.copy_abs() > _LARGEST or number != int(number):
        raise ConfigError(name, value, allowed)
    if above is not None and number <= above:
        raise ConfigError(name, value, f"{allowed}, above {above}")
    return int(number)


def seconds_of(at: object) -> int | None:
    """Return the seconds since midnight of a time of day, "09:30" or "09:30:00"; None: it is none."""
    parts = at.split(":") if isinstance(at, str) else []
    if len(parts) not in (2, 3) or not all(len(part) == 2 and part.isdecimal() for part in parts):
        return None
    hours, minutes, seconds = (*map(int, parts), 0)[:3]
    return hours * 3600 + minutes * 60 + seconds if hours < 24 and minutes < 60 and seconds < 60 else None


def _scaled_or_none(name: str, value: object) -> None:
    if value is not None:
        scaled(name, value, above=0)


def _names(name: str, values: Iterable[str]) -> tuple[str, ...]:
    values = tuple(values)
    for one in values:
        if not isinstance(one, str) or not one or not one.isprintable():
            raise ConfigError(name, one, "a name: text with at least one character, all printable")
    return values


@dataclass(frozen=True, slots=True)
class InstrumentConfig:
    """One instrument that is traded.

    Args:
        symbol: Symbol(55).
        tick: the smallest step of its price.
        lot: the smallest step of a quantity.
        min_qty: the smallest quantity of an order; None: the lot.
        max_qty: the largest quantity of an order; None: no limit but the account's.
        currency: Currency(15).
        security_type: SecurityType(167): CS (shares), FOR (foreign exchange), FUT ...
        reference: a price to begin with: auctions lean to it, the band is around it.
        band: so far from the reference price trades may be; None: any. The reference becomes the last trade's price
            when continuous trading begins and when the market closes.
        band_action: what would trade outside of the band is refused, or trading halts before it.
        self_trade: what happens where orders of one owner would trade with each other: they do; or the new one, the
            resting one or both are cancelled; or both are made smaller by what they would have traded.
        negative_prices: prices may be 0 and below.
        suspend_on_halt: its orders are suspended while trading is halted; None: as the exchange says.
    """

    symbol: str
    _: KW_ONLY
    tick: Decimal | str | int = "0.01"
    lot: Decimal | str | int = 1
    min_qty: Decimal | str | int | None = None
    max_qty: Decimal | str | int | None = None
    currency: str = "USD"
    security_type: str = "CS"
    reference: Decimal | str | int | None = None
    band: Decimal | str | int | None = None
    band_action: Literal["refuse", "halt"] = "refuse"
    self_trade: Literal["none", "cancel newest", "cancel oldest", "cancel both", "decrement"] = "cancel newest"
    negative_prices: bool = False
    suspend_on_halt: bool | None = None

    def __post_init__(self) -> None:
        _names("symbol", [self.symbol])
        _names("currency", [self.currency])
        scaled("tick", self.tick, above=0)
        lot = scaled("lot", self.lot, above=0)
        for name in ("min_qty", "max_qty"):
            value = getattr(self, name)
            if value is not None and scaled(name, value, above=0) % lot:
                raise ConfigError(name, value, f"a multiple of the lot, {self.lot}")
        tick = scaled("tick", self.tick)
        for name in ("reference", "band"):
            value = getattr(self, name)
            if value is not None and scaled(name, value) % tick:
                raise ConfigError(name, value, f"a multiple of the tick, {self.tick}")
        for name, allowed in (("band_action", tuple(BandAction)), ("self_trade", _PREVENTIONS)):
            if getattr(self, name) not in allowed:
                raise ConfigError(name, getattr(self, name), " or ".join(f'"{one}"' for one in allowed))


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """An account, and what it may do. Where an owner has accounts, its orders must name one of them.

    Args:
        name: Account(1).
        owner: the SenderCompID of its owner.
        max_order_qty: the largest quantity of one order; None: no limit.
        max_order_notional: the largest quantity times price of one order; None: no limit.
        max_open_orders: how many orders may be open at one time; None: no limit.
    """

    name: str
    owner: str
    _: KW_ONLY
    max_order_qty: Decimal | str | int | None = None
    max_order_notional: Decimal | str | int | None = None
    max_open_orders: int | None = None

    def __post_init__(self) -> None:
        _names("name", [self.name])
        _names("owner", [self.owner])
        _scaled_or_none("max_order_qty", self.max_order_qty)
        _scaled_or_none("max_order_notional", self.max_order_notional)
        if self.max_open_orders is not None and (type(self.max_open_orders) is not int or self.max_open_orders < 1):
            raise ConfigError("max_open_orders", self.max_open_orders, "a whole number from 1, or None")


@dataclass(frozen=True, slots=True)
class ParticipantConfig:
    """One who may log on.

    Args:
        comp_id: its SenderCompID.
        password: Password(554) of its Logon; None: none is asked for.
        versions: BeginStrings it may use; empty: all that the exchange has.
        cancel_on_disconnect: its orders are cancelled when its session ends; None: as the exchange says.
        drop_copy_of: SenderCompIDs whose ExecutionReports it gets copies of; "*" stands for all. Its own
            orders are refused. With `versions`, copies are kept from the beginning, else from its first logon on.
    """

    comp_id: str
    _: KW_ONLY
    password: str | None = None
    versions: tuple[Version, ...] = ()
    cancel_on_disconnect: bool | None = None
    drop_copy_of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _names("comp_id", [self.comp_id])
        _names("drop_copy_of", self.drop_copy_of)
        _versions(self.versions)

    def __repr__(self) -> str:
        shown = "None" if self.password is None else "'***'"
        return f"ParticipantConfig({self.comp_id!r}, password={shown}, versions={self.versions!r})"


@dataclass(frozen=True, slots=True)
class PhaseAt:
    """A change of the trading phase at a time of day, each day.

    Args:
        at: "09:30" or "09:30:00", local time of the exchange.
        phase: "pre-open" and the auctions gather orders, "continuous" trades, "halted" and "closed" take cancels only.
        symbols: which instruments; empty: all.
    """

    at: str
    phase: PhaseName
    symbols: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.seconds is None:
            raise ConfigError("at", self.at, 'a time of day such as "09:30" or "09:30:00"')
        if self.phase not in _PHASES:
            raise ConfigError("phase", self.phase, ", ".join(_PHASES))

    @property
    def seconds(self) -> int | None:
        """Seconds since midnight, None where `at` is no time of day."""
        return seconds_of(self.at)


#: What is traded where no configuration says otherwise.
DEFAULT_INSTRUMENTS = (
    InstrumentConfig("AAPL", tick="0.01", reference="230.00"),
    InstrumentConfig("MSFT", tick="0.01", reference="420.00"),
    InstrumentConfig("EUR/USD", tick="0.00001", lot=1000, currency="USD", security_type="FOR", reference="1.10000"),
    InstrumentConfig("USD/JPY", tick="0.001", lot=1000, currency="JPY", security_type="FOR", reference="150.000"),
    InstrumentConfig("BTC/USD", tick="0.1", lot="0.0001", currency="USD", security_type="FOR", reference="60000.0"),
)


def _versions(versions: Iterable[str]) -> None:
    for one in versions:
        if one not in _VERSIONS:
            raise ConfigError("versions", one, "FIX.4.2, FIX.4.4 or FIXT.1.1 (which carries FIX 5.0 SP2)")


@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """A simulated exchange. Without any option: five instruments, anybody may log on, 127.0.0.1.

    Args:
        comp_id: the exchange's CompID, the TargetCompID of its clients.
        host: the address it listens on.
        port: the TCP port, one for all versions; 0: any free one.
        versions: BeginStrings it takes. FIXT.1.1 carries FIX 5.0 SP2.
        open: anybody may log on; False: only `participants`. With `registration` these and who is registered.
        seed: of everything that is drawn by lot.
        instruments: what is traded.
        accounts: who may trade for which account, and how much.
        participants: those who log on with more than a name, or who get copies.
        phases: daily changes of the trading phase; empty: continuous trading, always.
        timezone: the time zone of `phases`.
        validation: "reject": messages that are wrong by the dictionary are answered with Reject(3), as venues do.
            "observe": they are taken as far as they can be understood.
        pending_replies: cancels and replaces are answered with Pending Cancel and Pending Replace reports first.
        pending_time: seconds a cancel or replace stays pending; 0: it is decided on at once.
        replace_below_filled: a replace to a quantity below what is filled is rejected, or makes the order filled.
        earlier_orig: a cancel or replace that names an earlier ClOrdID of its order, because it crossed with the report
            of a replace, is taken; or rejected, as strict venues do.
        cancel_on_disconnect: orders of a session are cancelled when it ends.
        done_for_day: orders that outlive the close are told so (Done for Day), and restated when the next day begins.
        suspend_on_halt: open orders are told that they are Suspended when trading halts, and restated when it goes on;
            else they just wait.
        calculated: orders that are filled are told so (Calculated) when the day ends.
        restate_good_till: good-till orders are restated when a new day begins.
        day_ends: a time of day, "17:00": what is good for the day expires, and a new day begins; None: only by command.
        remember_closed: so many of the newest orders that have ended are remembered during the day, about: of older
            ones only the ClOrdIDs are (they cannot be asked for, busted or reinstated any more); None: all.
        stale_after: orders with a TransactTime(60) so many seconds old are rejected as stale; None: never.
        order_id_prefix: begins OrderIDs, ExecIDs and trade ids.
        journal: a directory that keeps the exchange's state and its sessions; None: memory only.
        sync: of the journals: "lease" survives a killed process; "group" a power loss, too.
        snapshot_every: commands after which the journal begins anew with a snapshot.
        faults: what goes wrong on purpose.
        market_data: what one session may have of market data.
        agents: who makes a market; None: nobody but the clients trades.
        registration: clients register themselves, over HTTP, and log on with a password; None: there is no such thing.
    """

    comp_id: str = "EXCHANGE"
    _: KW_ONLY
    host: str = "127.0.0.1"
    port: int = 9878
    versions: tuple[Version, ...] = _VERSIONS  # type: ignore[assignment]
    open: bool = True
    seed: int = 1
    instruments: tuple[InstrumentConfig, ...] = DEFAULT_INSTRUMENTS
    accounts: tuple[AccountConfig, ...] = ()
    participants: tuple[ParticipantConfig, ...] = ()
    phases: tuple[PhaseAt, ...] = ()
    timezone: str = "UTC"
    validation: Literal["reject", "observe"] = "reject"
    pending_replies: bool = False
    pending_time: float = 0.0
    replace_below_filled: Literal["reject", "fill"] = "reject"
    earlier_orig: Literal["take", "reject"] = "take"
    cancel_on_disconnect: bool = False
    done_for_day: bool = False
    suspend_on_halt: bool = False
    calculated: bool = False
    restate_good_till: bool = True
    day_ends: str | None = None
    remember_closed: int | None = 100_000
    stale_after: float | None = None
    order_id_prefix: str = ""
    journal: Path | None = None
    sync: Literal["lease", "group"] = "lease"
    snapshot_every: int = 100_000
    faults: FaultConfig = field(default_factory=FaultConfig)
    market_data: MarketDataLimits = field(default_factory=MarketDataLimits)
    agents: AgentsConfig | None = None
    registration: AccountsConfig | None = None

    def __post_init__(self) -> None:
        _names("comp_id", [self.comp_id])
        if type(self.port) is not int or not 0 <= self.port < 65536:
            raise ConfigError("port", self.port, "a TCP port, 0 to 65535")
        _versions(self.versions)
        if not self.versions:
            raise ConfigError("versions", self.versions, "at least one")
        if not self.instruments:
            raise ConfigError("instruments", self.instruments, "at least one")
        _unique("instruments", (one.symbol for one in self.instruments))
        _unique("accounts", (one.name for one in self.accounts))
        _unique("participants", (one.comp_id for one in self.participants))
        known = {one.symbol for one in self.instruments}
        traded = () if self.agents is None else self.agents.symbols
        for name, symbols in (*(("phases", phase.symbols) for phase in self.phases), ("agents", traded)):
            for symbol in symbols:
                if symbol not in known:
                    raise ConfigError(name, symbol, f"an instrument: {', '.join(sorted(known))}")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigError("timezone", self.timezone, 'a time zone such as "Europe/London"') from None
        for name in ("pending_time", "stale_after"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not 0 <= value < 86_400):
                raise ConfigError(name, value, "seconds, from 0 to a day")
        if self.day_ends is not None and seconds_of(self.day_ends) is None:
            raise ConfigError("day_ends", self.day_ends, 'a time of day such as "17:00" or "17:00:00", or None')
        kept = self.remember_closed
        if kept is not None and (type(kept) is not int or kept < 0):
            raise ConfigError("remember_closed", kept, "a whole number from 0, or None")
        if type(self.snapshot_every) is not int or self.snapshot_every < 1:
            raise ConfigError("snapshot_every", self.snapshot_every, "a whole number from 1")
        for name, allowed in (
            ("validation", ("reject", "observe")),
            ("replace_below_filled", ("reject", "fill")),
            ("sync", ("lease", "group")),
        ):
            if getattr(self, name) not in allowed:
                raise ConfigError(name, getattr(self, name), " or ".join(f'"{one}"' for one in allowed))

    def participant(self, comp_id: str) -> ParticipantConfig | None:
        """Return what is said of a CompID, None where nothing is."""
        return next((one for one in self.participants if one.comp_id == comp_id), None)


def _unique(name: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ConfigError(name, value, "each name once")
        seen.add(value)


def load_exchange_config(
    path: str | os.PathLike[str], *, environ: Mapping[str, str] | None = None, **replaced: Any
) -> ExchangeConfig:
    """Read an exchange's configuration: a TOML file whose keys are the fields of ExchangeConfig.

    Args:
        path: the file. Paths in it are relative to its folder.
        environ: the variables for `${NAME}` and `{ env = "NAME" }`; None: those of the process.
        replaced: fields that take another value than the file's.

    Raises: ConfigFileError: all that is wrong, each with file, line, key and the way out. ConfigError: of `replaced`.
    """
    name = os.fspath(path)
    try:
        data = Path(name).read_bytes()[:_MAX_BYTES]
    except OSError as error:
        raise ConfigFileError([ConfigRemark("error", name, 0, "", error.strerror or str(error))]) from None
    root = read_toml(data, name)
    if isinstance(root, ConfigRemark):
        raise ConfigFileError([root])
    folder = Path(os.path.abspath(name)).parent
    reader = Reader(folder, os.environ if environ is None else environ)
    made = reader.build(ExchangeConfig, root, "")
    if made is None:
        raise ConfigFileError(sorted(reader.remarks, key=lambda remark: remark.line))
    if made.registration is not None:
        made = replace(made, registration=made.registration.inside(folder))
    if not replaced:
        return made
    return ExchangeConfig(**{one.name: getattr(made, one.name) for one in fields(made) if one.init} | replaced)
