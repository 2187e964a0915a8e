"""Reading a message: every accessor, its default, and what it raises."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fixfast.errors import FieldFormatError, FieldMissing, MessageError
from tests.codec.samples import EXECUTION_REPORT, FIXT, HEARTBEAT, LOGON, ODD
from tests.codec.support import Codec, message

ORDER = message(
    "35=D|34=7|49=SENDER|56=TARGET|52=20240102-03:04:05.678|43=Y|97=N|11=id|55=EUR/USD|38=100|44=-1.2500|"
    "58=caf\xc3\xa9|54=1|447=A|447=B|447=A|60=20240102-03:04:05.123456789|141=N|99=|1=x=y|"
)
ORDER_NS = 1_704_164_645_678_000_000


@pytest.fixture
def m(codec: Codec) -> Any:
    return codec.parse(ORDER)


# --- text -----------------------------------------------------------------------------------------------------


def test_item_gives_text(m: Any) -> None:
    assert m[55] == "EUR/USD"
    assert m[58] == "café"
    assert m[1] == "x=y"
    assert m[99] == ""


def test_item_gives_the_first_of_several(m: Any) -> None:
    assert m[447] == "A"


def test_an_absent_field_is_field_missing_and_key_error(m: Any) -> None:
    for base in (KeyError, MessageError):
        with pytest.raises(base):
            m[9999]
    with pytest.raises(FieldMissing) as caught:
        m[9999]
    assert caught.value.tag == 9999
    assert "9999" in str(caught.value)


def test_get_gives_text_or_the_default(m: Any) -> None:
    marker = object()
    assert m.get(55) == "EUR/USD"
    assert m.get(9999) is None
    assert m.get(9999, marker) is marker
    assert m.get(9999, default="x") == "x"
    assert m.get(99, "default") == ""


def test_all_gives_every_occurrence_in_order(m: Any) -> None:
    assert m.all(447) == ["A", "B", "A"]
    assert m.all(55) == ["EUR/USD"]
    assert m.all(9999) == []


def test_in_tells_presence(m: Any) -> None:
    assert 55 in m
    assert 8 in m
    assert 10 in m
    assert 99 in m
    assert 9999 not in m
    assert 5 not in m


def test_many_gives_text_or_none(m: Any) -> None:
    assert m.many(11, 9999, 55, 99) == ("id", None, "EUR/USD", "")
    assert m.many() == ()


def test_iteration_gives_every_pair_8_9_and_10_included(m: Any) -> None:
    pairs = list(m)
    assert pairs[:3] == [(8, "FIX.4.4"), (9, m[9]), (35, "D")]
    assert pairs[-2:] == [(1, "x=y"), (10, ORDER[-4:-1].decode())]
    assert len(m) == len(pairs) == ORDER.count(b"\x01")
    assert all(type(tag) is int and type(value) is str for tag, value in pairs)


def test_two_iterations_are_independent(m: Any) -> None:
    first, second = iter(m), iter(m)
    assert next(first) == next(second) == (8, "FIX.4.4")
    assert [*first] == [*second]


def test_text_is_lossless_for_any_bytes(codec: Codec) -> None:
    raw = bytes(range(2, 256)) + "äöü€𝄞".encode() + b"\xed\xa0\x80\xff"
    m = codec.parse(message(b"35=B\x0158=" + raw + b"\x01"))
    assert m[58].encode("utf-8", "surrogateescape") == raw
    assert m.get(58).encode("utf-8", "surrogateescape") == raw
    assert dict(m)[58].encode("utf-8", "surrogateescape") == raw
    assert m.many(58)[0].encode("utf-8", "surrogateescape") == raw
    assert m.all(58)[0].encode("utf-8", "surrogateescape") == raw
    assert codec.getter((58, "str"))(m)[0].encode("utf-8", "surrogateescape") == raw
    assert m.bytes(58) == raw


@pytest.mark.parametrize("value", [*range(2, 256)])
def test_text_of_one_byte_is_right_for_every_byte(codec: Codec, value: int) -> None:
    m = codec.parse(message(b"35=B\x0158=" + bytes([value]) + b"\x01"))
    assert m[58] == bytes([value]).decode("utf-8", "surrogateescape")


# --- typed ----------------------------------------------------------------------------------------------------


def test_typed_accessors_convert(m: Any) -> None:
    assert m.bytes(58) == b"caf\xc3\xa9"
    assert m.int(38) == 100
    assert m.float(44) == -1.25
    assert m.decimal(44).as_tuple() == Decimal("-1.2500").as_tuple()
    assert m.scaled(44, 4) == -12500
    assert m.scaled(44, 2) == -125
    assert m.bool(43) is True
    assert m.bool(97) is False
    assert m.time_ns(60) == 1_704_164_645_123_456_789
    assert m.datetime(60) == datetime(2024, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    assert m.datetime(60).utcoffset() is not None


TYPED: list[tuple[str, tuple[Any, ...]]] = [
    ("bytes", ()), ("int", ()), ("float", ()), ("decimal", ()), ("scaled", (4,)), ("bool", ()), ("time_ns", ()),
    ("datetime", ()),
]  # fmt: skip
KINDS = {"time_ns": "time"}


@pytest.mark.parametrize(("name", "extra"), TYPED)
def test_typed_accessors_raise_field_missing(m: Any, name: str, extra: tuple[Any, ...]) -> None:
    with pytest.raises(FieldMissing) as caught:
        getattr(m, name)(9999, *extra)
    assert caught.value.tag == 9999


@pytest.mark.parametrize(("name", "extra"), TYPED)
def test_typed_accessors_give_their_default_for_an_absent_field(m: Any, name: str, extra: tuple[Any, ...]) -> None:
    marker = object()
    assert getattr(m, name)(9999, *extra, default=marker) is marker
    assert getattr(m, name)(9999, *extra, default=None) is None


@pytest.mark.parametrize(("name", "extra"), TYPED[1:])
@pytest.mark.parametrize("tag", [58, 99, 11])
def test_a_bad_value_names_the_tag_and_is_not_in_the_text(m: Any, name: str, extra: tuple[Any, ...], tag: int) -> None:
    for options in ({}, {"default": None}):
        with pytest.raises(FieldFormatError) as caught:
            getattr(m, name)(tag, *extra, **options)
        assert caught.value.tag == tag
        assert caught.value.value == m.bytes(tag)
        assert caught.value.kind.startswith(KINDS.get(name, name)) or name == "time_ns"
        assert isinstance(caught.value, ValueError)
        assert f"tag {tag}" in str(caught.value)
        assert "caf" not in str(caught.value)


def test_scaled_refuses_to_round_and_to_overflow(m: Any) -> None:
    for digits in (1, 0):
        with pytest.raises(FieldFormatError):
            m.scaled(44, digits)
    with pytest.raises(FieldFormatError):
        m.scaled(38, 18)


def test_an_int_longer_than_40_digits_is_refused(codec: Codec) -> None:
    m = codec.parse(message(f"35=D|1={'9' * 40}|2={'9' * 41}|3={2**63}|"))
    assert m.int(1) == 10**40 - 1
    assert m.int(3) == 2**63
    with pytest.raises(FieldFormatError):
        m.int(2)


# --- header ---------------------------------------------------------------------------------------------------


def test_header_fields_are_properties(m: Any) -> None:
    assert m.msg_type == "D"
    assert m.begin_string == "FIX.4.4"
    assert (m.msg_seq_num, type(m.msg_seq_num)) == (7, int)
    assert (m.sender_comp_id, m.target_comp_id) == ("SENDER", "TARGET")
    assert m.sending_time_ns == ORDER_NS
    assert (m.poss_dup, m.poss_resend) == (True, False)
    assert m.appl_ver_id is None


def test_appl_ver_id_is_text(codec: Codec) -> None:
    assert codec.parse(FIXT).appl_ver_id == "9"


def test_absent_header_fields_are_missing_or_false(codec: Codec) -> None:
    m = codec.parse(message("35=XYZ|"))
    assert m.msg_type == "XYZ"
    assert (m.poss_dup, m.poss_resend, m.appl_ver_id) == (False, False, None)
    for name, tag in (("msg_seq_num", 34), ("sender_comp_id", 49), ("target_comp_id", 56), ("sending_time_ns", 52)):
        with pytest.raises(FieldMissing) as caught:
            getattr(m, name)
        assert caught.value.tag == tag


def test_malformed_header_fields_are_format_errors(codec: Codec) -> None:
    m = codec.parse(message("35=0|34=x|52=yesterday|43=maybe|97=|"))
    for name, tag in (("msg_seq_num", 34), ("sending_time_ns", 52)):
        with pytest.raises(FieldFormatError) as caught:
            getattr(m, name)
        assert caught.value.tag == tag
    assert (m.poss_dup, m.poss_resend) == (False, False)


def test_redelivered_is_a_flag_that_can_be_set(m: Any) -> None:
    assert m.redelivered is False
    m.redelivered = True
    assert m.redelivered is True


def test_other_attributes_cannot_be_set(m: Any) -> None:
    for name in ("msg_type", "msg_seq_num", "raw", "nonsense"):
        with pytest.raises(AttributeError):
            setattr(m, name, 1)


def test_raw_is_the_message_as_bytes(m: Any) -> None:
    assert m.raw == ORDER
    assert type(m.raw) is bytes


# --- getter ---------------------------------------------------------------------------------------------------

COLUMNS: list[tuple[int, str, Any]] = [
    (11, "str", "id"),
    (58, "bytes", b"caf\xc3\xa9"),
    (38, "int", 100),
    (44, "float", -1.25),
    (44, "decimal", Decimal("-1.2500")),
    (44, "scaled:8", -125000000),
    (38, "scaled:0", 100),
    (43, "bool", True),
    (52, "time", ORDER_NS),
    (52, "datetime", datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)),
]


def test_getter_reads_typed_columns(codec: Codec, m: Any) -> None:
    get = codec.getter(*((tag, kind) for tag, kind, _ in COLUMNS))
    values = get(m)
    assert values == tuple(value for _, _, value in COLUMNS)
    assert [type(value) for value in values] == [type(value) for _, _, value in COLUMNS]
    assert get(m) == values


def test_getter_gives_none_for_absent_fields(codec: Codec, m: Any) -> None:
    get = codec.getter(*((9999, kind) for _, kind, _ in COLUMNS), (55, "str"))
    assert get(m) == (None,) * len(COLUMNS) + ("EUR/USD",)


@pytest.mark.parametrize("kind", [kind for _, kind, _ in COLUMNS if kind not in ("str", "bytes")])
def test_getter_refuses_bad_values_naming_the_tag(codec: Codec, m: Any, kind: str) -> None:
    get = codec.getter((55, "str"), (99, kind))
    with pytest.raises(FieldFormatError) as caught:
        get(m)
    assert (caught.value.tag, caught.value.value) == (99, b"")


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "STR",
        "text",
        "scaled",
        "scaled:",
        "scaled:x",
        "scaled:-1",
        "scaled:19",
        "scaled:99999999999",
        "int:2",
        "price",
    ],
)
def test_getter_refuses_unknown_kinds_at_once(codec: Codec, kind: str) -> None:
    with pytest.raises(ValueError):
        codec.getter((11, "str"), (44, kind))


def test_getter_reads_group_entries_too(codec: Codec) -> None:
    get = codec.getter((448, "str"), (452, "int"), (9999, "float"))
    assert [get(entry) for entry in codec.parse(EXECUTION_REPORT).group(453)] == [("A", 1, None), ("B", 3, None)]


def test_getter_reads_all_entries_of_a_group_at_once(codec: Codec) -> None:
    get = codec.getter((448, "str"), (452, "int"), (452, "scaled:2"), (9999, "float"), (523, "str"))
    group = codec.parse(EXECUTION_REPORT).group(453)
    assert get(group) == [get(entry) for entry in group]
    assert get(group)[0][:4] == ("A", 1, 100, None)
    assert get(codec.parse(EXECUTION_REPORT).group(9999)) == []
    assert codec.getter()(group) == [(), ()]


def test_getter_on_a_group_takes_the_first_of_equal_tags_and_columns_that_share_a_bucket(codec: Codec) -> None:
    text = "35=X|49=A|56=B|34=1|52=20260301-10:00:00|268=2|279=0|269=0|270=1.5|270=2.5|526=x|782=y|279=1|782=z|"
    group = codec.parse(message(text)).group(268)
    get = codec.getter((782, "str"), (270, "decimal"), (526, "str"), (14, "str"), (270, "str"))
    assert get(group) == [("y", Decimal("1.5"), "x", None, "1.5"), ("z", None, None, None, None)]


def test_getter_on_a_group_refuses_a_bad_value_naming_the_tag(codec: Codec) -> None:
    group = codec.parse(EXECUTION_REPORT).group(453)
    with pytest.raises(FieldFormatError) as caught:
        codec.getter((452, "int"), (448, "int"))(group)
    assert caught.value.tag == 448


def test_getter_on_a_group_reads_what_needs_python_code(codec: Codec) -> None:
    data = bytearray(EXECUTION_REPORT)
    m = codec.parse(memoryview(data))
    group = m.group(453)
    get = codec.getter((448, "bytes"), (452, "decimal"))
    m.detach()
    data[:] = b"x" * len(data)
    assert get(group) == [(b"A", Decimal(1)), (b"B", Decimal(3))]


def test_getter_takes_nothing_else(codec: Codec) -> None:
    for wrong in (None, 7, "m"):
        with pytest.raises(TypeError, match="Group expected"):
            codec.getter((11, "str"))(wrong)


def test_getter_of_nothing_gives_nothing(codec: Codec, m: Any) -> None:
    assert codec.getter()(m) == ()


# --- body -----------------------------------------------------------------------------------------------------


def test_body_is_what_encode_takes(codec: Codec, m: Any) -> None:
    body = m.body()
    assert body[0] == (97, "N")
    assert not {8, 9, 10, 35, 34, 43, 49, 52, 56, 122} & {tag for tag, _ in body}
    assert [tag for tag, _ in body if tag == 447] == [447] * 3
    assert (58, "café") in body


def test_body_gives_data_as_bytes_and_encode_takes_it_back(codec: Codec) -> None:
    m = codec.parse(LOGON)
    assert (96, b"a\x0110=000\x01b") in m.body()
    again = codec.parse(codec.encode("FIX.4.4", "A", m.body()))
    assert again.body() == m.body()


def test_odd_fields_are_read_like_any_other(codec: Codec) -> None:
    m = codec.parse(ODD)
    assert (m[9999], m[-1], m[0], m[999999999]) == ("", "x", "y", "z")
    assert m.many(-1, 0) == ("x", "y")
    assert m.msg_type == "U1"


# --- looks, identity, copies ----------------------------------------------------------------------------------


def test_messages_are_equal_only_to_themselves(codec: Codec) -> None:
    first, second = codec.parse(ORDER), codec.parse(ORDER)
    assert first == first
    assert first != second
    assert len({first, second}) == 2


def test_a_message_is_an_instance_of_message(codec: Codec, m: Any) -> None:
    assert isinstance(m, codec.Message)


def test_pickle_keeps_the_bytes(codec: Codec, m: Any) -> None:
    again = pickle.loads(pickle.dumps(m))
    assert again.raw == ORDER
    assert again[55] == "EUR/USD"


def test_repr_is_short_and_names_the_type(codec: Codec) -> None:
    text = repr(codec.parse(message("35=D|58=" + "x" * 5000 + "|")))
    assert len(text) < 200
    assert "D" in text


SECRETS = message(
    "35=A|98=0|108=30|553=user|554=hunter2|925=hunter3|95=7|96=hunter4|1401=7|1402=hunter5|1403=7|1404=hunter6|"
)


def test_secrets_are_masked_wherever_a_message_is_shown(codec: Codec) -> None:
    m = codec.parse(SECRETS)
    for shown in (repr(m), str(m), m.pretty(), str(m.to_dict(mask=True))):
        assert "hunter" not in shown
    assert "user" in m.pretty()


def test_raw_data_is_masked_on_a_logon_only(codec: Codec) -> None:
    assert "public" in codec.parse(message("35=B|148=x|95=6|96=public|")).pretty()


def test_to_dict_and_to_json_hold_every_value(codec: Codec) -> None:
    m = codec.parse(EXECUTION_REPORT)
    for text in (json.dumps(m.to_dict(), default=str), m.to_json()):
        for value in ("order-1", "EUR/USD", "1.08451", "s2"):
            assert value in text
    json.loads(m.to_json())


def test_value_has_the_type_of_the_dictionary(codec: Codec) -> None:
    m = codec.parse(EXECUTION_REPORT)
    assert m.value(31) == Decimal("1.08451")
    assert type(m.value(31)) is Decimal
    assert m.value(34) == 4
    assert m.value(58) == "a=b"
    assert m.value(60) == datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    with pytest.raises(FieldMissing):
        m.value(9999)


def test_a_heartbeat_has_no_body(codec: Codec) -> None:
    assert codec.parse(HEARTBEAT).body() == []
    assert codec.parse(HEARTBEAT).body(nested=True) == []


# --- the two implementations have one interface ---------------------------------------------------------------


@pytest.mark.parametrize("tag", ["55", 55.0, None, b"55", (55,)], ids=repr)
@pytest.mark.parametrize("name", ["__getitem__", "__contains__", "get", "all", "many", "bytes", "int", "group"])
def test_a_tag_that_is_no_int_is_a_type_error(m: Any, name: str, tag: Any) -> None:
    with pytest.raises(TypeError):
        getattr(m, name)(tag)


@pytest.mark.parametrize("tag", [1 << 31, 1 << 40, 1 << 70, -(1 << 31) - 1, (1 << 32) + 55, 1_000_000_000])
def test_a_tag_that_no_message_can_have_is_absent(m: Any, tag: int) -> None:
    assert tag not in m
    assert m.get(tag) is None
    assert m.all(tag) == []
    with pytest.raises(FieldMissing):
        m[tag]


def test_messages_are_made_by_parsing_only(codec: Codec) -> None:
    with pytest.raises(TypeError):
        codec.Message()


def public_names(thing: Any) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def test_the_reference_has_every_public_name_of_the_compiled_codec(twins: tuple[Codec, Codec]) -> None:
    reference, compiled = twins
    for name in ("Message", "StreamDecoder", "Template", "convert"):
        assert public_names(getattr(compiled, name)) <= public_names(getattr(reference, name))
    theirs, ours = (codec.parse(EXECUTION_REPORT).group(453) for codec in (compiled, reference))
    assert public_names(theirs) <= public_names(ours)
    assert public_names(theirs[0]) <= public_names(ours[0])


def test_entries_have_values_by_the_dictionary(codec: Codec) -> None:
    entry = codec.parse(EXECUTION_REPORT).group(453)[0]
    assert (entry.value(452), entry.value(448)) == ("1", "A")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_lets_nothing_through_is_refused(codec: Codec, limit: int) -> None:
    with pytest.raises(ValueError):
        codec.parse(HEARTBEAT, max_message_size=limit)
    with pytest.raises(ValueError):
        codec.StreamDecoder(max_message_size=limit)


@pytest.mark.parametrize("size", [*range(1, 20), 63, 64, 65])
def test_text_of_every_length(codec: Codec, size: int) -> None:
    plain = bytes(33 + i % 90 for i in range(size))
    values = [plain]
    for at in range(size):
        values += [plain[:at] + b"\xff" + plain[at + 1 :], plain[:at] + "\xe9".encode() + plain[at + 1 :]]
    for value in values:
        m = codec.parse(message(b"35=D\x0158=" + value + b"\x0111=x\x01"))
        assert m[58] == value.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("size", range(1, 24))
def test_numbers_of_every_length(codec: Codec, size: int) -> None:
    for sign in ("", "-"):
        for point in range(size + 1):
            text = f"{sign}{'9876543210' * 3:.{size}}"
            dotted = f"{text[: len(sign) + point]}.{text[len(sign) + point :]}"
            m = codec.parse(message(f"35=D|44={dotted}|38={text}|"))
            assert m.int(38) == int(text)
            assert m.decimal(44) == Decimal(dotted)
            assert m.float(44) == float(dotted)
            if size <= 18:
                assert m.scaled(44, 18 - point) == int(Decimal(dotted).scaleb(18 - point))
