"""V23: of several faults in one message the one that counts most is told, whatever stands first. On both codecs."""

from __future__ import annotations

from itertools import combinations

import pytest

from fixfast.dictionary.validation import Validation
from tests.codec.house import house, raw
from tests.codec.judging import at_home, judge, said
from tests.codec.support import Codec, message

#: SessionRejectReasons in the order in which they count
ORDER_OF_REASONS = (18, 11, 0, 3, 2, 4, 7, 13, 14, 15, 16, 17, 12, 6, 5, 1, 99)

#: reason -> (where, fields, tag): "head" is behind MsgType, "body" is behind Need. Any of them can be combined.
FAULTS = {
    0: ("body", "9999=x|", 9999),
    2: ("body", "7202=x|", 7202),
    4: ("body", "6001=|", 6001),
    7: ("head", "90=1|91=s|", 91),
    13: ("body", "6090=a|6090=b|", 6090),
    14: ("body", "43=N|", 43),
    15: ("body", "8000=1|8070=a|8001=a|8070=b|", 8070),
    16: ("body", "7500=9|7600=1|7601=a|7501=b|", 7500),
    12: ("body", "6020=3|6021=<a>|", 6021),
    6: ("body", "6003=x|", 6003),
    5: ("body", "6050=c|", 6050),
    1: ("body", "7000=1|7001=a|", 7003),
}
EVERYTHING = Validation(xml=True)


def whole(*faults: int) -> bytes:
    """Return a message with these faults, in this order."""
    parts = {where: "".join(FAULTS[f][1] for f in faults if FAULTS[f][0] == where) for where in ("head", "body")}
    return raw(parts["body"], head=parts["head"])


@pytest.mark.parametrize("reason", FAULTS)
def test_v23_each_fault_alone(codec: Codec, reason: int) -> None:
    m = codec.parse(whole(reason), dictionary=house())
    assert m.validate(EVERYTHING) == said(reason, FAULTS[reason][2])


@pytest.mark.parametrize("pair", list(combinations(FAULTS, 2)))
def test_v23_of_two_faults_the_first_in_the_fixed_order_counts(codec: Codec, pair: tuple[int, int]) -> None:
    expected = min(pair, key=ORDER_OF_REASONS.index)
    for order in (pair, pair[::-1]):
        m = codec.parse(whole(*order), dictionary=house())
        assert m.validate(EVERYTHING) == said(expected, FAULTS[expected][2])


def test_v23_all_at_once(codec: Codec) -> None:
    faults = list(FAULTS)
    while faults:
        for order in (faults, faults[::-1]):
            m = codec.parse(whole(*order), dictionary=house())
            expected = min(order, key=ORDER_OF_REASONS.index)
            assert m.validate(EVERYTHING) == said(expected, FAULTS[expected][2])
        faults.remove(expected)


def test_v23_18_and_11_come_before_all_others(codec: Codec) -> None:
    wrong = "35=ZZ|1128=0|49=|49=|0=x|99999=|"
    assert codec.parse(message(wrong, "FIXT.1.1")).validate() == said(18, 1128)
    assert judge(codec, wrong) == said(11, None)


@pytest.mark.parametrize(
    ("fields", "reason", "tag"),
    [
        ("9999=x|9998=x|", 0, 9999),
        ("7202=x|7201=x|", 2, 7202),
        ("6001=|6002=|", 4, 6001),
        ("6090=a|6001=x|6090=b|6001=y|", 13, 6090),
        ("43=N|93=1|6090=x|", 14, 43),
        ("7000=1|7003=a|7001=a|7003=b|8000=1|8070=x|", 15, 7003),
        ("7000=9|7001=a|7003=b|8000=9|8001=a|8070=b|", 16, 7000),
        ("6003=x|6002=xx|", 6, 6003),
        ("6002=xx|6003=x|", 6, 6002),
        ("6050=c|6051=9|", 5, 6050),
        ("7000=x|6003=x|", 6, 7000),
        ("6003=x|7000=x|", 6, 6003),
        ("6005=99|6050=c|", 5, 6005),
    ],
)
def test_v23_of_equal_faults_the_first_in_the_message_counts(codec: Codec, fields: str, reason: int, tag: int) -> None:
    assert at_home(codec, fields) == said(reason, tag)


def test_v23_one_field_may_be_wrong_in_two_ways(codec: Codec) -> None:
    assert at_home(codec, "6003=|6003=|") == said(4, 6003), "empty before twice"
    assert at_home(codec, "6090=x|43=N|43=N|") == said(13, 43), "twice before out of order"
    assert at_home(codec, "7000=1|7001=a|7003=x|7002=x|") == said(15, 7002), "out of order before bad format"
    assert at_home(codec, "6003=x|6003=1|") == said(13, 6003), "twice before bad format"


def test_v23_what_is_switched_off_does_not_hide_what_is_behind_it(codec: Codec) -> None:
    lenient = Validation(unknown_tags=False, user_defined_tags=False, empty=False, order=False, codes=False)
    m = codec.parse(whole(0, 2, 4, 14, 5, 1), dictionary=house())
    assert m.validate(lenient) == said(1, 7003)
    assert codec.parse(whole(0, 2, 4, 14, 5), dictionary=house()).validate(lenient) is None
