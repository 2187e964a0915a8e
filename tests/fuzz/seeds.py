"""What is made from the small dictionaries of the corpus: compiled ones in files would go out of date."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fixfast.dictionary.compile import compile_dictionary
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.quickfix_xml import read_quickfix_xml
from fixfast.dictionary.resolve import resolve

__all__ = ["CORPUS", "compiled_seeds", "small"]

CORPUS = Path(__file__).parent / "corpus"


def _dictionary(path: Path) -> Dictionary:
    return resolve(read_quickfix_xml(path.read_bytes(), path.name))


@cache
def small() -> Dictionary:
    """Return the small dictionary that has a bit of everything."""
    return _dictionary(CORPUS / "xml" / "seed-small.xml")


@cache
def compiled_seeds() -> tuple[bytes, ...]:
    """Return the small dictionaries compiled."""
    return tuple(compile_dictionary(_dictionary(path)) for path in sorted((CORPUS / "xml").glob("seed-*.xml")))
