"""A new file in spec/ is all that a new version of FIX needs: nothing else in a copy of the package is touched."""

from __future__ import annotations

import importlib.machinery
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fixfast

ROOT = Path(fixfast.__file__).parents[1]

PROGRAM = """
import sys
from datetime import datetime, UTC
import fixfast as ff
assert ff.__file__.startswith(sys.argv[1]), ff.__file__
from fixfast import fix45, fix50sp3
from fixfast.dictionary.compiled import BLOB_DIR
from fixfast.dictionary.generate import GENERATED_PACKAGES
from fixfast.dictionary.typed import code_enum

assert {"fixfast.fix45", "fixfast.fix50sp3"} <= set(GENERATED_PACKAGES)
assert {"FIX45.bin", "FIX50SP3.bin"} <= {path.name for path in BLOB_DIR.iterdir()}
now = datetime(2024, 1, 2, tzinfo=UTC)
head = {"sender_comp_id": "A", "target_comp_id": "B", "msg_seq_num": 1, "sending_time": now}
order = fix45.OrderCancelRequest(
    orig_cl_ord_id="o", cl_ord_id="c", side="1", transact_time=now,
    no_party_ids=[fix45.Parties.NoPartyIDs(party_id="P")],
)
raw = order.encode(**head)
m = ff.parse(raw)
assert m.begin_string == "FIX.4.5" and m.dictionary is ff.load_dictionary("FIX.4.5")
assert m.validate() is None
assert m.group(453)[0][448] == "P"
assert fix45.OrderCancelRequest.from_message(m) == order
assert m.value(54) is fix45.Side.BUY is code_enum(m.dictionary, 54)("1")
assert fix45.Tag.Side == 54

quote = fix50sp3.QuoteCancel(quote_cancel_type=fix50sp3.QuoteCancelType.CANCEL_ALL_QUOTES)
d = ff.load_dictionary("fix50sp3")
assert (d.version, d.begin_string) == ("FIX.5.0SP3", "FIXT.1.1")
raw = quote.encode(**head)
assert raw.startswith(b"8=FIXT.1.1")
m = ff.parse(raw, dictionary=d)
assert m.validate() is None
assert m.value(298) is fix50sp3.QuoteCancelType.CANCEL_ALL_QUOTES
print("done")
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return the root of a copy of the package, without what the generator makes, and with two more files in spec/."""
    compiled = tuple(importlib.machinery.EXTENSION_SUFFIXES)

    def leave_out(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(ROOT / "fixfast").parts
        made = ("fix4", "fix5", "fixt1", "blobs", "_data_pairs", "__pycache__")
        wanted = (".py", ".xml", ".toml", *compiled)
        return {
            name
            for name in names
            if name.startswith(made) or ("." in name and not name.endswith(wanted)) or inside[:1] == ("cli",)
        }

    shutil.copytree(ROOT / "fixfast", tmp_path / "fixfast", ignore=leave_out)
    spec = tmp_path / "fixfast" / "dictionary" / "spec"
    old = (spec / "FIX44.xml").read_text(encoding="utf-8")
    (spec / "FIX45.xml").write_text(old.replace('minor="4"', 'minor="5"', 1), encoding="utf-8")
    old = (spec / "FIX50SP1.xml").read_text(encoding="utf-8")
    (spec / "FIX50SP3.xml").write_text(old.replace('servicepack="1"', 'servicepack="3"', 1), encoding="utf-8")
    for name in ("FIX40", "FIX41", "FIX42", "FIX43", "FIX50SP2"):  # only to be quick
        (spec / f"{name}.xml").unlink()
    return tmp_path


def test_a_new_spec_needs_no_code(copy: Path) -> None:
    run = [sys.executable, "-S", "-c"]
    path = "import runpy, sys; sys.path.insert(0, sys.argv[1])\n"
    generate = f"{path}runpy.run_module('fixfast.dictionary.generate', run_name='__main__')"
    subprocess.run([*run, generate, str(copy)], check=True, cwd=copy)
    for name in ("fix45", "fix50sp3"):
        assert (copy / "fixfast" / name / "__init__.py").is_file()
        assert (copy / "fixfast" / name / "__init__.pyi").is_file()
    done = subprocess.run([*run, path + PROGRAM, str(copy)], check=False, cwd=copy, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_what_is_generated_is_not_in_git() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    names = ["fixfast/fix45/__init__.py", "fixfast/fix50sp3/__init__.pyi", "fixfast/fixt12/__init__.py"]
    names.append("fixfast/dictionary/blobs/FIX45.bin")
    done = subprocess.run(["git", "check-ignore", *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == names
