"""`fixfast journal`: look into a journal, also of a running session; verify it; get its messages out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, TypeVar

import click

from fixfast.cli.paint import CONTROL, Styles, painter
from fixfast.codec.convert import format_time
from fixfast.errors import StoreError
from fixfast.store.inspect import Direction, Epoch, Journal, StoredMessage, find_journals
from fixfast.store.records import Kind

__all__ = ["build"]

F = TypeVar("F", bound=Callable[..., Any])

_STYLES: Styles = (
    (r"^\S.*$", "bold"),
    (r"^ +(out|in)(?= )", "cyan"),
    (r"^ +DAMAGED .*$", "bold red"),
    (r"^ +OK\b.*$", "green"),
)
_DAMAGED = 1
_FAILED = 2  # what cannot be found or read; click's own status for wrong arguments

_HELP = """Look into a journal: a file, or a directory of them.

No lock is taken and nothing is changed, so the session may be running. Passwords were blanked when they were stored,
and are masked again here.

\b
  fixfast journal show journals --state            numbers, lease, segments
  fixfast journal show journals --direction out --from 10 --to 20
  fixfast journal verify journals                  read everything
  fixfast journal export journals --output day.log
"""


def _selection(command: F) -> F:
    """Add the options that say which messages are meant."""
    options = (
        click.option("--direction", type=click.Choice(["in", "out"]), help="What came in or what went out only."),
        click.option("--from", "first", type=click.IntRange(min=0), default=0, help="The lowest MsgSeqNum."),
        click.option("--to", "last", type=click.IntRange(min=0), help="The highest MsgSeqNum."),
        click.option("--epoch", type=click.IntRange(min=1), help="A former epoch that is kept; else the current one."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _say(text: str) -> None:
    sys.stderr.write(f"fixfast journal: {text.translate(CONTROL)}\n")


def _fail(text: str) -> click.exceptions.Exit:
    _say(text)
    return click.exceptions.Exit(_FAILED)


def _journals(path: str) -> list[str]:
    try:
        found = find_journals(path)
    except OSError as error:
        raise _fail(f"{path}: {error.strerror}") from None
    if not found:
        raise _fail(f"{path}: no journal in this directory")
    return found


def _epoch(journal: Journal, number: int | None) -> Epoch:
    epoch = journal.current if number is None else journal.epoch(number)
    if epoch is None:
        kept = ", ".join(str(e.number) for e in journal.epochs)
        raise _fail(f"{journal.path}: epoch {number} is not kept; there are {kept}")
    return epoch


def _guarded(work: Callable[[], None]) -> None:
    """Run a command; damage is status 1, what cannot be read is 2, a reader of the output that leaves is fine."""
    try:
        work()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except StoreError as error:
        _say(str(error))
        raise click.exceptions.Exit(_DAMAGED) from None
    except OSError as error:
        raise _fail(f"{error.filename or 'journal'}: {error.strerror}") from None


def _write(lines: Iterable[str], plain: bool) -> None:
    """Write lines as they come, in colours on a terminal, in any encoding."""
    out = sys.stdout
    paint = painter(_STYLES) if not plain and out.isatty() else None
    encoding = out.encoding or "utf-8"
    for line in lines:
        text = (line.translate(CONTROL) + "\n").encode(encoding, "backslashreplace").decode(encoding)
        out.write(paint(text) if paint else text)


# --- text -----------------------------------------------------------------------------------------------------------


def _time(wall_ns: int | None) -> str:
    """Return a time as FIX writes it, microseconds included; "-" when there is none."""
    if wall_ns is None:
        return "-"
    try:
        return bytes(format_time(wall_ns, 6)).decode()
    except ValueError:
        return str(wall_ns)


def _field(raw: bytes, tag: bytes) -> str:
    """Return the value of a header field, "-" when there is none."""
    start = raw.find(b"\x01" + tag + b"=")
    if start < 0:
        return "-"
    value = raw[start + len(tag) + 2 : raw.find(b"\x01", start + 1)]
    return value.decode("utf-8", "backslashreplace") or "-"


def _text(raw: bytes) -> str:
    return raw.replace(b"\x01", b"|").decode("utf-8", "backslashreplace")


def _message_line(message: StoredMessage) -> str:
    kind = _field(message.raw, b"35")
    return (
        f"  {message.direction:>3} {message.number:>9}  {_time(message.wall_ns):<24}  {kind:<2}  {_text(message.raw)}"
    )


def _record_lines(epoch: Epoch) -> Iterator[str]:
    at = ""
    for path, record in epoch.records():
        if path != at:
            at = path
            yield f"{path}"
        kind = Kind(record.kind).name
        size = len(record.payload)
        yield (
            f"  @{record.offset:<10} {kind:<7} {record.number:>12} {record.last:>12}  NIN {record.nin:>9}"
            f"  {_time(record.wall_ns):<24}  {size:>7} bytes"
        )


def _state_of(journal: Journal, epoch: Epoch) -> dict[str, Any]:
    state = epoch.state()
    return {
        "path": journal.path,
        "epoch": epoch.number,
        "why": state.why,
        "epochs_kept": [e.number for e in journal.epochs],
        "next_out": state.next_out,
        "next_in": state.ledger.next_in,
        "received": state.ledger.received,
        "pending": [[p.a, p.b] for p in state.pending],
        "lease_end": state.lease_end,
        "lost_out": list(state.lost_out) if state.lost_out else None,
        "created_ns": state.created_ns,
        "clean": state.clean,
        "kept_from": state.sealed[0].first_out if state.sealed else state.first_out,
        "segments": [{"path": path, "bytes": os.stat(path).st_size} for path in epoch.paths],
    }


def _state_lines(found: dict[str, Any]) -> Iterator[str]:
    yield found["path"]
    kept = ", ".join(map(str, found["epochs_kept"]))
    yield f"  epoch       {found['epoch']}{' (' + found['why'] + ')' if found['why'] else ''}, kept: {kept}"
    yield f"  NOUT        {found['next_out']}, lease up to {found['lease_end']}, kept from {found['kept_from']}"
    yield f"  NIN         {found['next_in']}, received up to {found['received'] - 1}"
    waits = ", ".join(f"{a}..{b}" if a != b else str(a) for a, b in found["pending"][:20])
    yield f"  pending     {len(found['pending'])}{': ' + waits if waits else ''}"
    if found["lost_out"]:
        yield "  in doubt    outbound {}..{}, since a power loss".format(*found["lost_out"])
    yield f"  began       {_time(found['created_ns'])}"
    yield f"  clean stop  {'yes' if found['clean'] else 'no'}"
    for segment in found["segments"]:
        yield f"  segment     {segment['bytes']:>12,} bytes  {segment['path']}"


# --- the commands ---------------------------------------------------------------------------------------------------


@click.command("show", short_help="Its messages, records, or where it stands.")
@click.argument("path")
@_selection
@click.option("--state", is_flag=True, help="Epoch, numbers, lease, segments instead of messages.")
@click.option("--records", is_flag=True, help="Every record instead of messages, without what it holds.")
@click.option("--json", "as_json", is_flag=True, help="With --state: one JSON object per journal.")
@click.option("--plain", is_flag=True, help="No colours, on a terminal too.")
def show(
    path: str,
    direction: Direction | None,
    first: int,
    last: int | None,
    epoch: int | None,
    state: bool,
    records: bool,
    as_json: bool,
    plain: bool,
) -> None:
    """Show the messages in PATH: direction, MsgSeqNum, when stored (what was sent only), MsgType, text.

    A live file may end within a record: that ends the list.
    """

    def lines() -> Iterator[str]:
        for name in _journals(path):
            journal = Journal(name)
            chosen = _epoch(journal, epoch)
            if state:
                found = _state_of(journal, chosen)
                if as_json:
                    yield json.dumps(found)
                else:
                    yield from _state_lines(found)
            elif records:
                yield from _record_lines(chosen)
            else:
                yield f"{name}  epoch {chosen.number}"
                yield from map(_message_line, chosen.messages(direction, first, last))

    _guarded(lambda: _write(lines(), plain or as_json))


@click.command("verify", short_help="Read all of it, former epochs and segments too.")
@click.argument("path")
@click.option("--plain", is_flag=True, help="No colours, on a terminal too.")
def verify(path: str, plain: bool) -> None:
    """Read everything in PATH: checksums, that the records add up, that no segment is missing.

    Exit status: 0 when all is well, 1 when something is damaged (the lines name file and offset), 2 when PATH cannot be
    read. Bytes at the end that were never synced are no damage: the next start cuts them off.
    """
    damaged = []

    def lines() -> Iterator[str]:
        for name in _journals(path):
            yield name
            serious = False
            try:
                journal = Journal(name)
                for finding in journal.verify():
                    serious = serious or finding.serious
                    word = "DAMAGED" if finding.serious else "note"
                    yield f"  {word} {finding.path} at byte {finding.offset}: {finding.text}"
                files = sum(len(epoch.paths) for epoch in journal.epochs)
                if not serious:
                    yield f"  OK  epochs {', '.join(str(e.number) for e in journal.epochs)}; {files} files"
            except StoreError as error:
                serious = True
                yield f"  DAMAGED {error}"
            if serious:
                damaged.append(name)

    _guarded(lambda: _write(lines(), plain))
    if damaged:
        raise click.exceptions.Exit(_DAMAGED)


@click.command("export", short_help="Its messages, as a log or as JSON lines.")
@click.argument("path")
@_selection
@click.option("--output", metavar="FILE", help="Write there (mode 0600) instead of to standard output.")
@click.option("--timestamps", is_flag=True, help="Begin each line of the log with when it was stored, and in or out.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines; `raw` has one character for each byte (ISO 8859-1).")
def export(
    path: str,
    direction: Direction | None,
    first: int,
    last: int | None,
    epoch: int | None,
    output: str | None,
    timestamps: bool,
    as_json: bool,
) -> None:
    """Write the messages of the journal PATH as they were sent or received: a log that `fixfast decode` reads.

    One message a line, SOH and all. For what was received the journal has no time of its own: SendingTime stands there.
    """
    names = _journals(path)
    if len(names) > 1:
        raise _fail(f"{path}: {len(names)} journals in this directory, name one")
    write = _as_json if as_json else _with_time if timestamps else _bare

    def work() -> None:
        chosen = _epoch(Journal(names[0]), epoch)
        with _target(output) as out:
            for message in chosen.messages(direction, first, last):
                out.write(write(message))

    _guarded(work)


def _target(output: str | None) -> BinaryIO:
    if output is None:
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(output, flags, 0o600), "wb")


def _bare(message: StoredMessage) -> bytes:
    return message.raw + b"\n"


def _with_time(message: StoredMessage) -> bytes:
    when = _time(message.wall_ns) if message.wall_ns is not None else _field(message.raw, b"52")
    return f"{when} {message.direction.upper():<3} ".encode() + message.raw + b"\n"


def _as_json(message: StoredMessage) -> bytes:
    row = {
        "epoch": message.epoch,
        "direction": message.direction,
        "number": message.number,
        "time_ns": message.wall_ns,
        "msg_type": _field(message.raw, b"35"),
        "blanked": message.blanked,
        "raw": message.raw.decode("latin-1"),
    }
    return json.dumps(row).encode() + b"\n"


def build() -> click.Group:
    """Return the command, for the `fixfast` group."""
    group = click.Group("journal", help=_HELP, no_args_is_help=True)
    for command in (show, verify, export):
        group.add_command(command)
    return group
