"""`fixfast decode`: the FIX messages in a log or a pipe, as they arrive, with names and meanings, secrets masked."""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from fixfast.cli.paint import CONTROL, CONTROL_BUT_LINES, painter
from fixfast.dictionary.load import load_dictionary
from fixfast.errors import DictionaryError, MissingExtra
from fixfast.logs.reader import DELIMITERS, LogItem, LogReader
from fixfast.types import Garbled

if TYPE_CHECKING:
    import click

    from fixfast.codec.message import Message

__all__ = ["Decoder", "build"]

_READ_SIZE = 1 << 16
_RAW_SHOWN = 240

# In garbled bytes nothing is known for sure, so every field that can be a secret is masked, up to what looks like the
# next field (requirement C8).
_SECRET = re.compile(
    rb"(?<![0-9])(554|925|1402|1404|96|89|91)=.*?(?=(?:" + b"|".join(map(re.escape, DELIMITERS)) + rb")[0-9]{1,9}=|\Z)",
    re.DOTALL,
)
# What stands out on a terminal: offsets, types, garbled messages, tags, meanings.
_STYLES = (
    (r"^@\d+ .*$", "bold"),
    (r"^@\d+", "dim"),
    (r"^@\d+  GARBLED:.*$", "bold red"),
    (r"^ +\d+(?= )", "cyan"),
    (r" \([^()\n]*\)$", "green"),
)

_HELP = """Show the FIX messages in FILE (or standard input) with names and meanings.

Any text or binary log will do: one message per line or run together, behind any prefix, delimited by SOH, "|", "^A",
"\\x01" or ";". A file that ends in .gz is unpacked. Passwords and signatures are masked. What begins like a message
and is none is shown with the reason and its offset. A summary goes to standard error.

Exit status: 0 when at least one message was decoded, 1 when there was none, 2 when FILE cannot be read.
"""


class Decoder:
    """Reads bytes, writes what is in them: one block of text, or one line of JSON, for each message.

    Args:
        out: where messages go.
        reader: finds them.
        json_lines: one JSON object per line instead of text.
        limit: stop after that many messages; None: all.
        paint: writes text in colours (rich); None: plain text.
    """

    def __init__(
        self,
        out: TextIO,
        reader: LogReader,
        *,
        json_lines: bool = False,
        limit: int | None = None,
        paint: Callable[[str], str] | None = None,
    ) -> None:
        self.types: Counter[tuple[str, str]] = Counter()
        self.garbled = 0
        self._out = out
        self._reader = reader
        self._render = _as_json if json_lines else _as_text
        self._render_garbled = _garbled_as_json if json_lines else _garbled_as_text
        self._left = limit
        self._paint = paint

    def run(self, read: Callable[[], bytes]) -> None:
        """Decode what read() gives until it gives nothing. What one read brings is written before the next."""
        while data := read():
            if not self._write(self._reader.feed(data)):
                return
        self._write(self._reader.finish())

    def summary(self) -> str:
        """Return how much there was of what, as one line."""
        total = sum(self.types.values())
        if not total and not self.garbled:
            return f"no FIX message found in {self._reader.size:,} bytes"
        kinds = ", ".join(f"{count:,} {code} {name}".rstrip() for (code, name), count in self.types.most_common())
        plural = "message" if total == 1 else "messages"
        return f"{total:,} {plural}{': ' + kinds if kinds else ''}; {self.garbled:,} garbled"

    def _write(self, items: list[LogItem | Garbled]) -> bool:
        """Write items; False when the limit is reached."""
        texts = list(self._texts(items))
        if texts:
            text = "".join(texts)
            self._out.write(self._paint(text) if self._paint else text)
            self._out.flush()
        return self._left is None or self._left > 0

    def _texts(self, items: list[LogItem | Garbled]) -> Iterator[str]:
        for item in items:
            if self._left is not None:
                if self._left <= 0:
                    return
                self._left -= 1
            if isinstance(item, Garbled):
                self.garbled += 1
                yield self._render_garbled(item)
            else:
                name = _name_of(item.message)
                self.types[_clean(item.message.msg_type), name] += 1
                yield self._render(item, name)


def _name_of(message: Message) -> str:
    """Return the name of the message's type; empty when its dictionary has none."""
    try:
        name: str = message.dictionary.messages[message.msg_type].name
    except (KeyError, DictionaryError):
        return ""
    return name


def _as_text(item: LogItem, name: str) -> str:
    message = item.message
    head = f"@{item.offset}  {message.get(52, '-')}  {name or 'unknown type'} ({message.msg_type})"
    if 49 in message or 56 in message:
        head += f"  {message.get(49, '?')} -> {message.get(56, '?')}"
    if 34 in message:
        head += f"  seq {message[34]}"
    if message.poss_dup:
        head += "  PossDup"
    fields = "\n".join("  " + line for line in message.pretty().translate(CONTROL_BUT_LINES).splitlines())
    return f"{_clean(head)}\n{fields}\n\n"


def _as_json(item: LogItem, name: str) -> str:
    message = item.message
    row = {"offset": item.offset, "msg_type": message.msg_type, "name": name, "message": message.to_dict(mask=True)}
    if item.prefix:
        row["prefix"] = item.prefix
    return json.dumps(row, default=str) + "\n"


def _garbled_as_text(item: Garbled) -> str:
    return f"@{item.offset}  GARBLED: {item.reason}\n  {_shown(item.raw)}\n\n"


def _garbled_as_json(item: Garbled) -> str:
    row = {"offset": item.offset, "garbled": str(item.reason), "raw": _shown(item.raw), "size": len(item.raw)}
    return json.dumps(row) + "\n"


def _shown(raw: bytes) -> str:
    """Return garbled bytes fit to be seen: no secrets, no control bytes, not too many."""
    text = _SECRET.sub(rb"\1=***", raw[: 4 * _RAW_SHOWN])
    more = f" ... ({len(raw):,} bytes)" if len(text) > _RAW_SHOWN or len(raw) > 4 * _RAW_SHOWN else ""
    return _clean(text[:_RAW_SHOWN].replace(b"\x01", b"|").decode("utf-8", "backslashreplace")) + more


def _clean(text: str) -> str:
    return text.translate(CONTROL)


def _decode(path: str, *, json_lines: bool, plain: bool, dictionary: str | None, limit: int | None) -> int:
    """Do the work of the command; return its exit status."""
    try:
        rules = load_dictionary(dictionary) if dictionary else None
    except DictionaryError as exc:
        sys.stderr.write(f"fixfast decode: {exc}\n")
        return 2
    try:
        read, close = _opened(path)
    except OSError as exc:
        sys.stderr.write(f"fixfast decode: {path}: {exc.strerror}\n")
        return 2
    out = sys.stdout
    paint = None if json_lines or plain or not out.isatty() else painter(_STYLES)
    decoder = Decoder(out, LogReader(dictionary=rules), json_lines=json_lines, limit=limit, paint=paint)
    status = 0
    try:
        decoder.run(read)
    except BrokenPipeError:
        # The reader of our output has seen enough (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        return 0
    except KeyboardInterrupt:
        status = 130
    except (OSError, EOFError, zlib.error) as exc:  # the last two: a .gz that is damaged, or cut
        sys.stderr.write(f"fixfast decode: {path}: {getattr(exc, 'strerror', None) or exc}\n")
        status = 2
    finally:
        close()
    sys.stderr.write(decoder.summary() + "\n")
    return status or (0 if decoder.types else 1)


def _opened(path: str) -> tuple[Callable[[], bytes], Callable[[], None]]:
    """Return what reads the next bytes of a file, of a .gz or of standard input, and what closes it.

    Raises: OSError.
    """
    if path.endswith(".gz"):
        packed = gzip.GzipFile(path, "rb")
        return lambda: packed.read1(_READ_SIZE), packed.close
    source = sys.stdin.fileno() if path == "-" else os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    os.read(source, 0)
    return lambda: os.read(source, _READ_SIZE), lambda: None if path == "-" else os.close(source)


def build() -> click.Command:
    """Return the command, for the `fixfast` group.

    Raises: MissingExtra: click is not installed.
    """
    try:
        import click
    except ImportError:
        raise MissingExtra("cli", "fixfast decode") from None

    @click.command("decode", help=_HELP)
    @click.argument("file", default="-")
    @click.option("--json", "json_lines", is_flag=True, help="One JSON object per line, garbled messages included.")
    @click.option("--plain", is_flag=True, help="No colours, on a terminal too.")
    @click.option("--dictionary", metavar="NAME|PATH", help='Names and groups from "FIX.4.4" or a dictionary file.')
    @click.option("--limit", type=click.IntRange(min=1), help="Stop after so many messages.")
    @click.pass_context
    def decode(
        ctx: click.Context, file: str, json_lines: bool, plain: bool, dictionary: str | None, limit: int | None
    ) -> None:
        ctx.exit(_decode(file, json_lines=json_lines, plain=plain, dictionary=dictionary, limit=limit))

    return decode
