"""docs/configuration.md says every key there is, as the code has them, and its examples load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fixfast as ff
from docs import settings as settings_page
from docs.keys import PAGE, filled, sections
from fixfast.engine.settings.keys import keys_of
from fixfast.engine.settings.session import SessionSettings

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_has_every_key_as_the_code_has_it() -> None:
    assert filled(TEXT) == TEXT, "the page is out of date: python -m docs.keys"


def test_no_table_is_missing() -> None:
    missing = [name for name in sections() if f"<!-- keys: {name} -->" not in TEXT]
    assert not missing, f"docs/configuration.md has no section for {missing}: write one, then python -m docs.keys"


@pytest.mark.parametrize("name", sorted(sections()))
def test_every_key_is_explained(name: str) -> None:
    bare = re.findall(r"^\| `(\w+)` \|.*\|  \|$", sections()[name](), re.M)
    assert not bare, f"the docstring of {name} says nothing of {bare}"


def test_what_is_in_the_examples_loads(tmp_path: Path) -> None:
    found = [block for block in re.findall(r"^```toml\n(.*?)^```", TEXT, re.M | re.S) if "[session." in block]
    assert found
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "venue").write_text("hunter2")
    (tmp_path / "secrets" / "venue").chmod(0o600)
    for block in found:
        path = tmp_path / "bot.toml"
        path.write_text(block)
        settings = ff.load_config(path)
        assert all(isinstance(one, SessionSettings) for one in settings.sessions.values())


def test_the_errors_on_the_page_are_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = re.search(r'Path\("wrong.toml"\).write_text\("""\n(.*?)"""', TEXT, re.S)
    shown = re.search(r"^```text\n(wrong.*?)^```", TEXT, re.M | re.S)
    assert text
    assert shown
    Path("wrong.toml").write_text("\n" + text[1])
    with pytest.raises(ff.ConfigFileError) as caught:
        ff.load_config("wrong.toml")
    assert str(caught.value) + "\n" == shown[1]
    assert keys_of(ff.SessionConfig)


def test_the_page_of_quickfix_has_every_setting_as_the_code_has_it() -> None:
    text = settings_page.PAGE.read_text(encoding="utf-8")
    assert settings_page.filled(text) == text, "the page is out of date: python -m docs.settings"
