"""The documentation runs: python blocks, `fixfast` commands, names, links and make targets of README and docs/.

The blocks of a page run in order, in one namespace and one empty folder, so a later block may use what an earlier one
made. Where a page connects to port 9878, the example exchange runs as a process of its own on a free port, and that
number is put in. Nothing is mocked.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import fixfast as ff

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
PAIRS = list(zip(NAMES, PAGES, strict=True))
PORT = "9878"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text and the line the text starts on."""

    language: str
    text: str
    line: int


def blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    return [Block(m[1], m[2], text.count("\n", 0, m.start(2)) + 1) for m in _FENCE.finditer(text)]


def commands_and_statuses(block: Block) -> Iterator[tuple[str, int]]:
    """Yield the command lines of a console block, and the exit status that a comment promises ("  # status 1"), or 0.

    Lines that a backslash continues are joined.
    """
    if block.language == "console":
        for line in block.text.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                command, _, comment = line[2:].partition("  #")
                status = re.search(r"\bstatus (\d+)", comment)
                yield command.strip(), int(status[1]) if status else 0


def commands(block: Block) -> Iterator[str]:
    """Yield the command lines of a console block."""
    return (command for command, _ in commands_and_statuses(block))


@pytest.fixture
def exchange() -> Iterator[str]:
    """Start the exchange of examples/ and yield its port."""
    command = [sys.executable, str(ROOT / "examples" / "exchange.py"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = re.search(r":(\d+)\b", line)
            assert match, f"the example exchange said {line!r}"
            yield match[1]
        finally:
            process.terminate()
            process.wait(10)


def run_python(block: Block, page: str, namespace: dict[str, object]) -> None:
    code = compile("\n" * (block.line - 1) + block.text, page, "exec")
    exec(code, namespace)


def run_command(command: str, folder: Path, status: int = 0) -> None:
    command = re.sub(r"(^|\| *)fixfast ", rf"\g<1>{sys.executable} -m fixfast ", command)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    ran = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, cwd=folder, env=environment, timeout=120, check=False
    )
    assert ran.returncode == status, f"$ {command}\n{ran.stdout}{ran.stderr}"


@pytest.mark.parametrize(("page", "path"), PAIRS, ids=NAMES)
def test_blocks_of_a_page_run(
    page: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    found = blocks(path)
    port = request.getfixturevalue("exchange") if any(PORT in b.text for b in found) else PORT
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "docs"}
    for block in found:
        here = Block(block.language, block.text.replace(PORT, port), block.line)
        if here.language == "python":
            run_python(here, page, namespace)
        for command, status in commands_and_statuses(here):
            if re.search(r"(^|\| *)fixfast ", command):
                run_command(command, tmp_path, status)


def test_readme_shows_the_demo_the_code_and_the_numbers() -> None:
    found = blocks(ROOT / "README.md")
    code = [block for block in found if block.language == "python"]
    assert code, "README has no code"
    assert "ff.connect(" in code[0].text
    assert len([line for line in code[0].text.splitlines() if line.strip()]) <= 24
    pictures = [block.text for block in found if block.language == "text"]
    assert any("p99" in text for text in pictures), "no picture of the demo"
    assert [c for b in found for c in commands(b)][:2] == ["make demo", "make test"]
    assert "make bench" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("page", "path"), PAIRS, ids=NAMES)
def test_page_names_only_what_exists(page: str, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in sorted(set(re.findall(r"\bff\.([A-Za-z_]\w*)", text))):
        assert hasattr(ff, name), f"{page} mentions ff.{name}, which does not exist"
    for name in sorted(set(re.findall(r"\bfixfast((?:\.[a-z_]\w*)+(?:\.[A-Z]\w*)?)(?![\w./@-])", text))):
        assert exists(f"fixfast{name}"), f"{page} mentions fixfast{name}, which does not exist"
    for name in sorted(set(re.findall(r"`((?:fixfast|tests|docs|benchmarks|examples|\.ci)/[\w./]+)`", text))):
        built = name.rstrip("/")
        assert (ROOT / built).exists(), f"{page} mentions {name}, which does not exist"


def exists(dotted: str) -> bool:
    """Return whether a dotted name is a module, or an attribute of one."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize(("page", "path"), PAIRS, ids=NAMES)
def test_links_and_make_targets_lead_somewhere(page: str, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)#]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), f"{page} links to {target}"
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in re.findall(r"(?:`|\$ )make ([a-z]+)", text):
        assert name in targets, f"{page} mentions make {name}"


def test_a_status_that_is_not_as_promised_is_noticed(tmp_path: Path) -> None:
    lines = (
        "$ fixfast dictionary diff FIX.4.2 FIX.4.2",
        "$ fixfast dictionary diff FIX.4.2 FIX.4.1  # status 1",
    )
    equal, different = commands_and_statuses(Block("console", "\n".join(lines), 1))
    assert different == ("fixfast dictionary diff FIX.4.2 FIX.4.1", 1)
    run_command(different[0], tmp_path, different[1])
    with pytest.raises(AssertionError, match=r"no difference"):
        run_command(equal[0], tmp_path, different[1])


def test_a_name_that_is_not_there_is_noticed() -> None:
    assert exists("fixfast.errors.FieldMissing")
    assert exists("fixfast.fix44")
    assert not exists("fixfast.errors.Nonsense")
    assert not exists("fixfast.nonsense")


def test_plan_of_the_house_names_every_module_and_no_other() -> None:
    plan = next(b.text for b in blocks(ROOT / "docs" / "architecture.md") if b.text.startswith("fixfast/\n"))
    named = set(re.findall(r"\b[\w]+\.(?:pyx|py|c|h)\b", plan))
    generated = {
        "_data_pairs.py",
        "_data_pairs.h",
        *(p.with_suffix(".c").name for p in (ROOT / "fixfast").rglob("*.pyx")),
    }
    there = {
        path.name
        for suffix in ("py", "pyx", "c", "h")
        for path in (ROOT / "fixfast").rglob(f"*.{suffix}")
        if path.name not in generated and not re.match(r"fixt?\d", path.parent.name)
    }
    assert named == there
