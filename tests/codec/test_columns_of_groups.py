"""Group.columns(): the same fields of every entry as numpy arrays."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from fixfast.errors import FieldFormatError, FieldMissing
from tests.codec.samples import EXECUTION_REPORT, MARKET_DATA
from tests.codec.support import Codec, message

BOOK = "35=W|49=A|56=B|34=1|52=20260301-10:00:00|55=EUR/USD|"


def book(codec: Codec, *entries: str) -> Any:
    return codec.parse(message(f"{BOOK}268={len(entries)}|" + "".join(entries))).group(268)


def listed(arrays: tuple[Any, ...]) -> list[list[Any]]:
    return [array.tolist() for array in arrays]


def test_bare_tags_give_float64(codec: Codec) -> None:
    found = codec.parse(MARKET_DATA).group(268)
    prices, sizes = found.columns(270, 271)
    assert prices.dtype == sizes.dtype == np.float64
    assert prices.tolist() == [entry.float(270) for entry in found]
    assert sizes.tolist() == [entry.float(271) for entry in found]
    assert prices.flags.writeable
    assert prices.flags.owndata


def test_every_kind_has_its_dtype(codec: Codec) -> None:
    entries = ("269=0|270=-1.25|271=7|272=20260301|273=10:00:00|276=AB|", "269=1|270=2.5|271=-8|276=C|")
    found = book(codec, *entries)
    columns = found.columns((269, "bytes"), (270, "scaled:3"), (271, "int"), (276, "bytes"), (270, "float"))
    assert [array.dtype.str for array in columns] == ["|S1", "<i8", "<i8", "|S2", "<f8"]
    assert listed(columns) == [[b"0", b"1"], [-1250, 2500], [7, -8], [b"AB", b"C"], [-1.25, 2.5]]
    times = codec.parse(message("35=8|9000=2|9001=20260301-10:00:00.5|9002=x|9001=19691231-23:59:59|9002=y|"))
    (column,) = times.groups(9000, delimiter=9001).columns((9001, "time"))
    assert column.dtype == np.dtype("datetime64[ns]")
    assert column.astype(np.int64).tolist() == [1772359200500000000, -1000000000]


def test_absent_is_nan_nat_or_empty(codec: Codec) -> None:
    found = book(codec, "269=0|270=1|", "269=1|271=2|")
    price, text, time = found.columns(270, (271, "bytes"), (272, "time"))
    assert price[0] == 1
    assert np.isnan(price[1])
    assert text.tolist() == [b"", b"2"]
    assert np.isnat(time).all()


def test_integers_have_no_absent_unless_it_is_given(codec: Codec) -> None:
    found = book(codec, "269=0|270=1|", "269=1|271=2|")
    for kind in ("int", "scaled:2"):
        with pytest.raises(FieldMissing) as caught:
            found.columns((271, kind))
        assert caught.value.tag == 271
    assert listed(found.columns((271, "int"), (270, "scaled:2"), missing=-1)) == [[-1, 2], [100, -1]]
    for outside in (1 << 63, -(1 << 63) - 1):
        with pytest.raises(OverflowError):
            found.columns((271, "int"), missing=outside)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("float", "1e5"),
        ("float", "."),
        ("float", "-"),
        ("float", "1.2.3"),
        ("int", "1.0"),
        ("int", "-"),
        ("int", str(1 << 63)),
        ("int", "9" * 41),
        ("scaled:2", "1.005"),
        ("scaled:2", "9" * 19),
        ("time", "20260301"),
    ],
)
def test_a_wrong_value_is_refused_with_its_tag(codec: Codec, kind: str, value: str) -> None:
    found = book(codec, "269=0|270=1|", f"269=0|270={value}|")
    with pytest.raises(FieldFormatError) as caught:
        found.columns((270, kind))
    assert caught.value.tag == 270
    assert caught.value.kind == kind.partition(":")[0]


def test_no_entries_give_empty_arrays(codec: Codec) -> None:
    m = codec.parse(message(f"{BOOK}268=0|"))
    for found in (m.group(268), m.group(453), m.groups(9, delimiter=8)):
        columns = found.columns(270, (271, "int"), (272, "time"), (276, "bytes"))
        assert [array.shape for array in columns] == [(0,)] * 4
        assert [array.dtype.str for array in columns] == ["<f8", "<i8", "<M8[ns]", "|S1"]


def test_no_columns_are_no_arrays(codec: Codec) -> None:
    assert book(codec, "269=0|270=1|").columns() == ()


def test_the_first_field_of_an_entry_counts(codec: Codec) -> None:
    assert listed(book(codec, "269=0|270=1|270=2|", "269=0|58=x|270=3|").columns(270)) == [[1.0, 3.0]]


def test_columns_of_nested_groups(codec: Codec) -> None:
    parties = codec.parse(EXECUTION_REPORT).group(453)
    assert listed(parties.columns((452, "int"))) == [[1, 3]]
    assert listed(parties[0].group(802).columns((803, "int"), (523, "bytes"))) == [[1, 2], [b"s1", b"s2"]]


@pytest.mark.parametrize("column", ["270", (270,), (270, "float", 1), 2.5])
def test_a_column_is_a_tag_or_a_pair(codec: Codec, column: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        book(codec, "269=0|270=1|").columns(column)


@pytest.mark.parametrize("kind", ["str", "bool", "decimal", "datetime", "scaled", "scaled:19", "S8"])
def test_other_kinds_have_no_array(codec: Codec, kind: str) -> None:
    with pytest.raises(ValueError, match=r"kind|digits|no array"):
        book(codec, "269=0|270=1|").columns((270, kind))


@pytest.mark.parametrize("tag", [-1, 0, 1 << 31, 1 << 70])
def test_a_tag_that_no_message_has_is_absent(codec: Codec, tag: int) -> None:
    (column,) = book(codec, "269=0|270=1|").columns(tag)
    assert np.isnan(column).all()


def test_floats_are_the_nearest(twins: tuple[Codec, Codec]) -> None:
    rng = random.Random(4)
    texts = ["0", "-0", "-0.0", ".5", "5.", "00.1", "9007199254740993", "0.1234567890123456", "123456789012345678901.5"]
    for _ in range(3000):
        digits = "".join(rng.choices("0123456789", k=rng.randint(1, 24)))
        at = rng.randint(0, len(digits))
        texts.append(rng.choice(["", "-"]) + digits[:at] + rng.choice(["", "."]) + digits[at:])
    entries = [f"269=0|270={text}|" for text in texts]
    reference, compiled = (book(codec, *entries).columns(270)[0] for codec in twins)
    assert reference.tobytes() == compiled.tobytes()
    assert compiled.tolist() == [float(Decimal(text)) for text in texts]


def test_scaled_and_int_agree_with_the_twin(twins: tuple[Codec, Codec]) -> None:
    rng = random.Random(5)
    texts = [str(rng.randint(-(10**k), 10**k)) for k in range(1, 19) for _ in range(50)]
    texts += [str((1 << 63) - 1), str(-(1 << 63)), "-0", "000000000000000000000001"]
    entries = [f"269=0|270={text}|" for text in texts]
    for kind in ("int", "scaled:0"):
        for codec in twins:
            assert book(codec, *entries).columns((270, kind))[0].tolist() == [int(text) for text in texts]


def test_a_detached_message_has_columns(codec: Codec) -> None:
    data = bytearray(MARKET_DATA)
    m = codec.parse(memoryview(data))
    found = m.group(268)
    before = listed(found.columns(270, (271, "int")))
    m.detach()
    data[:] = b"x" * len(data)
    assert listed(found.columns(270, (271, "int"))) == before
