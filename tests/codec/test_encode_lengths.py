"""Values of every length, and numbers at each power of ten: what the encoder writes in words, it writes exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fixfast.errors import EncodeError
from fixfast.types import Slot
from tests.codec.support import Codec, message

SECOND = 10**9
NS = 1_704_164_645_678_901_234
#: 0, and around each power of ten as far as 20 digits go
NUMBERS = sorted({0, *(10**power + more for power in range(20) for more in (-1, 0, 1, 2))})


class Text(str):
    """A str that keeps its characters somewhere else."""

    __slots__ = ()


def body(raw: bytes) -> bytes:
    assert raw == message(raw[raw.index(b"35=D") : -7])
    return bytes(raw[raw.index(b"35=D") + 5 : -7])


@pytest.mark.parametrize("n", [*range(1, 90), *range(970, 990), 2000, *range(8150, 8200, 7), 9970, 9990, 20000])
def test_text_of_every_length(codec: Codec, n: int) -> None:
    text = "".join(chr(33 + i % 90) for i in range(n))
    expected = b"1=x\x0158=" + text.encode() + b"\x0144=y\x01"
    template = codec.Template("FIX.4.4", "D", [(1, "x"), Slot(58), (44, "y")])
    for value in (text, text.encode(), Text(text)):
        assert body(codec.encode("FIX.4.4", "D", [(1, "x"), (58, value), (44, "y")])) == expected
        assert body(template.encode(value)) == expected


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 24, 33])
def test_soh_is_found_wherever_it_stands(codec: Codec, n: int) -> None:
    template = codec.Template("FIX.4.4", "D", [Slot(58)])
    for i in range(n):
        text = "a" * i + "\x01" + "a" * (n - i - 1)
        for value in (text, text.encode(), Text(text)):
            with pytest.raises(EncodeError) as caught:
                codec.encode("FIX.4.4", "D", [(1, "x"), (58, value)])
            assert caught.value.tag == 58
            with pytest.raises(EncodeError):
                template.encode(value)


@pytest.mark.parametrize("near", ["\x00", "\x02", "\x7f", "\x81", "é"])
def test_what_is_near_soh_is_text(codec: Codec, near: str) -> None:
    for n in range(1, 12):
        raw = codec.encode("FIX.4.4", "D", [(58, near * n)])
        assert body(raw) == b"58=" + (near * n).encode() + b"\x01"


@pytest.mark.parametrize("sign", ["", "-"])
def test_numbers_of_every_length(codec: Codec, sign: str) -> None:
    for number in NUMBERS:
        value = int(f"{sign}{number}")
        expected = b"38=%d\x01" % value
        assert body(codec.encode("FIX.4.4", "D", [(38, value)])) == expected
        assert body(codec.Template("FIX.4.4", "D", [Slot(38, "int")]).encode(value)) == expected


@pytest.mark.parametrize("scale", range(19))
def test_decimals_of_every_length(codec: Codec, scale: int) -> None:
    template = codec.Template("FIX.4.4", "D", [Slot(44, f"scaled:{scale}")])
    for number in NUMBERS:
        for sign in (0, 1):
            digits = tuple(int(digit) for digit in str(number))
            value = Decimal((sign, digits, -scale))
            expected = f"44={value:f}\x01".encode()
            assert body(codec.encode("FIX.4.4", "D", [(44, value)])) == expected
            if number:
                assert body(template.encode(-number if sign else number)) == expected


@pytest.mark.parametrize(
    "text", ["1E+3", "0E+3", "-0", "0.00", "-0.0", "1E-19", "0E-19", "123E-30", "1" * 20, "9" * 90]
)
def test_decimals_that_no_word_holds(codec: Codec, text: str) -> None:
    value = Decimal(text)
    assert body(codec.encode("FIX.4.4", "D", [(44, value)])) == f"44={value:f}\x01".encode()


@pytest.mark.parametrize("digits", [0, 3, 6, 9])
def test_times_of_one_message_do_not_disturb_each_other(codec: Codec, digits: int) -> None:
    times = [NS, NS + 1, NS - SECOND, NS, 0, -1, -SECOND, -SECOND - 1, -(1 << 63), (1 << 63) - 1, 951_782_399 * SECOND]
    raw = codec.encode("FIX.4.4", "D", [(60, ns) for ns in times], timestamp_digits=digits)
    alone = [body(codec.encode("FIX.4.4", "D", [(60, ns)], timestamp_digits=digits)) for ns in times]
    assert body(raw) == b"".join(alone)
    expected = [b"60=" + codec.convert.format_time(ns, digits) + b"\x01" for ns in times]
    assert alone == expected


@pytest.mark.parametrize("tag", [1, 9999, 4095, 4096, 4097, 65535, 65536, 99999, 100000, 999_999_999])
def test_tags_of_every_length(codec: Codec, tag: int) -> None:
    value: Any = "x"
    assert body(codec.encode("FIX.4.4", "D", [(tag, value)])) == b"%d=x\x01" % tag


def test_a_message_that_outgrows_its_buffer_at_every_place(codec: Codec) -> None:
    for n in range(1900, 2060):
        fields = [(58, "x" * n), (38, 12345678), (60, NS), (44, Decimal("-1.50")), (1, "y")]
        expected = b"58=%b\x0138=12345678\x0160=20240102-03:04:05.678\x0144=-1.50\x011=y\x01" % (b"x" * n)
        assert body(codec.encode("FIX.4.4", "D", fields)) == expected
