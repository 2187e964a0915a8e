"""Scenarios of orders as text: what the client does, what the venue says, what the client must know then.

One file of scenarios/ is one case of appendix D of the standard, for every version. Its lines:

    title: ...                     what the case is about
    versions: FIX.4.2 FIX.4.4      where it does not go for all three
    options: reconcile=mass        of the OrderManager
    exchange: pending_time=5       of the exchange, where the other side is a real one
    > submit A side=1 qty=100 price=10      the client sends an order, called A from here on
    > cancel A as=C1                        ... a cancel, called C1;   > replace A qty=200 as=R1
    ! trade A qty=40 px=10                  something happens in the market; a scripted venue is told by the next lines
    < trade A qty=40 px=10 as=t1            the report that comes. The execution is called t1
    -> F 41=A 11=C1                         the last message the client sent: its type, and fields; names are ClOrdIDs
    -> 3                                    how many messages the client has sent
    = A status=1 cum=40 leaves=60 avg=10    what the client knows: see _SHOWN
    ~ disconnect                            the session: logon, disconnect, gap ... (see _EVENTS), restart
    ~ new-day                               for client and venue; ~ new-day of the venue: nobody tells the client
    ? transition                            the questions asked since the last such line; "? none"

`a|b|c` is a value for 4.2, 4.4 and 5.0 SP2. `wire.38=-100` on a `>` line is a field as it goes over the wire, whatever
the client made.

A scripted venue makes of each `<` line a report (venue.py). A runner with a real exchange (tests/together) sends what
`>` lines say, makes happen what `!` lines say, and compares the reports that come with the `<` lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fixfast as ff
from fixfast.session.events import Disconnected, GapDetected, GapFilled, LoggedOn, MessagesLost, SequenceReset
from fixfast.session.state import CloseReason
from tests.trading.venue import NOW, ScriptedVenue

__all__ = ["SCENARIOS", "VERSIONS", "Line", "Runner", "Scenario", "read_scenario"]

VERSIONS = ("FIX.4.2", "FIX.4.4", "FIX.5.0SP2")
SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


@dataclass(frozen=True)
class Line:
    """One line: its sign, its words, and its key=value words."""

    number: int
    sign: str
    words: tuple[str, ...]
    values: dict[str, str]


@dataclass(frozen=True)
class Scenario:
    """One file."""

    name: str
    title: str
    versions: tuple[str, ...]
    options: dict[str, str]
    exchange: dict[str, str]
    lines: tuple[Line, ...]


def read_scenario(path: Path) -> Scenario:
    """Read a file. Raises ValueError: a line that is none."""
    heads: dict[str, str] = {}
    lines: list[Line] = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        body = text.partition("#")[0].strip()
        key, colon, rest = body.partition(":")
        if not body:
            continue
        if colon and key in ("title", "versions", "options", "exchange"):
            heads[key] = rest.strip()
            continue
        sign, *words = body.split()
        if sign not in ("<", ">", "->", "!", "=", "~", "?"):
            raise ValueError(f"{path.name}:{number}: a line begins with < > -> ! = ~ or ?, not {text!r}")
        values = dict(word.split("=", 1) for word in words if "=" in word)
        lines.append(Line(number, sign, tuple(word for word in words if "=" not in word), values))
    options, exchange = (
        dict(word.split("=", 1) for word in heads.get(head, "").split()) for head in ("options", "exchange")
    )
    versions = tuple(heads["versions"].split()) if "versions" in heads else VERSIONS
    return Scenario(path.stem, heads["title"], versions, options, exchange, tuple(lines))


#: what `=` lines may ask of an order: name -> how it is shown
_SHOWN: dict[str, Callable[[ff.Order], str]] = {
    "status": lambda order: order.status.value,
    "cum": lambda order: f"{order.cum_qty.normalize():f}",
    "leaves": lambda order: f"{order.leaves_qty.normalize():f}",
    "avg": lambda order: f"{round(order.avg_px, 6).normalize():f}",
    "qty": lambda order: f"{order.qty.normalize():f}",
    "price": lambda order: f"{order.price.normalize():f}" if order.price is not None else "none",
    "trades": lambda order: str(len(order.trades)),
    "pending": lambda order: str(len(order.pending)),
    "uncertain": lambda order: "yes" if order.uncertain else "no",
    "missing": lambda order: f"{order.missing_qty.normalize():f}",
    "open": lambda order: "yes" if order.is_open else "no",
    "filled": lambda order: "yes" if order.is_filled else "no",
    "rejected": lambda order: (order.rejected.reason or "none") if order.rejected else "no",
    "today": lambda order: f"{order.today()[0].normalize():f}",
    "worst": lambda order: f"{order.worst_qty.normalize():f}",
}

_EVENTS: dict[str, object] = {
    "disconnect": Disconnected(CloseReason.CONNECTION_LOST),
    "gap": GapDetected(1, 2),
    "gap-filled": GapFilled(1, 2),
    "lost": MessagesLost(1, 2, "script"),
    "reset": SequenceReset("script", 5, 5),
}


@dataclass
class Runner:
    """Runs a scenario with an OrderManager and a scripted venue."""

    scenario: Scenario
    version: str
    ids: dict[str, str] = field(default_factory=dict)
    requests: dict[str, Any] = field(default_factory=dict)
    sent: list[tuple[str, list[tuple[Any, Any]]]] = field(default_factory=list)
    updates: list[ff.OrderUpdate] = field(default_factory=list)
    wire: dict[int, Any] = field(default_factory=dict)  # fields of the next message, as they are to go out

    def __post_init__(self) -> None:
        self.venue = ScriptedVenue(self.version)
        self.log = ff.MemoryOrderLog()
        options: dict[str, Any] = {"version": self.version}
        for key, value in self.scenario.options.items():
            options[key] = {"yes": True, "no": False}.get(value, value)
        self.options = ff.OrderOptions(**options)
        self.manager = ff.OrderManager(self._send, self.options, log=self.log)
        self._listen()
        self._logon()

    def run(self) -> None:
        """Run all lines. AssertionError: names the line."""
        steps = {"<": self._said, ">": self._do, "->": self._was_sent, "=": self._known, "~": self._session}
        steps |= {"?": self._asked, "!": lambda line: None}
        for line in self.scenario.lines:
            try:
                steps[line.sign](self.versioned(line))
            except AssertionError as error:
                where = f"{self.scenario.name}.txt:{line.number} ({self.version}): {' '.join(line.words)}"
                raise AssertionError(f"{where}: {error}") from error

    def order(self, name: str) -> ff.Order:
        return self.manager.orders[self.ids[name]]

    def versioned(self, line: Line) -> Line:
        """Return a line with the values of this version."""
        at = VERSIONS.index(self.version)
        values = {key: value.split("|")[at] if "|" in value else value for key, value in line.values.items()}
        return Line(line.number, line.sign, line.words, values)

    def hear(self, raw: bytes) -> None:
        """Have the manager hear a message; it is one by the dictionary."""
        message = ff.parse(raw, validate=True)
        self.updates += self.manager.on_message(message, NOW)
        self.manager.settle(NOW)

    # --- inside ---------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self.manager.subscribe(lambda update: None)

    def altered(self, fields: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Return the fields of a message as they are to go out."""
        wire, self.wire = self.wire, {}
        return [(tag, wire.pop(int(tag), value)) for tag, value in fields] + list(wire.items())

    def _send(self, msg_type: str, fields: list[tuple[Any, Any]]) -> int:
        fields = self.altered(fields)
        head = [(49, "BOT"), (56, "VENUE"), (34, len(self.sent) + 1), (52, NOW.wall_ns)]
        message = ff.parse(ff.encode(self.version, msg_type, head + fields))
        fault = message.validate()
        assert fault is None, f"35={msg_type} is not valid: {fault}"
        self.sent.append((msg_type, fields))
        self.venue.take(msg_type, fields)
        return len(self.sent)

    def _logon(self) -> None:
        logon = ff.parse(
            ff.encode("FIX.4.4", "A", [(49, "V"), (56, "B"), (34, 1), (52, NOW.wall_ns), (98, 0), (108, 30)])
        )
        self.manager.on_event(LoggedOn(logon, 30, reset=False), NOW)

    def _do(self, line: Line) -> None:
        verb, *names = line.words
        values = {key: value for key, value in line.values.items() if not key.startswith("wire.")}
        wire = {int(key[5:]): value for key, value in line.values.items() if key not in values}
        self.wire = {tag: self.ids.get(value, value) for tag, value in wire.items()}
        called = values.pop("as", names[0] if verb == "submit" else f"the {verb}")
        if verb == "submit":
            values.setdefault("symbol", "EUR/USD")
            values.setdefault("side", "1")
            numbers = {"tif": "time_in_force", "type": "ord_type", "stop": "stop_px"}
            request = ff.OrderRequest(**{numbers.get(key, key): value for key, value in values.items()})  # type: ignore[arg-type]
            self.ids[called] = self.manager.submit(request, NOW).cl_ord_id
            return
        if verb == "cancel":
            asked = self.manager.cancel(self.order(names[0]), NOW)
        elif verb == "replace":
            asked = self.manager.replace(self.order(names[0]), NOW, **values)  # type: ignore[arg-type]
        elif verb == "status":
            asked = self.manager.ask_status(self.order(names[0]), NOW)
        elif verb == "mass-cancel":
            asked = self.manager.mass_cancel(NOW, **values)
        else:
            asked = self.manager.ask_mass_status(NOW)
        self.ids[called] = asked.cl_ord_id
        self.requests[called] = asked

    def _said(self, line: Line) -> None:
        verb, *names = line.words
        if verb in ("reject", "business-reject", "mass-cancel-report"):
            self.hear(self._refusal(verb, line))
            return
        copies = int(line.values.get("times", 1))
        raw = self.venue.say(verb, self.ids[names[0]], line.values, self.ids)
        for _ in range(copies):
            self.hear(raw)

    def _refusal(self, verb: str, line: Line) -> bytes:
        """A Reject(3) or BusinessMessageReject(j) of the last message sent, or the answer to a mass cancel."""
        msg_type = self.sent[-1][0]
        text = (58, line.values.get("text", "no"))
        if verb == "reject":
            return self.venue.message("3", [(45, len(self.sent)), (372, msg_type), (373, "5"), text])
        if verb == "business-reject":
            return self.venue.message("j", [(45, len(self.sent)), (372, msg_type), (380, "3"), text])
        asked = self.ids[line.values["request"]]
        response = line.values.get("response", "7")
        reason = (532, "0" if response == "0" else None)
        fields = [(37, "M1"), (11, asked), (530, "7"), (531, response), reason, (60, NOW.wall_ns)]
        if self.version == "FIX.5.0SP2":
            fields.append((1369, "M1"))
        return self.venue.message("r", fields)

    def _was_sent(self, line: Line) -> None:
        if line.words and line.words[0].isdecimal():
            kinds = [msg_type for msg_type, _ in self.sent]
            assert len(self.sent) == int(line.words[0]), f"{len(self.sent)} messages were sent: {kinds}"
            return
        msg_type, fields = self.sent[-1]
        assert msg_type == line.words[0], f"the last message sent is {msg_type}"
        for tag, value in line.values.items():
            found = next((str(v) for t, v in fields if t == int(tag)), None)
            assert found == self.ids.get(value, value), f"{tag}={found}, not {value}"

    def _known(self, line: Line) -> None:
        order = self.order(line.words[0])
        for name, value in line.values.items():
            if name == "head":
                found: str = next(key for key, known in self.ids.items() if known == order.cl_ord_id)
            else:
                found = _SHOWN[name](order)
            assert found == value, f"{name} is {found}, not {value} ({order})"

    def _session(self, line: Line) -> None:
        what = line.words[0]
        if what == "logon":
            self._logon()
        elif what == "logon-in-gap":
            self._logon()
            self.manager.on_event(_EVENTS["gap"], NOW)
        elif what == "restart":
            self.restart()
        elif what == "new-day":
            self.venue.new_day()
            if "venue" not in line.words:
                self.manager.new_day(NOW)
        else:
            self.updates += self.manager.on_event(_EVENTS[what], NOW)
        self.manager.settle(NOW)

    def restart(self) -> None:
        """Go on with a manager that was built from the log."""
        asked = self.manager.questions
        self.manager = ff.OrderManager(self._send, self.options, log=self.log)
        self._listen()
        self.manager.questions.clear()
        self.manager.questions.extend(asked)

    def _asked(self, line: Line) -> None:
        doubts = sorted({question.doubt.name.lower() for question in self.manager.questions})
        expected = sorted(set(line.words) - {"none"})
        assert doubts == expected, f"questions: {[(q.doubt.name, q.text) for q in self.manager.questions]}"
        self.manager.questions.clear()


def names(scenarios: Iterable[Path]) -> list[tuple[Path, str]]:
    """Return every scenario with every version it is for."""
    return [(path, version) for path in scenarios for version in read_scenario(path).versions]
