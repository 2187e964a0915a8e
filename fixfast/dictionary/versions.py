"""Which dictionary describes a message: BeginString, ApplVerID(1128), the MsgType's default, DefaultApplVerID(1137)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from fixfast.errors import DictionaryError

if TYPE_CHECKING:  # PERF: the first group of a message needs no model, and no reader of one: 4 instead of 31 ms
    from fixfast.dictionary.model import Dictionary

__all__ = ["APPL_VERSIONS", "SPEC_DIR", "VERSIONS", "Choice", "DictionarySet", "versions_in"]

#: The folder with the standard's dictionaries.
SPEC_DIR = Path(__file__).parent / "spec"

_STEM = re.compile(r"(FIXT?)(\d)(\d)(SP\d)?")


def versions_in(folder: Path) -> dict[str, str]:
    """Return {version: file name without ".xml"} of the dictionaries in a folder: FIX50SP2.xml is FIX.5.0SP2."""
    found = {}
    for path in sorted(folder.glob("*.xml")):
        match = _STEM.fullmatch(path.stem)
        if match is None:
            raise DictionaryError("a specification is named FIX or FIXT, two digits, perhaps SP and a digit", path.name)
        kind, major, minor, pack = match.groups()
        found[f"{kind}.{major}.{minor}{pack or ''}"] = path.stem
    return found


#: Version -> file name without ".xml", which is also how generated modules are named, in lower case. What lies in the
#: folder is what there is.
VERSIONS = MappingProxyType(versions_in(SPEC_DIR))

#: ApplVerID(1128) and DefaultApplVerID(1137) -> version. 0 and 1 (FIX 2.7 and 3.0) have no dictionary.
APPL_VERSIONS = MappingProxyType(
    {
        "2": "FIX.4.0",
        "3": "FIX.4.1",
        "4": "FIX.4.2",
        "5": "FIX.4.3",
        "6": "FIX.4.4",
        "7": "FIX.5.0",
        "8": "FIX.5.0SP1",
        "9": "FIX.5.0SP2",
    }
)

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
