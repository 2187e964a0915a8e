"""A broker's files, made from the standard's by small edits."""

from __future__ import annotations

from pathlib import Path

from fixfast.dictionary.load import SPEC_DIR, load_dictionary
from fixfast.dictionary.model import Dictionary


def edited(folder: Path, *edits: tuple[str, str], spec: str = "FIX42", name: str = "broker.xml") -> Path:
    """Write a dictionary of the standard with texts replaced, each where it occurs first; return its path.

    Raises: AssertionError: a text to replace is not there: the edit would test nothing.
    """
    text = (SPEC_DIR / f"{spec}.xml").read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text, f"{spec}.xml has no {old!r}"
        text = text.replace(old, new, 1)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def broker(folder: Path, *edits: tuple[str, str], spec: str = "FIX42") -> Dictionary:
    """Return a dictionary of the standard with texts replaced."""
    return load_dictionary(edited(folder, *edits, spec=spec))


def field(number: int, name: str, type_name: str = "STRING", inside: str = "") -> tuple[str, str]:
    """Return the edit that adds a field definition; `inside`: its <value> elements."""
    return "  </fields>", f'    <field number="{number}" name="{name}" type="{type_name}">{inside}</field>\n  </fields>'


def member(message: str, xml: str, spec: str = "FIX42") -> tuple[str, str]:
    """Return the edit that adds members at the front of a message."""
    text = (SPEC_DIR / f"{spec}.xml").read_text(encoding="utf-8")
    start = text.index(f'<message name="{message}"')
    tag = text[start : text.index(">", start) + 1]
    return tag, f"{tag}\n{xml}"
