"""Which dictionary describes a message: BeginString, ApplVerID(1128), the MsgType's default, DefaultApplVerID(1137)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fixfast.dictionary.load import APPL_VERSIONS, VERSIONS
from fixfast.dictionary.model import Dictionary
from fixfast.errors import DictionaryError

__all__ = ["Choice", "DictionarySet"]

_FIXT = "FIXT.1.1"
_ASSUMED = "FIX.5.0SP2"


class Choice(NamedTuple):
    """The dictionary of a message.

    `source`: a name that load_dictionary() takes, or the user's own Dictionary. `assumed`: FIXT without any ApplVerID,
    FIX.5.0SP2 was assumed. `supported`: False for an ApplVerID that nobody has a dictionary for; `source` then is what
    reads best.
    """

    source: str | Dictionary
    assumed: bool = False
    supported: bool = True


@dataclass(frozen=True, eq=False)
class DictionarySet:
    """Dictionaries by version, for sessions and streams that carry more than one.

    Attributes:
        default: DefaultApplVerID(1137) of the session, an ApplVerID code ("9").
        by_msg_type: {MsgType: ApplVerID code}: the defaults of the Logon's group 384, where 1410=Y.
        dictionaries: {ApplVerID code or BeginString: the user's own}, taken before the standard's.
    """

    default: str | None = None
    by_msg_type: Mapping[str, str] = field(default_factory=dict)
    dictionaries: Mapping[str, Dictionary] = field(default_factory=dict)

    def choose(self, begin_string: str, msg_type: str, appl_ver_id: str | None) -> Choice:
        """Return the dictionary of a message.

        For FIXT.1.1: session messages follow FIXT.1.1 itself; others ApplVerID(1128), else the default of their
        MsgType, else the session's, else FIX.5.0SP2.

        Args: begin_string: BeginString(8). msg_type: MsgType(35). appl_ver_id: ApplVerID(1128), None if absent.

        Raises: DictionaryError: no dictionary has this BeginString.
        """
        own = self.dictionaries.get(begin_string)
        if begin_string != _FIXT:
            if own is None and begin_string not in VERSIONS:
                raise DictionaryError(f"no dictionary for BeginString {begin_string!r}")
            return Choice(own or begin_string)
        if len(msg_type) == 1 and msg_type in "012345A":
            return Choice(own or _FIXT)
        code = appl_ver_id or self.by_msg_type.get(msg_type) or self.default
        if code is None:
            return Choice(own or _ASSUMED, assumed=own is None)
        own = self.dictionaries.get(code) or own
        if own is not None:
            return Choice(own)
        version = APPL_VERSIONS.get(code)
        if version is None:
            return Choice(_ASSUMED, supported=False)
        return Choice(version if version.startswith("FIX.5") else f"{version}+{_FIXT}")
