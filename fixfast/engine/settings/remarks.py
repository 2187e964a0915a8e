"""What there is to say about configuration files: remarks, and the exception that carries those that are errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal, NamedTuple

from fixfast.errors import ConfigError

__all__ = ["ConfigFileError", "ConfigRemark", "nearest"]

#: For str.translate: control bytes, and bytes that are no UTF-8 (C9: a file may hold anything)
_ESCAPED = {
    **{code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))},
    **{0xDC00 + code: f"\\x{code:02x}" for code in range(0x80, 0x100)},
}


class ConfigRemark(NamedTuple):
    """One thing to say about a place in a configuration file. The text never holds a secret.

    Attributes:
        severity: "error": the file cannot be used. "warning": it will hurt. "note": good to know.
        file: as the user named it.
        line: from 1; 0: the file as a whole.
        key: what the file calls it ("session.orders.connection.port"), empty where there is none.
        text: what is so, and what to do.
    """

    severity: Literal["error", "warning", "note"]
    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        text = f"{where}: {self.key}: {self.text}" if self.key else f"{where}: {self.text}"
        return text if text.isprintable() else text.translate(_ESCAPED)


class ConfigFileError(ConfigError):
    """A configuration file cannot be used. Its text has a line for each thing that is wrong.

    Attributes:
        remarks: all that is wrong, in the order of the file. `name`, `value` and `allowed` are of the first.
    """

    def __init__(self, remarks: Iterable[ConfigRemark]) -> None:
        self.remarks = tuple(remarks)
        first = self.remarks[0]
        super().__init__(first.key, first.file, first.text)
        self.args = ("\n".join(map(str, self.remarks)),)

    def __reduce__(self) -> tuple[type, tuple[tuple[ConfigRemark, ...]]]:  # type: ignore[override]
        return type(self), (self.remarks,)


def nearest(word: str, words: Iterable[str]) -> str:
    """Return the one of `words` that is most like `word`, "" where none is."""
    folded = {one.replace("-", "_").lower(): one for one in words}
    found = difflib.get_close_matches(word.replace("-", "_").lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""
