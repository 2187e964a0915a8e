"""Text for people: control bytes made visible (requirement C9), colours where there is a terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

__all__ = ["CONTROL", "CONTROL_BUT_LINES", "Styles", "painter", "write"]

#: For str.translate: control bytes never reach a terminal; C1 ones neither.
CONTROL: Mapping[int, str] = MappingProxyType({code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))})
CONTROL_BUT_LINES: Mapping[int, str] = MappingProxyType({code: text for code, text in CONTROL.items() if code != 0x0A})

#: (regular expression, rich's style) pairs
Styles = Sequence[tuple[str, str]]


def painter(styles: Styles) -> Callable[[str], str] | None:
    """Return what colours text for the terminal, or None where there is no rich, or no colour."""
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        return None
    console = Console(highlight=False)
    if not console.color_system:
        return None

    def paint(text: str) -> str:
        painted = Text(text, end="")
        for pattern, style in styles:
            painted.highlight_regex(re.compile(pattern, re.MULTILINE), style)
        with console.capture() as capture:
            console.print(painted, soft_wrap=True, end="")
        return capture.get()

    return paint


def write(text: str, *, styles: Styles = (), plain: bool = False) -> None:
    """Write to standard output: coloured on a terminal, in any encoding, and silent when the reader has left."""
    out = sys.stdout
    text = text.translate(CONTROL_BUT_LINES)
    encoding = out.encoding or "utf-8"
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    paint = painter(styles) if styles and not plain and out.isatty() else None
    try:
        out.write(paint(text) if paint else text)
        out.flush()
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
