"""A house dictionary with a field of every type, groups of every shape, and little that is required.

Message H1: Need(6000) is required. NoA(7000) has entries of 7001 (delimiter) 7002 7003 (required) NoB 7004 6099;
NoB(7100) of 7101 7102 (required) NoC; NoC(7200) of 7201 7202 (required). The entries of NoOdd(7500) begin with a count,
NoInner(7600). NoLarge(8000) has 70 members, the first and the last are required. 6099 is a member of the message, too.
Message H2: sixteen groups in each other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.model import Dictionary, Kind
from tests.codec.support import message

__all__ = ["CODED", "DEEPEST", "FIELDS", "house", "raw"]

#: kind -> (tag, type)
FIELDS: Mapping[Kind, tuple[int, str]] = {
    "str": (6001, "STRING"),
    "char": (6002, "CHAR"),
    "int": (6003, "INT"),
    "uint": (6004, "SEQNUM"),
    "day": (6005, "DAYOFMONTH"),
    "decimal": (6006, "PRICE"),
    "bool": (6007, "BOOLEAN"),
    "time": (6008, "UTCTIMESTAMP"),
    "date": (6009, "LOCALMKTDATE"),
    "timeonly": (6010, "UTCTIMEONLY"),
    "localtime": (6011, "LOCALMKTTIME"),
    "tztime": (6012, "TZTIMEONLY"),
    "tztimestamp": (6013, "TZTIMESTAMP"),
    "monthyear": (6014, "MONTHYEAR"),
    "tenor": (6015, "TENOR"),
    "chars": (6016, "MULTIPLECHARVALUE"),
    "strings": (6017, "MULTIPLESTRINGVALUE"),
    "data": (6019, "DATA"),
    "xml": (6021, "XMLDATA"),
}
#: tag -> (type, codes)
CODED: Mapping[int, tuple[str, tuple[str, ...]]] = {
    6050: ("CHAR", ("a", "b", "0")),
    6051: ("MULTIPLECHARVALUE", ("1", "2", "3")),
    6052: ("MULTIPLESTRINGVALUE", ("AA", "B", "CCC")),
    6053: ("STRING", ("X", "YY")),  # open
    6054: ("BOOLEAN", ("Y",)),
    6055: ("INT", ("1", "22", "-3")),
    6056: ("STRING", tuple(f"code{i}" for i in range(200))),
    6057: ("DAYOFMONTH", ("1", "31", "99")),
}
DEEPEST = 16  # groups in each other

_HEADER = {8: "STRING", 9: "LENGTH", 35: "STRING", 49: "STRING", 56: "STRING", 34: "SEQNUM", 52: "UTCTIMESTAMP"}
_HEADER_OPTIONAL = {1128: "STRING", 90: "LENGTH", 91: "DATA", 43: "BOOLEAN"}
_TRAILER_OPTIONAL = {93: "LENGTH", 89: "DATA"}


def _member(tag: int, required: bool = False) -> str:
    return f'<field name="F{tag}" required="{"Y" if required else "N"}"/>'


def _group(tag: int, content: str) -> str:
    return f'<group name="F{tag}" required="N">{content}</group>'


def _xml(begin_string: str, signed: bool) -> str:
    types = {**_HEADER, 8: begin_string, **_HEADER_OPTIONAL, 10: "STRING", **_TRAILER_OPTIONAL}
    types |= {6000: "STRING", 6018: "LENGTH", 6020: "LENGTH", **dict(FIELDS.values())}
    types |= dict.fromkeys((7000, 7100, 7200, 7500, 7600, 8000), "NUMINGROUP")
    types |= dict.fromkeys((7001, 7003, 7004, 7101, 7201, 7202, 7501, 7601, 7602), "STRING")
    types |= {7002: "INT", 7102: "CHAR", 6090: "STRING", 6099: "STRING"}
    types |= dict.fromkeys(range(8001, 8071), "STRING")
    for level in range(DEEPEST):
        types |= {9000 + level: "NUMINGROUP", 9100 + level: "STRING"}

    c = _group(7200, _member(7201, True) + _member(7202, True))
    b = _group(7100, _member(7101, True) + _member(7102, True) + c)
    a = _group(7000, _member(7001, True) + _member(7002) + _member(7003, True) + b + _member(7004) + _member(6099))
    odd = _group(7500, _group(7600, _member(7601, True) + _member(7602)) + _member(7501, True))
    large = _group(8000, "".join(_member(tag, tag in (8001, 8070)) for tag in range(8001, 8071)))
    plain = "".join(_member(tag) for tag in sorted({6018, 6020, *(tag for tag, _ in FIELDS.values()), *CODED}))
    deep = ""
    for level in reversed(range(DEEPEST)):
        deep = _group(9000 + level, _member(9100 + level, True) + deep)

    fields = "".join(f'<field number="{tag}" name="F{tag}" type="{kind}"/>' for tag, kind in types.items())
    for tag, (kind, codes) in CODED.items():
        values = "".join(f'<value enum="{code}" description="C{i}"/>' for i, code in enumerate(codes))
        allowed = ' allowOtherValues="Y"' if tag == 6053 else ""
        fields += f'<field number="{tag}" name="F{tag}" type="{kind}"{allowed}>{values}</field>'
    header = "".join(_member(tag, True) for tag in _HEADER) + "".join(map(_member, _HEADER_OPTIONAL))
    return (
        f'<fix type="FIX" major="4" minor="4"><header>{header}</header>'
        f"<trailer>{''.join(_member(tag, signed) for tag in _TRAILER_OPTIONAL)}{_member(10, True)}</trailer><messages>"
        f'<message name="House" msgtype="H1" msgcat="app">{_member(6000, True)}{plain}{a}{odd}{large}'
        f"{_member(6090)}{_member(6099)}</message>"
        f'<message name="Deep" msgtype="H2" msgcat="app">{deep}</message>'
        f"</messages><components/><fields>{fields}</fields></fix>"
    )


@cache
def house(begin_string: str = "STRING", signed: bool = False) -> Dictionary:
    """Return the dictionary. Args: begin_string: the type of BeginString(8). signed: 93 and 89 are required."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "house.xml")
        path.write_text(_xml(begin_string, signed), encoding="utf-8")
        return load_dictionary(path)


def raw(body: str | bytes = "", *, msg_type: str = "H1", head: str = "", begin_string: str = "FIX.4.4") -> bytes:
    """Return a message of the house, right but for what `body` (behind Need) and `head` (behind MsgType) bring."""
    need = "6000=n|" if msg_type == "H1" else ""
    start = f"35={msg_type}|{head}49=A|56=B|34=1|52=20240102-03:04:05|{need}".replace("|", "\x01").encode()
    content = body.replace("|", "\x01").encode() if isinstance(body, str) else body
    return message(start + content, begin_string)
