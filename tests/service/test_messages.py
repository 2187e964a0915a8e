"""Messages: each survives the way through a frame; what is none is refused without telling what was in it."""

from __future__ import annotations

import contextlib
import typing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixfast.service import messages
from fixfast.service.frames import FrameError
from fixfast.service.messages import Grant, Granted, Level, Login, LogOn, Message, SessionInfo, Submit, decode, encode

CLASSES = sorted(
    {one for union in ("Greeting", "Command", "Event") for one in typing.get_args(getattr(messages, union))},
    key=lambda one: one.__name__,
)


_PLAIN: dict[object, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(-(2**63), 2**64 - 1),  # what MessagePack has
    bytes: st.binary(max_size=40),
    bool: st.booleans(),
    type(None): st.none(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return st.builds(hint, **{name: values(one) for name, one in typing.get_type_hints(hint).items()})
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is list:
        return st.lists(values(inner[0]), max_size=3)
    if typing.get_origin(hint) is tuple and inner[-1] is Ellipsis:
        return st.lists(values(inner[0]), max_size=3).map(tuple)
    if typing.get_origin(hint) is tuple:
        return st.tuples(*map(values, inner))
    return st.one_of(*map(values, inner))


@pytest.mark.parametrize("cls", CLASSES)
@given(data=st.data())
def test_a_message_is_the_same_at_the_other_end(cls: type[Message], data: st.DataObject) -> None:
    message = data.draw(values(cls))
    assert decode(encode(message)) == message


@given(st.binary(max_size=100))
def test_whatever_bytes_come_there_is_a_message_or_a_frame_error(content: bytes) -> None:
    with contextlib.suppress(FrameError):
        assert isinstance(decode(content), Message)


def test_keys_that_are_not_known_are_passed_over() -> None:
    content = msgspec.msgpack.encode({"type": "ping", "id": 3, "newer": [1, 2]})
    assert decode(content) == messages.Ping(3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"type": "nonsense"}, "nonsense"),
        ({"type": "ping"}, "missing required field `id`"),
        ({"type": "ping", "id": "x"}, "Expected `int`, got `str`"),
        ({"id": 1}, "missing required field `type`"),
        ([1, 2], "Expected `object`, got `array`"),
    ],
)
def test_what_is_wrong_is_named(content: object, said: str) -> None:
    with pytest.raises(FrameError, match=said):
        decode(msgspec.msgpack.encode(content))


def test_a_text_that_is_no_utf_8_is_no_message() -> None:
    with pytest.raises(FrameError):
        decode(b"\x82\xa4type\xa4ping\xa2id\xa1\xff")


@pytest.mark.parametrize(
    "message",
    [
        Login("alice", "CANARY"),
        Granted("s", "unix:/x", b"CANARY"),
        Grant(1, b"CANARY", "A"),
        LogOn(1, password="CANARY"),
    ],
)
def test_a_secret_is_not_in_the_repr(message: Message) -> None:
    assert "CANARY" not in repr(message)
    assert "***" in repr(message)


def test_values_inside_messages_are_values_too() -> None:
    book = messages.BookNow("A", "live", [Level("1.5", "10", 2)], [], 7)
    assert decode(encode(book)) == book
    told = messages.Sessions(1, [SessionInfo("s", "a", "running", 1, 2, 0, 1)])
    assert decode(encode(told)) == told
    order = Submit(1, "A-1", "EUR/USD", "1", "100", extra=((58, "x"),))
    assert decode(encode(order)) == order
