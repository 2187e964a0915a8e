"""Named arguments, groups in Slots, and encoder(): what they write is what encode() writes for the same fields."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import fixfast as ff
from fixfast.codec.encoders import ENCODERS, arguments
from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.errors import EncodeError, EncodeTypeError
from fixfast.types import Scaled, Slot
from tests.codec.support import Codec, message

NS = 1_704_164_645_678_901_234
HEADER: list[tuple[int, Any] | Slot] = [(49, "A"), (56, "B"), Slot(34, "int"), Slot(52, "time")]
#: a value for each kind of argument
SAMPLES: dict[str, Any] = {"str": "x1", "int": 7, "decimal": Decimal("1.50"), "bool": True, "time": NS, "scaled:5": 150}


def made(codec: Codec, version: str, msg_type: str, **options: Any) -> Any:
    """Return what encoder() returns, with the codec under test."""
    if codec.name == "compiled":
        return ff.encoder(version, msg_type, HEADER, **options)
    slots, names, needed = arguments(load_dictionary(version), msg_type, options.pop("scale", None))
    names = ["msg_seq_num", "sending_time", *names]
    return codec.Template(version, msg_type, slots, header=HEADER, names=names, needed=needed + 2, **options)


def sample(slot: Slot) -> Any:
    if isinstance(slot.kind, tuple):
        entry = tuple(sample(item) for item in slot.kind)
        return [entry, (entry[0], *[None] * (len(entry) - 1)), entry]
    return SAMPLES[slot.kind]


def field(slot: Slot, value: Any) -> tuple[int, Any]:
    """Return the field that encode() takes for a slot's value."""
    tag = int(slot.tag)
    if isinstance(slot.kind, tuple):
        columns = slot.kind
        entries = [entry if isinstance(entry, tuple) else (entry,) for entry in value]
        return tag, [
            [field(item, one) for item, one in zip(columns, entry, strict=True) if one is not None] for entry in entries
        ]
    return tag, Scaled(value, -5) if slot.kind == "scaled:5" else value


@pytest.mark.parametrize("scale", [None, 5])
@pytest.mark.parametrize("version", [version for version in VERSIONS if version != "FIXT.1.1"])
def test_an_encoder_writes_what_encode_writes(codec: Codec, version: str, scale: int | None) -> None:
    dictionary = load_dictionary(version)
    for msg_type in ENCODERS:
        if msg_type not in dictionary.messages:
            continue
        encoder = made(codec, version, msg_type, scale=scale)
        values = [sample(slot) for slot in encoder.slots]
        values[0], values[1] = 7, NS
        for leave_out in (0, 1, 2):  # all, every second of the optional ones, all optional ones
            given = dict(zip(encoder.names, values, strict=True))
            _, _, needed = arguments(dictionary, msg_type)
            for i, name in enumerate(encoder.names[needed + 2 :]):
                if leave_out == 2 or (leave_out == 1 and i % 2):
                    given[name] = None
            fields = [
                field(slot, given[name])
                for slot, name in zip(encoder.slots, encoder.names, strict=True)
                if given[name] is not None
            ]
            expected = codec.encode(version, msg_type, [(49, "A"), (56, "B"), *fields])
            assert encoder.encode(*given.values()) == expected
            assert encoder.encode(**given) == expected
            assert encoder.encode(**{name: value for name, value in given.items() if value is not None}) == expected


def test_the_arguments_are_the_fields_of_the_version() -> None:
    names = ff.encoder("FIX.4.4", "D", HEADER).names
    assert names is not None
    assert names[:8] == (
        "msg_seq_num", "sending_time", "cl_ord_id", "symbol", "side", "transact_time", "order_qty", "ord_type",
    )  # fmt: skip
    assert "last_shares" in (ff.encoder("FIX.4.2", "8", HEADER).names or ())
    assert "last_qty" in (ff.encoder("FIX.4.4", "8", HEADER).names or ())
    assert "exec_trans_type" in (ff.encoder("FIX.4.2", "8", HEADER).names or ())
    assert "exec_trans_type" not in (ff.encoder("FIX.4.4", "8", HEADER).names or ())
    assert ff.encoder("FIXT.1.1", "0", HEADER).names == ("msg_seq_num", "sending_time", "test_req_id")


@pytest.mark.parametrize("msg_type", ["A", "AE", "", "d"])
def test_other_messages_have_no_encoder(msg_type: str) -> None:
    with pytest.raises(ValueError, match="no encoder"):
        ff.encoder("FIX.4.4", msg_type, HEADER)


def test_a_message_that_the_version_does_not_have(codec: Codec) -> None:
    with pytest.raises(ValueError, match="no encoder"):
        made(codec, "FIX.4.0", "W")


def test_named_values_may_come_in_any_order(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "D", [Slot(1), Slot(2), Slot(3)], names=["a", "b", "c"], needed=1)
    assert template.encode("x", c="z", b="y") == message("35=D|1=x|2=y|3=z|")
    assert template.encode(c="z", a="x") == message("35=D|1=x|3=z|")
    assert template.encode("x") == message("35=D|1=x|")
    assert template.names == ("a", "b", "c")
    assert template.encode("x", **{"".join(["b", ""]): "y"}) == message("35=D|1=x|2=y|")


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((), {"b": "y"}), (("x",), {"a": "x"}), (("x",), {"d": "y"}), (("x", "y", "z", "u"), {})],
)
def test_a_call_that_does_not_fit_is_a_type_error(codec: Codec, values: tuple[str, ...], named: dict[str, str]) -> None:
    template = codec.Template("FIX.4.4", "D", [Slot(1), Slot(2), Slot(3)], names=["a", "b", "c"], needed=1)
    with pytest.raises(TypeError):
        template.encode(*values, **named)


def test_without_names_there_are_none(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "D", [Slot(1)])
    assert template.names is None
    with pytest.raises(TypeError):
        template.encode(a="x")
    with pytest.raises(TypeError):
        template.encode()


@pytest.mark.parametrize("names", [[], ["a"], ["a", "a"], ["a", "b", "c"]])
def test_there_is_one_name_for_each_slot(codec: Codec, names: list[str]) -> None:
    with pytest.raises(ValueError, match="names"):
        codec.Template("FIX.4.4", "D", [Slot(1), Slot(2)], names=names)


GROUP = Slot(268, (Slot(269), Slot(270, "decimal"), Slot(271, "int")))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("0", Decimal("1.5"), 7)], "268=1|269=0|270=1.5|271=7|"),
        ([["0", None, 7], ("1", 2, None)], "268=2|269=0|271=7|269=1|270=2|"),
        ((("0", Scaled(15, -1), None),), "268=1|269=0|270=1.5|"),
        ([(b"0", None, 1 << 70)], "268=1|269=0|271=1180591620717411303424|"),
        ([], ""),
        ((), ""),
        (None, ""),
    ],
)
def test_a_group_in_a_slot(codec: Codec, entries: Any, expected: str) -> None:
    template = codec.Template("FIX.4.4", "W", [(55, "X"), GROUP, Slot(58)])
    assert template.encode(entries, "t") == message(f"35=W|55=X|{expected}58=t|")
    assert template.encode(entries, None) == message(f"35=W|55=X|{expected}")


def test_a_large_group_in_a_slot(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "W", [GROUP])
    entries = [("0", Decimal(i) / 100, i) for i in range(1000)]
    fields = [(268, [[(269, kind), (270, price), (271, size)] for kind, price, size in entries])]
    assert template.encode(entries) == codec.encode("FIX.4.4", "W", fields)


def test_a_group_of_one_field_takes_the_values(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "V", [Slot(267, (Slot(269),)), Slot(146, (Slot(55),))])
    expected = message("35=V|267=2|269=0|269=1|146=1|55=EUR/USD|")
    assert template.encode(["0", "1"], ["EUR/USD"]) == expected
    assert template.encode([("0",), ["1"]], [("EUR/USD",)]) == expected


def test_a_group_in_a_group_in_a_slot(codec: Codec) -> None:
    template = codec.Template(
        "FIX.4.4", "D", [Slot(453, (Slot(448), Slot(452, "int"), Slot(802, (Slot(523), Slot(803)))))]
    )
    entries = [("a", 1, [("s", "1"), ("t", None)]), ("b", None, [])]
    assert template.encode(entries) == message("35=D|453=2|448=a|452=1|802=2|523=s|803=1|523=t|448=b|")


def test_a_group_beside_what_must_be_counted(codec: Codec) -> None:
    template = codec.Template("FIX.4.4", "D", [GROUP, (95, 1), Slot(96), Slot(73, "int"), Slot(11), (11, "x")])
    expected = message("35=D|268=1|269=0|271=7|95=1|96=a|73=2|11=y|11=x|")
    assert template.encode([("0", None, 7)], b"a", 2, "y") == expected


@pytest.mark.parametrize(
    ("entries", "tag", "error"),
    [
        ("abc", 268, EncodeTypeError),
        (5, 268, EncodeTypeError),
        (["0"], 268, EncodeTypeError),
        ([("0", None)], 268, EncodeTypeError),
        ([(None, None, 7)], 268, EncodeError),
        ([("0", 1.5, 7)], 270, EncodeTypeError),
        ([("", None, 7)], 269, EncodeError),
        ([("a\x01", None, 7)], 269, EncodeError),
    ],
)
def test_entries_that_do_not_fit(codec: Codec, entries: Any, tag: int, error: type[EncodeError]) -> None:
    template = codec.Template("FIX.4.4", "W", [GROUP])
    with pytest.raises(error) as caught:
        template.encode(entries)
    assert caught.value.tag == tag


@pytest.mark.parametrize("column", [Slot(95, "int"), Slot(96), Slot(8), Slot(73, "int")])
def test_what_cannot_stand_in_a_group_of_a_slot(codec: Codec, column: Slot) -> None:
    with pytest.raises(EncodeError) as caught:
        codec.Template("FIX.4.4", "W", [Slot(268, (Slot(269), column))])
    assert caught.value.tag == column.tag


@pytest.mark.parametrize("kind", [(), (1,), ("str",), 5, None, [Slot(269)]])
def test_no_kind_of_a_slot(codec: Codec, kind: Any) -> None:
    with pytest.raises(ValueError, match="kind"):
        codec.Template("FIX.4.4", "W", [Slot(268, kind)])
