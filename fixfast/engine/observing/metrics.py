"""The numbers of sessions for Prometheus and whatever reads OpenMetrics: read when asked for, nothing before.

A scrape calls stats() of every session, in a thread of its own. On the path of a message nothing is added.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from fixfast._version import __version__
from fixfast.engine.observing.label import hashed
from fixfast.engine.observing.latency import Latency
from fixfast.errors import ConfigError, MissingExtra
from fixfast.session.state import State
from fixfast.session.stats import SessionStats
from fixfast.types import SessionID

if TYPE_CHECKING:
    from prometheus_client import Metric

__all__ = ["MetricsCollector", "Observed", "client"]

_log = logging.getLogger("fixfast.engine")

_LABELS = ("begin_string", "sender_comp_id", "target_comp_id", "qualifier")
#: label values of the sessions that are not told apart any more
_OTHERS = ("", "(others)", "(others)", "")
#: A longer CompID is cut and ends in a hash: it may be a stranger's.
_LONGEST = 80
_TRIES = 10

#: (name, unit, attribute of SessionStats, help)
_COUNTERS = (
    ("messages_received", "", "messages_in", "Messages delivered to the application"),
    ("received_bytes", "bytes", "bytes_in", "Bytes received"),
    ("messages_sent", "", "messages_out", "Messages sent, session messages and resent ones included"),
    ("sent_bytes", "bytes", "bytes_out", "Bytes sent"),
    ("messages_resent", "", "resent", "Messages sent again on request of the peer"),
    ("duplicates_received", "", "duplicates", "Messages with PossDupFlag that were here already"),
    ("garbled_received", "", "garbled", "Stretches of bytes that were no FIX message"),
    ("faults_received", "", "faults", "Messages delivered although the dictionary finds a fault in them"),
    ("rejects_received", "", "rejects_in", "Reject and BusinessMessageReject messages of the peer"),
    ("rejects_sent", "", "rejects_sent", "Messages of the peer that the session rejected"),
    ("gaps", "", "gaps", "Gaps in the sequence numbers of the peer"),
    ("messages_dropped", "", "dropped", "Messages behind a gap dropped for want of room, and asked for again"),
    ("messages_throttled", "", "throttled", "Messages refused or delayed by a Throttle"),
    ("logons", "", "logons", "How often the session was logged on"),
)
_GAUGES = (
    ("next_sender_msg_seq_num", "", "next_out", "MsgSeqNum of the next message sent"),
    ("next_target_msg_seq_num", "", "next_in", "MsgSeqNum of the next message expected"),
    ("queued_messages", "", "queued", "Outbound messages that wait behind a replay or a Logon"),
    ("queued_bytes", "bytes", "queued_bytes", "Outbound bytes that the transport has not taken"),
    ("held_messages", "", "held", "Inbound messages that wait behind a gap"),
    ("backlog_messages", "", "backlog", "Messages that wait for the program"),
    ("throttle_waiting_messages", "", "waiting", "Messages that wait because of a Throttle"),
)
_TIMES = (
    ("last_received_timestamp_seconds", "last_in_ns", "When the last message came, seconds since 1970"),
    ("last_sent_timestamp_seconds", "last_out_ns", "When the last message was sent, seconds since 1970"),
)
#: upper ends of the buckets of latencies, ns: 1 and 3 in every decade from 1 us to 10 s
_BOUNDS = [m * 10**e for e in range(3, 10) for m in (1, 3)] + [10**10]
#: Seconds between two metrics in which a scrape lets go of the interpreter.
# PERF: with one session scraped without pause, the event loop was late by 1.8 ms at p99 in place of 5.2.
_PAUSE = 0.0001


class Observed(Protocol):
    """What a collector reads of a session; those of connect(), serve() and fixfast.sync have it."""

    @property
    def id(self) -> SessionID: ...
    @property
    def latency(self) -> Latency | None: ...
    @property
    def store_error(self) -> BaseException | None: ...
    def stats(self) -> SessionStats: ...


def client() -> Any:
    """Return the module prometheus_client.

    Raises: MissingExtra: it is not installed.
    """
    try:
        import prometheus_client
        import prometheus_client.core
    except ImportError:
        raise MissingExtra("metrics", "metrics for Prometheus") from None
    return prometheus_client


class _Row:
    """One series of everything: a session, or what is left of many."""

    __slots__ = ("connected", "labels", "latency", "state", "stats", "store_failed")

    def __init__(self, labels: tuple[str, ...], session: Observed) -> None:
        self.labels = labels
        stats = session.stats()
        self.state: State | None = stats.state
        self.connected = int(stats.state.active)
        self.store_failed = int(session.store_error is not None)
        names = (name for _, _, name, _ in _COUNTERS + _GAUGES)
        self.stats: dict[str, float] = {name: getattr(stats, name) for name in names}
        self.stats |= {name: getattr(stats, name) / 1e9 for _, name, _ in _TIMES}
        self.latency = session.latency

    def add(self, other: _Row) -> None:
        """Take in what another session has."""
        self.connected += other.connected
        self.store_failed += other.store_failed
        times = {name for _, name, _ in _TIMES}
        for name, value in other.stats.items():
            self.stats[name] = max(self.stats[name], value) if name in times else self.stats[name] + value
        if other.latency is not None:
            merged = Latency()
            for one in (self.latency, other.latency):
                if one is not None:
                    merged.merge(one)
            self.latency = merged


class MetricsCollector:
    """A collector of prometheus_client, for a registry of yours: `REGISTRY.register(ff.MetricsCollector(server))`.

    Args:
        source: whose numbers: a Server (its sessions come and go), a session, several in a list or mapping, or a
            function that returns some, which is called in the thread that scrapes.
        secret_comp_ids: hashes instead of the CompIDs, as in a WireLog: some venues use API keys there.
        max_sessions: so many are told apart by labels; those that were added later are one, named "(others)", whose
            gauges and counters are sums.

    Raises:
        MissingExtra: prometheus-client is not installed.
        ConfigError: an argument is of the wrong kind.
    """

    def __init__(self, source: object, *, secret_comp_ids: bool = False, max_sessions: int = 1000) -> None:
        client()
        if type(max_sessions) is not int or max_sessions < 1:
            raise ConfigError("max_sessions", max_sessions, "a whole number of at least 1")
        self._sessions = _sessions_of(source)
        self._secret = bool(secret_comp_ids)
        self._most = max_sessions

    def describe(self) -> Iterator[Metric]:
        """Yield the metrics without values, by which a registry knows that no name is taken twice."""
        return self._families([])

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of all sessions as they are now."""
        for family in self._families(self._rows()):
            time.sleep(_PAUSE)
            yield family

    def _rows(self) -> list[_Row]:
        sessions: dict[tuple[str, ...], Observed] = {}
        for session in _steady(self._sessions):
            sessions[self._labels(session.id)] = session  # of two with one identity, the later one
        rows = []
        others: _Row | None = None
        for n, (labels, session) in enumerate(sessions.items()):
            if n < self._most:
                rows.append(_Row(labels, session))
            elif others is None:
                others = _Row(_OTHERS, session)
                others.state = None
                rows.append(others)
            else:
                others.add(_Row(_OTHERS, session))
        return rows

    def _labels(self, identity: SessionID) -> tuple[str, ...]:
        ids = (identity.sender_comp_id, identity.target_comp_id, identity.qualifier)
        return (_text(identity.begin_string), *(hashed(i) if self._secret and i else _text(i) for i in ids))

    def _families(self, rows: list[_Row]) -> Iterator[Metric]:
        core = client().core
        build = core.InfoMetricFamily("fixfast_build", "The version of fixfast")
        build.add_metric((), {"version": __version__})
        yield build
        for name, unit, attribute, text in _COUNTERS:
            counter = core.CounterMetricFamily(f"fixfast_{name}", text, labels=_LABELS, unit=unit)
            for row in rows:
                counter.add_metric(row.labels, row.stats[attribute])
            yield counter
        for name, unit, attribute, text in _GAUGES:
            gauge = core.GaugeMetricFamily(f"fixfast_{name}", text, labels=_LABELS, unit=unit)
            for row in rows:
                gauge.add_metric(row.labels, row.stats[attribute])
            yield gauge
        for name, attribute, text in _TIMES:
            gauge = core.GaugeMetricFamily(f"fixfast_{name}", text, labels=_LABELS, unit="seconds")
            for row in rows:
                if row.stats[attribute]:
                    gauge.add_metric(row.labels, row.stats[attribute])
            yield gauge
        yield from self._states(core, rows)
        yield self._latencies(core, rows)

    def _states(self, core: Any, rows: list[_Row]) -> Iterator[Metric]:
        active = core.GaugeMetricFamily("fixfast_session_active", "1: logged on", labels=_LABELS)
        failed = core.GaugeMetricFamily("fixfast_session_store_failed", "1: the store failed", labels=_LABELS)
        state = core.StateSetMetricFamily("fixfast_session_state", "The state of the session", labels=_LABELS)
        for row in rows:
            active.add_metric(row.labels, row.connected)
            failed.add_metric(row.labels, row.store_failed)
            if row.state is not None:
                state.add_metric(row.labels, {one.value: one is row.state for one in State})
        yield active
        yield failed
        yield state

    def _latencies(self, core: Any, rows: list[_Row]) -> Metric:
        family: Metric = core.HistogramMetricFamily(
            "fixfast_latency_seconds",
            "How long messages take: receive (read to hand-out), callback, send (send() to written)",
            labels=(*_LABELS, "stage"),
            unit="seconds",
        )
        for row in rows:
            for stage, live in row.latency or ():
                histogram = live.copy()  # count, sum and buckets of one moment
                counts = histogram.at_most(_BOUNDS)
                buckets = [(repr(bound / 1e9), float(n)) for bound, n in zip(_BOUNDS, counts, strict=True)]
                buckets.append(("+Inf", float(histogram.count)))
                family.add_metric((*row.labels, stage), buckets, histogram.sum / 1e9)  # type: ignore[attr-defined]
        return family


def _sessions_of(source: object) -> Callable[[], Iterable[Observed]]:
    """Return what gives the sessions of a source, at every scrape anew. Raises: ConfigError: it is none."""
    held = getattr(source, "sessions", source)
    if isinstance(held, Mapping):
        # Of something that is only filled when it starts, not the mapping of now.
        return lambda: (getattr(source, "sessions", source)).values()  # type: ignore[attr-defined]
    if callable(getattr(source, "stats", None)) and isinstance(getattr(source, "id", None), SessionID):
        return lambda: (source,)  # type: ignore[return-value]
    if callable(source):
        return source
    if isinstance(source, Iterable) and not isinstance(source, (str, bytes)):
        return lambda: source
    raise ConfigError("source", type(source).__name__, "a Server, a session, several of them, or a function")


def _steady(sessions: Callable[[], Iterable[Observed]]) -> list[Observed]:
    """Return the sessions of a moment. Others may come and go in the thread that owns them, while we iterate."""
    for _ in range(_TRIES - 1):
        try:
            return list(sessions())
        except RuntimeError:  # changed size during iteration
            continue
    return list(sessions())


def _text(value: str) -> str:
    """Return a label value: what cannot be written as UTF-8 escaped (C9), what is long cut."""
    text = value.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...{hashed(value)}"
