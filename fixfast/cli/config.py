"""`fixfast config`: judge configuration files, turn those of QuickFIX into fixfast's, show what holds in the end."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import click

from fixfast import clock
from fixfast.cli.paint import CONTROL, CONTROL_BUT_LINES, Styles, write
from fixfast.engine.quickfix.convert import Converted, convert, looks_like_cfg, to_toml_text
from fixfast.engine.quickfix.numbers import read_numbers, seed
from fixfast.engine.settings.file import Loaded, load_config, look_at_config
from fixfast.engine.settings.nodes import Node
from fixfast.engine.settings.remarks import ConfigRemark
from fixfast.engine.settings.show import effective, of_process
from fixfast.engine.settings.write import dump
from fixfast.errors import ConfigError, StoreError

__all__ = ["build"]

_STYLES: Styles = (
    (r"^error: .*$", "red"),
    (r"^warning: .*$", "yellow"),
    (r"^\[.*\]$", "bold"),
    (r"# default$", "dim"),
    (r"^.*: [\d,]+ sessions?, nothing wrong$", "green"),
)
_FAILED = 2  # what cannot be read or written; click's own status for wrong arguments

_HELP = """Judge configuration files, convert those of QuickFIX.

FILE is fixfast's own, in TOML, or a settings file of QuickFIX, QuickFIX/J, QuickFIX/n: `ff.load_config` reads both.

\b
  fixfast config check bot.toml quickfix.cfg       all that is wrong
  fixfast config convert quickfix.cfg -o bot.toml  the same in TOML
  fixfast config show bot.toml orders              what holds in the end
"""


def _fail(text: str) -> click.exceptions.Exit:
    sys.stderr.write(f"fixfast config: {text.translate(CONTROL)}\n")
    return click.exceptions.Exit(_FAILED)


def _line(remark: ConfigRemark) -> str:
    return f"{remark.severity}: {remark}"


def _summary(file: str, loaded: Loaded) -> str:
    """Return the last line about a file."""
    counts = {kind: sum(r.severity == kind for r in loaded.remarks) for kind in ("error", "warning", "note")}
    said = [f"{n} {kind}{'s' * (n != 1)}" for kind, n in counts.items() if n]
    number = len(loaded.settings.sessions) if loaded.settings is not None else 0
    sessions = f"{number} session{'s' * (number != 1)}, " if loaded.settings is not None else ""
    return f"{file}: {sessions}{', '.join(said) or 'nothing wrong'}"


@click.command("check", short_help="All that is wrong in a file.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--plain", is_flag=True, help="No colours, on a terminal too.")
@click.pass_context
def check(ctx: click.Context, files: tuple[str, ...], as_json: bool, plain: bool) -> None:
    """Say all that is wrong in each FILE: with line, key, and what to write instead.

    Errors: the file cannot be used. Warnings: it means something else than it seems to. Notes: good to know. The
    dictionaries and certificates that a file names are read, too. Nothing is connected, nothing is written.

    Exit status: 0 when all files can be used, 1 when one cannot.
    """
    found = {file: look_at_config(file, files=True) for file in files}
    if as_json:
        rows = [
            {
                "file": file,
                "ok": loaded.settings is not None,
                "sessions": list(loaded.settings.sessions) if loaded.settings is not None else [],
                "remarks": [remark._asdict() for remark in loaded.remarks],
            }
            for file, loaded in found.items()
        ]
        write(json.dumps({"ok": all(row["ok"] for row in rows), "files": rows}, indent=2) + "\n")
    else:
        lines = [
            line for file, loaded in found.items() for line in (*map(_line, loaded.remarks), _summary(file, loaded))
        ]
        write("\n".join(lines) + "\n", styles=_STYLES, plain=plain)
    ctx.exit(0 if all(loaded.settings is not None for loaded in found.values()) else 1)


# --- convert --------------------------------------------------------------------------------------------------------


def _read_cfg(file: str) -> bytes:
    try:
        with open(file, "rb") as source:
            data = source.read()
    except OSError as error:
        raise _fail(f"{file}: {error.strerror}") from None
    if not looks_like_cfg(file, data):
        raise _fail(f"{file}: no settings file of QuickFIX: it has no [DEFAULT] and no [SESSION]")
    return data


@click.command("convert", short_help="A settings file of QuickFIX in TOML.")
@click.argument("file")
@click.option("-o", "--output", metavar="FILE", help="Write there, not to standard output. What is there is replaced.")
@click.option("--numbers", is_flag=True, help="Let the new stores go on from the sequence numbers of QuickFIX's files.")
@click.pass_context
def convert_command(ctx: click.Context, file: str, output: str | None, numbers: bool) -> None:
    """Write FILE, a settings file of QuickFIX, as fixfast's own: in TOML, each key with the line it comes from.

    What has no counterpart stands there as a comment. Passwords are written as they are; the output has mode 0600. It
    loads to the same options as FILE itself.

    --numbers: stop QuickFIX first. The numbers in FileStorePath become those of the new stores, which must be empty;
    the messages that QuickFIX sent are not taken over, and gap-filled where the peer asks for them.

    Exit status: 0; 1 when something is wrong: it is written all the same, if it can be, but not the numbers.
    """
    found = convert(_read_cfg(file), file)
    loaded = look_at_config(file)
    for remark in loaded.errors:
        sys.stderr.write(f"{_line(remark)}\n")
    if not found.drafts:
        ctx.exit(1)
    text = to_toml_text(found, os.path.dirname(os.path.abspath(output)) if output else os.getcwd())
    if output is None:
        write(text)
    else:
        _write_private(output, text)
    if loaded.settings is None:
        ctx.exit(1)
    if numbers and not _take_over(found, loaded):
        ctx.exit(1)


def _write_private(path: str, text: str) -> None:
    """Write a file that only its owner reads: there may be passwords in it. It is whole, or not there."""
    try:
        fd, new = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(os.path.abspath(path)))
        try:
            with open(fd, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(new, path)
        except BaseException:
            os.unlink(new)
            raise
    except OSError as error:
        raise _fail(f"{path}: {error.strerror}") from None


def _take_over(found: Converted, loaded: Loaded) -> bool:
    """Seed the stores of all sessions. Return whether all of that went well; each has a line on standard error."""
    assert loaded.settings is not None
    well = True
    for name, draft in found.drafts.items():
        try:
            there = read_numbers(draft)
            if there is None:
                said = f"no numbers of QuickFIX in {draft.text('FileStorePath') or 'any file'}"
            elif seed(loaded.settings.sessions[name], there, clock.now()):
                said = f"goes on with {there.next_out} to send and {there.next_in} to receive, from {there.path}"
            else:
                said = f"has {there.next_out} to send and {there.next_in} to receive already"
        except (ConfigError, StoreError, OSError) as error:
            said, well = str(error), False
        sys.stderr.write(f"{name}: {said}\n".translate(CONTROL_BUT_LINES))
    return well


# --- show -----------------------------------------------------------------------------------------------------------


def _plain(node: Node) -> Any:
    if node.is_table:
        return {key: _plain(one) for key, one in node.value.items()}
    return [_plain(one) for one in node.value] if isinstance(node.value, list) else node.value


def _shown(process: Mapping[str, Node], sessions: Mapping[str, Node]) -> str:
    root = Node({**process, "session": Node(sessions)})
    return dump(root, lambda node: "default" if node.name == "default" else "", escape=False)


@click.command("show", short_help="What holds in the end.")
@click.argument("file")
@click.argument("session", required=False)
@click.option("--set", "only_set", is_flag=True, help="Leave out what is as by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--plain", is_flag=True, help="No colours, on a terminal too.")
def show(file: str, session: str | None, only_set: bool, as_json: bool, plain: bool) -> None:
    """Show every option of the sessions in FILE, or of one SESSION: what it is after defaults and environment.

    Values that nobody set are marked. Passwords are masked.

    Exit status: 0; 2 when FILE cannot be used.
    """
    try:
        settings = load_config(file)
        chosen = [settings[session]] if session is not None else list(settings.sessions.values())
    except ConfigError as error:
        raise _fail(str(error)) from None
    sessions = {one.name: effective(one) for one in chosen}
    process = of_process(settings) if session is None else {}
    if only_set:
        sessions, process = ({name: _set(node) for name, node in nodes.items()} for nodes in (sessions, process))
    if as_json:
        tables = {name: _plain(node) for name, node in {**process, "session": Node(sessions)}.items()}
        write(json.dumps(tables, indent=2) + "\n")
    else:
        write(_shown(process, sessions), styles=_STYLES, plain=plain)


def _set(node: Node) -> Node:
    """Return a table without what is as by default, and without tables that are empty then."""
    kept = {key: _set(one) if one.is_table else one for key, one in node.value.items() if one.name != "default"}
    return Node({key: one for key, one in kept.items() if not one.is_table or one.value}, node.line, node.name)


def build() -> click.Command:
    """Return the command group, for `fixfast`."""
    return click.Group("config", commands=[check, convert_command, show], help=_HELP, no_args_is_help=True)
