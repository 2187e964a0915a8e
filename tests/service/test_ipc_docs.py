"""docs/ipc.md has every message as the code has it, and each of its keys is explained."""

from __future__ import annotations

import typing

import msgspec
import pytest

from docs.messages import PAGE, classes, described, filled
from fixfast.service import messages

ALL = [cls for name in ("greeting", "launching", "commands", "events") for cls in classes(name)]


def test_the_page_says_what_the_code_does() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert filled(text) == text, "the page is out of date: python -m docs.messages"


def test_no_message_is_missing() -> None:
    unions = {one for name in ("Greeting", "Command", "Event") for one in typing.get_args(getattr(messages, name))}
    assert unions <= set(ALL)
    assert {one.__name__ for one in set(ALL) - unions} == {"SessionInfo", "Level"}  # what stands inside of others


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_every_key_is_explained_and_no_other(cls: type[msgspec.Struct]) -> None:
    assert list(described(cls)) == [field.name for field in msgspec.structs.fields(cls)]
