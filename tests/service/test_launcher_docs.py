"""docs/launcher.md says every key there is, as the code has them, and its examples load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.keys import LAUNCHER, filled, launcher_sections
from fixfast.service.launcher.config import load_launcher_config

TEXT = LAUNCHER.read_text(encoding="utf-8")


def test_the_page_has_every_key_as_the_code_has_it() -> None:
    assert filled(TEXT) == TEXT, "the page is out of date: python -m docs.keys"
    missing = [name for name in launcher_sections() if f"<!-- keys: {name} -->" not in TEXT]
    assert not missing, f"docs/launcher.md has no section for {missing}: write one, then python -m docs.keys"


@pytest.mark.parametrize("name", sorted(launcher_sections()))
def test_every_key_is_explained(name: str) -> None:
    bare = re.findall(r"^\| `(\w+)` \|.*\|  \|$", launcher_sections()[name](), re.M)
    assert not bare, f"the docstring of {name} says nothing of {bare}"


def test_what_is_in_the_examples_loads(tmp_path: Path) -> None:
    found = re.findall(r"^```toml\n(.*?)^```", TEXT, re.M | re.S)
    assert found
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "alice").write_text("hunter2")
    (tmp_path / "secrets" / "alice").chmod(0o600)
    for block in found:
        (tmp_path / "launcher.toml").write_text(block)
        assert load_launcher_config(tmp_path / "launcher.toml").accounts
