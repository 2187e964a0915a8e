"""`import fixfast` is cheap: nothing compiled, no dictionary, no dependency until it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import fixfast

ROOT = Path(fixfast.__file__).parents[1]


def run(code: str) -> list[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.split()


LIST = "import sys; print(*sorted(name for name in sys.modules if name.split('.')[0] in ('fixfast', 'numpy', 'xml')))"


def test_import_fixfast_loads_nothing_else() -> None:
    assert run(f"import fixfast; {LIST}") == ["fixfast", "fixfast._version"]


def test_a_public_name_loads_only_its_own_module() -> None:
    loaded = run(f"import fixfast; fixfast.DictionaryError; {LIST}")
    assert loaded == ["fixfast", "fixfast._version", "fixfast.errors"]


def test_a_typed_module_loads_no_dictionary() -> None:
    loaded = run(f"from fixfast import fix44; fix44.Side.BUY, fix44.Tag.Price; {LIST}")
    # the letters of kinds and the makers of names: no model, no blob, nothing compiled
    makers = ["fixfast.codec", "fixfast.codec.typed_module", "fixfast.dictionary"]
    tables = ["fixfast.dictionary.tables", "fixfast.dictionary.typed"]
    assert loaded == ["fixfast", "fixfast._version", *makers, *tables, "fixfast.fix44"]


def test_dictionaries_need_nothing_compiled() -> None:
    # setup.py imports the generator before anything is built.
    code = "import fixfast.dictionary.generate as g; g.render_all(); "
    code += "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('fixfast')))"
    files = run("import sys; " + code)
    assert files
    assert all(name.endswith(".py") for name in files)
