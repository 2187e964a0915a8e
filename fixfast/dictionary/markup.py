"""XML that may be hostile, read element by element: what both readers of dictionaries stand on.

A DTD or an entity is refused, nothing outside the given bytes is ever looked at, and size, depth and the length of what
is looked at are bounded (the standard's largest QuickFIX file is 1.5 MB, FIX Latest as Orchestra 14 MB; the deepest
element is 8 levels down). Errors name file, line and element. One pass, linear in the number of bytes.
"""

from __future__ import annotations

import contextlib
from typing import NoReturn
from xml.parsers import expat

from fixfast.errors import DictionaryError

__all__ = [
    "MAX_ATTRIBUTE",
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_TAG_DIGITS",
    "MIN_EXPAT",
    "MarkupReader",
    "is_digits",
    "root_element",
]

#: Twice the largest dictionary there is.
MAX_BYTES = 32 << 20
#: Levels of elements: the standard's dictionaries need 8.
MAX_DEPTH = 32
#: Longest attribute value that is looked at.
MAX_ATTRIBUTE = 1024
#: Tags are written with one to nine digits.
MAX_TAG_DIGITS = 9
#: The first expat that bounds what entities expand to. Ours are refused anyway: this is a second door (C13).
MIN_EXPAT = (2, 4, 1)


class MarkupReader:
    """Expat and its limits. A reader overrides start() and end(), and calls fail() for what it does not like."""

    def __init__(self, file: str, separator: str | None = None) -> None:
        self.file = file
        self.depth = 0
        if expat.version_info < MIN_EXPAT:
            found, least = (".".join(map(str, version)) for version in (expat.version_info, MIN_EXPAT))
            raise DictionaryError(
                f"XML cannot be read safely: Python was built with expat {found}, older than {least}", file
            )
        self.parser = expat.ParserCreate(namespace_separator=separator)
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.EntityDeclHandler = self._refuse_entity

    @property
    def line(self) -> int:
        """The line that is being read, from 1."""
        return self.parser.CurrentLineNumber

    def parse(self, data: bytes) -> None:
        """Read it all. Raises: DictionaryError."""
        if len(data) > MAX_BYTES:
            raise DictionaryError(f"larger than {MAX_BYTES} bytes", self.file)
        try:
            self.parser.Parse(data, True)
        except expat.ExpatError as error:
            detail = f"not well-formed XML: {expat.ErrorString(error.code)}"
            raise DictionaryError(detail, self.file, error.lineno) from None
        except (LookupError, ValueError) as error:  # an encoding that Python or expat does not know
            if isinstance(error, DictionaryError):
                raise
            raise DictionaryError(f"not readable: {error}", self.file, self.line) from None

    def start(self, element: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        raise NotImplementedError

    def end(self, element: str) -> None:
        """An element ends."""
        raise NotImplementedError

    def fail(self, element: str, detail: str) -> NoReturn:
        raise DictionaryError(detail, self.file, self.line, element)

    def text(self, element: str, attributes: dict[str, str], name: str) -> str:
        """Return an attribute that must be there."""
        value = attributes.get(name)
        if not value:
            self.fail(element, f"attribute {name!r} is missing or empty")
        if len(value) > MAX_ATTRIBUTE:
            self.fail(element, f"attribute {name!r} is longer than {MAX_ATTRIBUTE} characters")
        return value

    def tag(self, element: str, attributes: dict[str, str], name: str) -> int:
        """Return an attribute that is the tag of a field."""
        value = self.text(element, attributes, name)
        if not is_digits(value, MAX_TAG_DIGITS) or not int(value):
            self.fail(element, f"{name}={value!r}: a tag has 1 to {MAX_TAG_DIGITS} digits and is not 0")
        return int(value)

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(element, f"deeper than {MAX_DEPTH} levels")
        self.start(element, attributes)

    def _end(self, element: str) -> None:
        self.depth -= 1
        self.end(element)

    def _refuse_doctype(self, name: str, *_: object) -> None:
        self.fail("!DOCTYPE", "a document type declaration is not accepted")

    def _refuse_entity(self, name: str, *_: object) -> None:
        self.fail("!ENTITY", "an entity declaration is not accepted")


class _Root(MarkupReader):
    """Stops at the first element."""

    name = ""

    def start(self, element: str, attributes: dict[str, str]) -> None:
        self.name = element
        raise _Found

    def end(self, element: str) -> None:
        raise AssertionError("start() stops before")


class _Found(Exception):
    pass


def root_element(data: bytes, file: str) -> str:
    """Return the name of the first element without its namespace, "" if there is none to be found."""
    reader = _Root(file, separator=" ")
    with contextlib.suppress(_Found, DictionaryError):
        reader.parse(data)
    return reader.name.rpartition(" ")[2]


def is_digits(text: str, most: int) -> bool:
    """Return whether a text is one to `most` digits."""
    return text.isascii() and text.isdigit() and len(text) <= most
