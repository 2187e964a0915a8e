"""Holds ledgers, journals and the bytes on the line against each other: all of B5 that a kill can break."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import fixfast as ff
from fixfast.store.inspect import Journal, find_journals
from tests.crash.ledger import Entry, read_ledger
from tests.crash.wire import Connection
from tests.crash.world import SIDES, Options

__all__ = ["Audit", "Book", "audit", "read_books"]

#: what differs between a message and its repetition (B5.6)
_CHANGED = frozenset({8, 9, 10, 43, 52, 122})
_ADMIN = frozenset("01245A")


class Place(NamedTuple):
    """Where a message stands among all that its side ever sent: numbers begin anew with each epoch."""

    epoch: int
    number: int


@dataclass
class Book:
    """What one side's store holds: epoch -> number -> bytes."""

    epochs: dict[int, dict[int, bytes]]

    def __post_init__(self) -> None:
        #: where some bytes stand. In FIX 4.1, with its whole seconds, two Logons of two epochs may be the same.
        self.places: dict[bytes, list[Place]] = {}
        for epoch, kept in sorted(self.epochs.items()):
            for number, raw in kept.items():
                self.places.setdefault(raw, []).append(Place(epoch, number))
        self.names: dict[str, Place] = {}
        for raw, (place, *_) in self.places.items():
            name = _name(ff.parse(raw, max_message_size=len(raw)))
            if name is not None:
                assert name not in self.names, f"{name} was stored twice"
                self.names[name] = place


@dataclass
class Audit:
    """What was looked at, and what is wrong."""

    faults: list[str] = field(default_factory=list)
    sent: int = 0
    delivered: int = 0
    redelivered: int = 0
    lost_by_reset: int = 0
    on_the_line: int = 0
    resent: int = 0
    uncommitted: int = 0

    def check(self, holds: object, text: str) -> None:
        """Note a fault unless something holds."""
        if not holds:
            self.faults.append(text)


def _name(message: ff.Message) -> str | None:
    if message.msg_type == "D":
        return message.get(11)
    return message.get(148) if message.msg_type == "B" else None


def read_books(options: Options, folder: Path) -> dict[str, Book]:
    """Read what both sides sent, in all epochs, without the stores: their processes are gone."""
    read = _read_journals if options.kind == "journal" else _read_database
    return {side: Book(read(folder, side) or {1: {}}) for side in SIDES}


def _read_journals(folder: Path, side: str) -> dict[int, dict[int, bytes]]:
    epochs: dict[int, dict[int, bytes]] = {}
    for path in find_journals(folder / side) if (folder / side).exists() else ():
        journal = Journal(path)
        serious = [finding for finding in journal.verify() if finding.serious]
        assert not serious, f"{side}: {serious}"
        for epoch in journal.epochs:
            kept = epochs[epoch.number] = {}
            for message in epoch.messages("out"):
                assert message.number not in kept, f"{side}: number {message.number} of epoch {epoch.number} twice"
                kept[message.number] = message.raw
    return epochs


def _read_database(folder: Path, side: str) -> dict[int, dict[int, bytes]]:
    path = folder / f"{side}.db"
    epochs: dict[int, dict[int, bytes]] = {}
    if path.exists():
        with contextlib.closing(sqlite3.connect(path)) as connection:
            [(last,)] = connection.execute("SELECT epoch FROM session").fetchall() or [(1,)]
            epochs = {epoch: {} for epoch in range(1, last + 1)}
            for epoch, number, raw in connection.execute("SELECT epoch, n, raw FROM outbound ORDER BY epoch, n"):
                epochs[epoch][number] = bytes(raw)
    return epochs


def audit(options: Options, folder: Path, connections: Iterable[Connection], books: dict[str, Book]) -> Audit:
    """Check everything.

    Args: connections: what the proxy saw, in the order they were made.
    """
    result = Audit()
    ledgers = {side: read_ledger(folder / f"{side}.ledger") for side in SIDES}
    for side in SIDES:
        other = SIDES[1 - SIDES.index(side)]
        _check_epochs(result, side, ledgers[side], books[side])
        _check_sent(result, side, ledgers[side], books[side], options)
        _check_deliveries(result, other, ledgers[other], ledgers[side], books[side], options)
        line = _Line(result, side, books[side])
        for connection in connections:
            line.connection(connection)
        line.check_ups(ledgers[side])
    return result


def _check_epochs(result: Audit, side: str, ledger: list[Entry], book: Book) -> None:
    """B5.7, B5.12: epochs have no holes and never go back, and inside one the numbers do not, either."""
    epochs = sorted(book.epochs)
    result.check(epochs == list(range(1, len(epochs) + 1)), f"{side}: journals of the epochs {epochs}")
    before = (0, 0, 0)
    for entry in ledger:
        if entry.word == "up":
            epoch, next_in, next_out, *_ = map(int, entry.values)
            now = (epoch, next_in, next_out)
            if epoch == before[0]:
                result.check(now >= before and next_out >= before[2], f"{side}: went back from {before} to {now}")
            else:
                result.check(epoch > before[0], f"{side}: went back from {before} to {now}")
            before = now
        elif entry.word == "rejected" or (entry.word == "event" and entry.values[0] in ("Rejected", "CallbackFailed")):
            result.check(False, f"{side}: {' '.join(entry.values)}")


def _check_sent(result: Audit, side: str, ledger: list[Entry], book: Book, options: Options) -> None:
    """B5.1: what the program was told about a number is what the store has, and nothing else has that number.

    A database commits at the end of a pass of the loop: a kill takes what was appended in the last one, which had not
    been sent either.
    """
    open_end: dict[int, list[str]] = {}  # of each life: what of its end is not in the store
    for entry in ledger:
        if entry.word == "sent":
            name, number = entry.values[0], int(entry.values[1])
            place = book.names.get(name)
            result.sent += 1
            if place is None and options.kind == "sqlite":
                open_end.setdefault(entry.life, []).append(name)
                continue
            result.check(
                place is not None and place.number == number,
                f"{side}: {name} was sent as {number}, the store has it at {place}",
            )
            for lost in open_end.pop(entry.life, ()):
                result.check(False, f"{side}: {lost} is not in the store, but {name}, which was sent later")
    result.uncommitted += sum(map(len, open_end.values()))


def _check_deliveries(
    result: Audit, side: str, ledger: list[Entry], sender: list[Entry], book: Book, options: Options
) -> None:
    """B5.4, B5.5: nothing lost, nothing twice without its mark, all in order. `book` is the sender's."""
    tag = f"{side} received"
    seen: dict[str, Place] = {}
    last = Place(0, 0)
    final: dict[int, str] = {}  # the last delivery of each life: the one that a kill may have caught in the act
    for entry in ledger:
        if entry.word == "up" and not options.reset:
            missing = [n for name, n in book.names.items() if name not in seen and n.number < int(entry.values[1])]
            result.check(not missing, f"{side}: is up at NIN {entry.values[1]}, and never delivered {missing[:5]}")
        if entry.word != "got":
            continue
        number, name, _, redelivered = int(entry.values[0]), entry.values[1], *map(int, entry.values[2:])
        place = book.names.get(name)
        if place is None or place.number != number:
            result.check(False, f"{tag} {name} as {number}, the sender's journal has it at {place}")
            continue
        if name in seen:
            result.redelivered += 1
            result.check(redelivered, f"{tag} {name} ({place}) again, without redelivered")
            # a journal has it at once that something was dealt with, a database at the end of the loop's pass
            caught = options.kind == "sqlite" or any(final.get(life) == name for life in range(1, entry.life))
            result.check(caught, f"{tag} {name} ({place}) again, though it was dealt with")
        else:
            result.delivered += 1
            result.check(place > last, f"{tag} {name} ({place}) behind {last}")
            last = max(last, place)
        seen[name] = place
        final[entry.life] = name
    _check_losses(result, tag, seen, book, sender)


def _check_losses(result: Audit, tag: str, seen: dict[str, Place], book: Book, sender: list[Entry]) -> None:
    """Everything numbered came, but for the end of an epoch that a reset ended: those are reported as lost."""
    newest = max(book.epochs)
    reached = {epoch: max((p.number for p in seen.values() if p.epoch == epoch), default=0) for epoch in book.epochs}
    for name, place in book.names.items():
        if name in seen:
            continue
        if place.epoch < newest and place.number > reached[place.epoch]:
            result.lost_by_reset += 1
        else:
            result.check(False, f"{tag} nothing of {name} ({place}; it has the epoch up to {reached[place.epoch]})")
    unsent = {entry.values[0] for entry in sender if entry.word == "unsent"}
    for name in unsent & book.names.keys():
        result.check(False, f"{name} was refused to the program, and stored all the same")


class _Line:
    """What one side wrote to the line."""

    def __init__(self, result: Audit, side: str, book: Book) -> None:
        self._result = result
        self._side = side
        self._book = book
        self._epoch = 1
        self._highest: dict[tuple[int, int], int] = {}  # (life, epoch) -> the highest number on the line

    def connection(self, connection: Connection) -> None:
        """Check all messages of a connection."""
        try:
            messages = connection.messages(self._side)
        except AssertionError as error:
            self._result.check(False, str(error))
            return
        epoch, expected = self._epoch, 0
        previous: ff.Message | None = None
        for message in messages:
            self._result.on_the_line += 1
            n = message.msg_seq_num
            if message.poss_dup:
                self._result.resent += 1
                self._repetition(message, epoch)
                continue
            # B5.1, B5.2: on the line is exactly what the journal has under this number
            places = self._book.places.get(message.raw)
            if places is None:
                self._result.check(False, f"{self._side}: not in the journal, but on the line: {message}")
                continue
            expected = expected or n  # the Logon of a connection
            place = Place(epoch, expected)
            if place not in places:
                later = [place for place in places if place.epoch > epoch]
                place = min(later, default=places[-1])
                begins = message.msg_type == "A"
                # ... or the Logon before was taken for one of another epoch that is its like
                begins = begins or (previous is not None and previous.msg_type == "A" and n == expected)
                self._result.check(later and begins, f"{self._side}: {place} on the line behind {epoch}: {message}")
            epoch, expected, previous = place.epoch, n + 1, message
            self._epoch = epoch
            key = (connection.lives[self._side], epoch)
            self._highest[key] = max(self._highest.get(key, 0), n)

    def _repetition(self, message: ff.Message, epoch: int) -> None:
        kept = self._book.epochs.get(epoch, {})
        n = message.msg_seq_num
        if message.msg_type == "4":
            # B5.8
            covered = range(n, message.int(36))
            orders = [k for k in covered if k in kept and ff.parse(kept[k]).msg_type not in _ADMIN | {"3", "j"}]
            self._result.check(message.get(123) == "Y", f"{self._side}: a reset in place of a gap fill: {message}")
            self._result.check(not orders, f"{self._side}: gap fill {covered} covers the messages {orders[:5]}")
            return
        original = kept.get(n)
        if original is None:
            self._result.check(False, f"{self._side}: resent what is not in the journal: {message}")
            return
        old = ff.parse(original, max_message_size=len(original))
        same = _fields(old) == _fields(message) and message[122] == old[52]
        self._result.check(same, f"{self._side}: resent with other content: {message}, was {old}")

    def check_ups(self, ledger: list[Entry]) -> None:
        """B5.3: a new process knows of every number that an earlier one had put on the line."""
        for entry in ledger:
            if entry.word == "up":
                epoch, _, next_out = map(int, entry.values[:3])
                for (life, of), highest in self._highest.items():
                    if life < entry.life and of == epoch:
                        self._result.check(
                            next_out > highest,
                            f"{self._side}: process {entry.life} begins with NOUT {next_out}, but {highest} was sent",
                        )


def _fields(message: ff.Message) -> list[bytes]:
    """Return the fields that stay the same, in order."""
    return [f for f in message.raw.split(b"\x01") if f and int(f.partition(b"=")[0]) not in _CHANGED]
