"""Asking for validation: parse(), StreamDecoder, Message.validate(), m.fault. What is found: test_validate_rows.py."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import fixfast as ff
from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.validation import REJECT_TEXT, Fault, InvalidMessage, Validation
from fixfast.dictionary.versions import DictionarySet
from fixfast.types import Garbled
from tests.codec.house import house, raw
from tests.codec.judging import BOOK, HEAD, ORDER, STRUCTURE, said
from tests.codec.support import Codec, message

OBSERVE = Validation("observe")
RIGHT = message(ORDER)
WRONG = message(f"{ORDER}9999=x|")
HEARTBEAT = message(f"35=0|{HEAD}9999=x|")


# --- parse ----------------------------------------------------------------------------------------------------


def test_nothing_is_checked_unless_asked_for(codec: Codec) -> None:
    for data in (RIGHT, WRONG):
        assert codec.parse(data).fault is None
        assert codec.parse(data, validate=False).fault is None


def test_a_right_message_has_no_fault(codec: Codec) -> None:
    for validate in (True, Validation(), OBSERVE, STRUCTURE):
        assert codec.parse(RIGHT, validate=validate).fault is None


@pytest.mark.parametrize("validate", [True, Validation(), Validation("reject", "structure")])
def test_parse_raises_what_is_wrong_in_mode_reject(codec: Codec, validate: Any) -> None:
    with pytest.raises(InvalidMessage, match=r"Invalid tag number \(tag 9999\)") as caught:
        codec.parse(WRONG, validate=validate)
    assert caught.value.fault == said(0, 9999)
    assert caught.value.message.raw == WRONG, "the message is not lost"
    assert caught.value.message.fault == said(0, 9999)
    assert isinstance(caught.value, ff.MessageError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("mode", ["observe", "warn"])
def test_parse_gives_the_message_with_its_fault_in_the_other_modes(codec: Codec, mode: Any) -> None:
    m = codec.parse(WRONG, validate=Validation(mode))
    assert m.fault == Fault(0, 9999, "Invalid tag number")
    assert m[11] == "a"


def test_a_fault_cannot_be_written_to(twins: tuple[Codec, Codec]) -> None:
    m = twins[1].parse(WRONG, validate=OBSERVE)
    with pytest.raises(AttributeError):
        m.fault = None


@pytest.mark.parametrize("validate", [1, 0, "full", None, {}, (OBSERVE, None), Validation])
def test_anything_else_is_refused(codec: Codec, validate: Any) -> None:
    with pytest.raises(TypeError, match="validate"):
        codec.parse(RIGHT, validate=validate)


def test_garbled_comes_before_invalid(codec: Codec) -> None:
    with pytest.raises(ff.GarbledMessage):
        codec.parse(WRONG[:-2] + b"x\x01", validate=True)


def test_one_validation_after_another(codec: Codec) -> None:
    """What one asks for is not taken for what the next asks for."""
    lenient, strict = Validation("observe", user_defined_tags=False), Validation("observe")
    for _ in range(3):
        assert codec.parse(WRONG, validate=lenient).fault is None
        assert codec.parse(WRONG, validate=strict).fault == said(0, 9999)
        assert codec.parse(WRONG, validate=Validation("observe", user_defined_tags=False)).fault is None


def test_a_message_may_be_checked_by_any_dictionary(codec: Codec) -> None:
    old = load_dictionary("FIX.4.0")
    assert codec.parse(RIGHT, dictionary=old, validate=OBSERVE).fault == said(2, 60)
    m = codec.parse(raw(), dictionary=DictionarySet(dictionaries={"FIX.4.4": house()}), validate=OBSERVE)
    assert m.fault is None
    assert codec.parse(raw(), validate=OBSERVE).fault == said(11, None)


def test_other_buffers_are_checked_like_bytes(codec: Codec) -> None:
    for buffer in (bytearray(WRONG), memoryview(WRONG)):
        assert codec.parse(buffer, validate=OBSERVE).fault == said(0, 9999)
        assert codec.parse(buffer, validate=OBSERVE, copy=True).fault == said(0, 9999)


def test_an_invalid_message_that_was_raised_lets_go_of_its_buffer(codec: Codec) -> None:
    data = bytearray(WRONG)
    with pytest.raises(InvalidMessage) as caught:
        codec.parse(data, validate=True)
    with pytest.raises(BufferError):
        data.append(0)
    caught.value.message.detach()
    data.append(0)


# --- Message.validate -----------------------------------------------------------------------------------------


def test_validate_says_what_is_wrong_now_and_leaves_fault_alone(codec: Codec) -> None:
    m = codec.parse(WRONG)
    assert m.validate() == said(0, 9999)
    assert m.validate(Validation(user_defined_tags=False)) is None
    assert m.fault is None
    marked = codec.parse(WRONG, validate=OBSERVE)
    assert marked.validate(Validation(user_defined_tags=False)) is None
    assert marked.fault == said(0, 9999)


def test_validate_never_raises_by_mode(codec: Codec) -> None:
    for mode in ("reject", "warn", "observe"):
        assert codec.parse(WRONG).validate(Validation(mode)) == said(0, 9999)


def test_validate_works_on_a_detached_message(codec: Codec) -> None:
    m = codec.parse(bytearray(WRONG))
    m.detach()
    assert m.validate() == said(0, 9999)
    assert m.validate(Validation(xml=True)) == said(0, 9999)


def test_a_pickled_message_has_no_fault_and_can_be_checked(codec: Codec) -> None:
    again = pickle.loads(pickle.dumps(codec.parse(WRONG, validate=OBSERVE)))
    assert again.fault is None
    assert again.validate() == said(0, 9999)


def test_the_module_function_does_the_same(twins: tuple[Codec, Codec]) -> None:
    from fixfast.codec.validate import validate

    m = twins[1].parse(WRONG)
    assert validate(m) == validate(m, Validation()) == said(0, 9999)
    assert validate(m, Validation(user_defined_tags=False)) is None
    for wrong in (False, 1, "full"):
        with pytest.raises(TypeError):
            validate(m, wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        validate(None)  # type: ignore[arg-type]


def test_a_message_that_parse_did_not_make_cannot_be_checked(twins: tuple[Codec, Codec]) -> None:
    made = twins[1].Message.__new__(twins[1].Message)
    for call in (made.validate, lambda: twins[1].shadowed(made)):
        with pytest.raises(TypeError):
            call()


def test_the_text_of_a_fault_is_the_standards() -> None:
    assert str(said(1, 54)) == "Required tag missing (tag 54)"
    assert str(said(11, None)) == "Invalid MsgType"
    assert str(Fault(5, 54)) == f"{REJECT_TEXT[5]} (tag 54)"


# --- StreamDecoder --------------------------------------------------------------------------------------------


def items(codec: Codec, *chunks: bytes, **options: Any) -> list[Any]:
    decoder = codec.StreamDecoder(**options)
    found: list[Any] = []
    for chunk in chunks:
        decoder.feed(chunk)
        found += list(decoder)
    return found


def faults(codec: Codec, *chunks: bytes, **options: Any) -> list[Fault | None]:
    return [item.fault for item in items(codec, *chunks, **options)]


@pytest.mark.parametrize("mode", ["reject", "observe", "warn"])
def test_a_decoder_marks_messages_and_never_raises(codec: Codec, mode: Any) -> None:
    assert faults(codec, RIGHT + WRONG + RIGHT, validate=Validation(mode)) == [None, said(0, 9999), None]


def test_a_decoder_checks_everything_for_true_and_nothing_for_false(codec: Codec) -> None:
    assert faults(codec, WRONG, validate=True) == [said(0, 9999)]
    assert faults(codec, WRONG, validate=False) == [None]
    assert faults(codec, WRONG) == [None]


def test_a_decoder_checks_in_any_split(codec: Codec) -> None:
    stream = WRONG + RIGHT + HEARTBEAT
    expected = [said(0, 9999), None, said(0, 9999)]
    for size in (1, 7, 64):
        chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
        assert faults(codec, *chunks, validate=OBSERVE) == expected


def test_a_pair_is_for_application_and_for_session_messages(codec: Codec) -> None:
    lenient = Validation(user_defined_tags=False)
    stream = WRONG + HEARTBEAT
    for pair, expected in (
        ((OBSERVE, None), [said(0, 9999), None]),
        ((None, OBSERVE), [None, said(0, 9999)]),
        ((None, None), [None, None]),
        ((lenient, OBSERVE), [None, said(0, 9999)]),
        ((OBSERVE, lenient), [said(0, 9999), None]),
    ):
        assert faults(codec, stream, validate=pair) == expected, pair


@pytest.mark.parametrize("msg_type", ["0", "1", "2", "3", "4", "5", "A", "6", "B", "AA", "00", "n", "a", "/"])
def test_session_messages_are_those_of_types_0_to_5_and_a(codec: Codec, msg_type: str) -> None:
    data = message(f"35={msg_type}|{HEAD}9999=x|")
    [fault] = faults(codec, data, validate=(None, OBSERVE))
    assert (fault is not None) == (len(msg_type) == 1 and msg_type in "012345A")


@pytest.mark.parametrize("validate", [1, None, "reject", (OBSERVE,), (OBSERVE, None, None), (1, None), [OBSERVE, None]])
def test_a_decoder_refuses_anything_else(codec: Codec, validate: Any) -> None:
    with pytest.raises(TypeError, match="validate"):
        codec.StreamDecoder(validate=validate)


def test_garbled_items_stay_garbled(codec: Codec) -> None:
    found = items(codec, b"x" + WRONG, validate=True)
    assert [type(item) is Garbled for item in found] == [True]


def test_the_dictionary_of_a_decoder_can_be_set(codec: Codec) -> None:
    decoder = codec.StreamDecoder(validate=OBSERVE)
    assert decoder.dictionary is None
    decoder.feed(raw())
    [first] = list(decoder)
    decoder.dictionary = house()
    assert decoder.dictionary is house()
    decoder.feed(raw() + raw("6003=x|"))
    second, third = list(decoder)
    decoder.dictionary = None
    decoder.feed(raw())
    [fourth] = list(decoder)
    assert [m.fault for m in (first, second, third, fourth)] == [said(11, None), None, said(6, 6003), said(11, None)]
    assert second.dictionary is house(), "a message keeps what it was taken with"


def test_a_dictionary_that_is_set_counts_for_bytes_that_were_fed_before(codec: Codec) -> None:
    decoder = codec.StreamDecoder()
    data = raw("6018=3|6019=a\x01b|")
    decoder.feed(data[:50])
    assert list(decoder) == []
    decoder.dictionary = house()
    decoder.feed(data[50:])
    [m] = list(decoder)
    assert m.bytes(6019) == b"a\x01b"


def test_a_decoder_refuses_what_is_no_dictionary_and_keeps_the_one_it_has(codec: Codec) -> None:
    decoder = codec.StreamDecoder(dictionary=house())
    for wrong in ("FIX.4.4", 44):
        with pytest.raises(TypeError):
            decoder.dictionary = wrong
    assert decoder.dictionary is house()


def test_an_unknown_begin_string_is_a_fault_and_not_an_exception(codec: Codec) -> None:
    stream = message(ORDER, "FIX.9.9") + RIGHT
    assert faults(codec, stream, validate=True) == [Fault(99, 8, "No dictionary describes this BeginString"), None]


def test_messages_of_several_versions_in_one_stream(codec: Codec) -> None:
    request = f"35=BE|1128=9|{HEAD}923=u|924=1|553=n|"
    stream = b"".join(
        (
            RIGHT,
            message(ORDER, "FIX.4.0"),
            message(request, "FIXT.1.1"),
            message(request.replace("1128=9", "1128=4"), "FIXT.1.1"),
            message(f"35=0|{HEAD}", "FIXT.1.1"),
            RIGHT,
        )
    )
    assert faults(codec, stream, validate=OBSERVE) == [None, said(2, 60), None, said(11, None), None, None]


# --- memory ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [ORDER, BOOK])
def test_a_message_is_checked_at_the_very_end_of_its_buffer(codec: Codec, body: str) -> None:
    """What reads behind the last byte, or before the first, is seen by the sanitizers."""
    data = message(body)
    for size in (0, 1, 7, 8, 63):
        buffer = memoryview(b"x" * size + data)[size:]
        assert codec.parse(buffer, validate=True).fault is None
