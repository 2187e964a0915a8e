"""What stands in a configuration file for options that take an object in code: extra Logon fields, dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.versions import DictionarySet
from fixfast.session.config import LogonContext
from fixfast.types import PASSWORD_TAGS

__all__ = ["RESEND_RULES", "SECRET_TAGS", "DictionaryFiles", "DictionaryName", "LogonFields", "ResendRule"]

#: Fields of a Logon that are shown to nobody: passwords, and RawData(96), in which many venues take them.
SECRET_TAGS = PASSWORD_TAGS | {96}


@dataclass(frozen=True, slots=True, repr=False)
class LogonFields:
    """A logon hook that adds the same fields to every Logon.

    Args: fields: (tag, text), in the order they are written in.
    """

    fields: tuple[tuple[int, str], ...] = ()

    def __call__(self, context: LogonContext) -> tuple[tuple[int, str], ...]:
        """Return the fields."""
        return self.fields

    def __repr__(self) -> str:
        shown = ", ".join(f"({tag}, {'***' if tag in SECRET_TAGS else text!r})" for tag, text in self.fields)
        return f"LogonFields(({shown}))"


#: What a file may say of stored messages that the peer asks for
RESEND_RULES = ("resend", "gap-fill")


@dataclass(frozen=True, slots=True)
class ResendRule:
    """A hook for `on_resend` that treats all messages alike. Args: rule: "resend" or "gap-fill"."""

    rule: str

    def __call__(self, session: object, message: object, age_ns: int) -> bool:
        """Return whether a message is resent."""
        return self.rule == "resend"


class DictionaryName:
    """For a type: the name of a standard version, the path of a file, or a table of both."""


@dataclass(frozen=True, eq=False, repr=False)
class DictionaryFiles(DictionarySet):
    """A DictionarySet read from files, which knows which.

    Two are equal where they come from the same files.

    Attributes:
        files: {ApplVerID code or BeginString: name or path}.
        transport: name or path of the FIXT dictionary, "" for the standard's.
    """

    files: tuple[tuple[str, str], ...] = ()
    transport: str = ""

    @classmethod
    def load(cls, files: Mapping[str, str], *, default: str | None = None, transport: str = "") -> DictionaryFiles:
        """Read the files.

        Raises: DictionaryError: one of them is not there, or wrong.
        """
        below = {"transport": transport} if transport else {}
        dictionaries: dict[str, Dictionary] = {
            code: load_dictionary(path, **(below if not code.startswith("FIX.4") else {}))
            for code, path in files.items()
        }
        if transport:
            dictionaries.setdefault("FIXT.1.1", load_dictionary(transport))
        return cls(default, {}, dictionaries, tuple(sorted(files.items())), transport)

    def _key(self) -> tuple[object, ...]:
        return self.default, self.files, self.transport

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, DictionaryFiles) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"DictionaryFiles({dict(self.files)!r}, default={self.default!r}, transport={self.transport!r})"
