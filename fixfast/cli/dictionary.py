"""`fixfast dictionary`: look into a data dictionary, compare two, judge a broker's, validate a log by it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from fixfast.cli.dictionary_log import LogValidator, validation_lines
from fixfast.cli.dictionary_text import check_lines, diff_lines, field_lines, overview_lines, tree_lines
from fixfast.cli.paint import CONTROL, Styles, write
from fixfast.dictionary.check import check as look_at
from fixfast.dictionary.describe import components_with, field_dict, find_field, find_owner, overview, tree, used_in
from fixfast.dictionary.diff import diff as compare
from fixfast.dictionary.load import VERSIONS, load_dictionary
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.validation import Validation
from fixfast.errors import DictionaryError

__all__ = ["build"]

F = TypeVar("F", bound=Callable[..., Any])

#: What a person looks for first: headings, tags, what came and what went.
_STYLES: Styles = (
    (r"^[a-z][a-z ]+\([\d,]+\)$", "bold"),
    (r"^\d+ (warnings?|codes?)\b.*$", "bold"),
    (r"^[* ] +\d+(?= )", "cyan"),
    (r"^\* ", "bold red"),
    (r"^ +\+ .*$", "green"),
    (r"^ +- .*$", "red"),
    (r"^.+: [\d,]+ of [\d,]+ at fault$", "bold"),
)
_READ_SIZE = 1 << 16
_FAILED = 2  # what cannot be read or found; click's own status for wrong arguments

_HELP = """Look into a data dictionary.

DICTIONARY is a version of FIX ("FIX.4.4"), a version with an overlay ("FIX.4.2+auth"), or a file: QuickFIX XML, FIX
Orchestra XML, or an overlay in TOML.

\b
  fixfast dictionary show FIX.4.4                  what is in it
  fixfast dictionary show FIX.4.4 D                a message as a tree
  fixfast dictionary field FIX.4.4 Side            a field, codes, uses
  fixfast dictionary diff FIX.4.4 broker.xml       what a broker changed
  fixfast dictionary check broker.xml              what looks wrong in it
  fixfast dictionary validate broker.xml bot.log   what is wrong in a log

Every command takes --json. What cannot be read or found ends with status 2 and one line.
"""


def _options(command: F) -> F:
    """Add the options of every sub-command."""
    transport = click.option(
        "--transport", metavar="DICTIONARY", help='For FIX 5.0 and later: the transport\'s, if not "FIXT.1.1".'
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
    plain = click.option("--plain", is_flag=True, help="No colours, on a terminal too.")
    return transport(as_json(plain(command)))


def _fail(error: Exception) -> click.exceptions.Exit:
    """Say in one line what went wrong; return what ends the command."""
    text = str(error.args[0] if isinstance(error, LookupError) and error.args else error)
    sys.stderr.write(f"fixfast dictionary: {text.translate(CONTROL)}\n")
    return click.exceptions.Exit(_FAILED)


def _load(source: str, transport: str | None = None) -> Dictionary:
    try:
        return load_dictionary(source, transport=transport) if transport else load_dictionary(source)
    except DictionaryError as error:
        raise _fail(error) from error


def _over(dictionary: Dictionary) -> str:
    """Return the name of the standard's dictionary beside which one stands: "FIX.4.4", "FIX.4.4+FIXT.1.1"."""
    version, begin_string = dictionary.version, dictionary.begin_string
    return version if begin_string == load_dictionary(version).begin_string else f"{version}+{begin_string}"


def _show(lines: Iterable[str], plain: bool) -> None:
    write("\n".join(lines) + "\n", styles=_STYLES, plain=plain)


def _show_json(value: object) -> None:
    write(json.dumps(value, indent=2) + "\n")


# --- the commands ---------------------------------------------------------------------------------------------


@click.command("show", short_help="The whole, or a message as a tree.")
@click.argument("dictionary")
@click.argument("what", required=False)
@click.option("--depth", type=click.IntRange(min=0), help="Open groups and components only so many levels down.")
@_options
def show(
    dictionary: str, what: str | None, depth: int | None, transport: str | None, as_json: bool, plain: bool
) -> None:
    """Show what is in DICTIONARY, or WHAT of it: a message (name or MsgType), a component, "header" or "trailer".

    A member with a * is required: of the message, or of each entry of its group.
    """
    loaded = _load(dictionary, transport)
    if what is None:
        found = overview(loaded)
        if as_json:
            _show_json(found)
        else:
            _show(overview_lines(loaded, found), plain)
        return
    try:
        owner = find_owner(loaded, what)
        items = tree(owner.members, depth=depth)
    except (LookupError, DictionaryError) as error:
        raise _fail(error) from error
    if as_json:
        named = {"kind": owner.kind, "name": owner.name, "version": loaded.version}
        typed = {"msg_type": owner.msg_type, "category": owner.category} if owner.msg_type else {}
        _show_json({**named, **typed, "members": [item.as_dict() for item in items]})
    else:
        _show(tree_lines(owner, items, loaded.version), plain)


@click.command("field", short_help="A field, its codes, its uses.")
@click.argument("dictionary")
@click.argument("field")
@_options
def field(dictionary: str, field: str, transport: str | None, as_json: bool, plain: bool) -> None:
    """Show a FIELD of DICTIONARY, by tag or name: its type, its codes, and the messages that have it."""
    loaded = _load(dictionary, transport)
    try:
        found = find_field(loaded, field)
        uses = used_in(loaded, found.tag)
    except (LookupError, DictionaryError) as error:
        raise _fail(error) from error
    components = components_with(loaded, found.tag)
    lengths = {data: length for length, data in loaded.data_pairs.items()}
    data, length = loaded.data_pairs.get(found.tag), lengths.get(found.tag)
    if as_json:
        pair = {"length_of": data} if data else {"length": length} if length else {}
        row = {"version": loaded.version, **field_dict(found), **pair}
        _show_json({**row, "used_in": [use.as_dict() for use in uses], "components": components})
        return
    said = ""
    if data:
        said = f"the length of {loaded.fields[data].name} ({data})"
    elif length:
        said = f"its length is {loaded.fields[length].name} ({length})"
    _show(field_lines(found, uses, components, said), plain)


@click.command("diff", short_help="What a broker changed.")
@click.argument("old")
@click.argument("new")
@click.option("--no-names", is_flag=True, help="Only what changes on the wire: no names of fields, messages, codes.")
@_options
@click.pass_context
def diff(
    ctx: click.Context, old: str, new: str, no_names: bool, transport: str | None, as_json: bool, plain: bool
) -> None:
    """Show what NEW adds to OLD, leaves out and changes: fields, types, codes, messages, members, what is required.

    Members are compared as they are on the wire: which components a file has makes no difference, nor does the order
    of members, but for those of a group. --transport counts for NEW.

    Exit status: 0 when they are equal, 1 when they differ, 2 when one cannot be read.
    """
    try:
        found = compare(_load(old), _load(new, transport), names=not no_names)
    except DictionaryError as error:
        raise _fail(error) from error
    if as_json:
        _show_json(found.as_dict())
    else:
        _show(diff_lines(found, old, new), plain)
    ctx.exit(1 if found else 0)


@click.command("check", short_help="What looks wrong in a file.")
@click.argument("dictionary")
@click.option("--all", "everything", is_flag=True, help="Also what the standard's dictionary deserves as well.")
@_options
@click.pass_context
def check(
    ctx: click.Context, dictionary: str, everything: bool, transport: str | None, as_json: bool, plain: bool
) -> None:
    """Read DICTIONARY and say what looks wrong in it though it can be read.

    Warnings will hurt: lost data, messages that can never be valid, names that mean something else in the standard.
    Notes may be meant so. What the standard's dictionary of the version has as well is only counted.

    Exit status: 0 without warnings, 1 with warnings, 2 when it cannot be read: one line names file, line and element.
    """
    loaded = _load(dictionary, transport)
    standard = load_dictionary(_over(loaded)) if loaded.version in VERSIONS else None
    remarks = look_at(loaded, standard, load_dictionary("FIX.5.0SP2"))
    warned = any(remark.severity == "warning" and not remark.standard for remark in remarks)
    if as_json:
        _show_json({"version": loaded.version, "ok": not warned, "remarks": [remark.as_dict() for remark in remarks]})
    else:
        _show(check_lines(dictionary, loaded, remarks, everything=everything), plain)
    ctx.exit(1 if warned else 0)


def _switches(command: F) -> F:
    """Add the options that make a `Validation`: its own switches, under the same names."""
    for name, text in (
        ("empty", "Fields without a value are no faults."),
        ("order", "Header, body, trailer mixed, groups out of order: no faults."),
        ("codes", "Values that are not in the field's codes are no faults."),
        ("user-defined-tags", "The same from 5000 up."),
        ("unknown-tags", "Tags below 5000 that a message should not have: no faults."),
    ):
        option = click.option(f"--no-{name}", name.replace("-", "_"), flag_value=False, default=True, help=text)
        command = option(command)
    xml = click.option("--xml", is_flag=True, help="XML data must be well-formed.")
    structure = click.option("--structure", is_flag=True, help="Members, order, groups only; no formats and codes.")
    return structure(xml(command))


@click.command("validate", short_help="What is wrong with the messages of a log.")
@click.argument("dictionary")
@click.argument("log")
@_switches
@_options
@click.pass_context
def validate(
    ctx: click.Context,
    /,
    dictionary: str,
    log: str,
    structure: bool,
    transport: str | None,
    as_json: bool,
    plain: bool,
    **switches: bool,
) -> None:
    """Validate the messages in LOG ("-": standard input) by DICTIONARY.

    Any text or binary log will do, as for `fixfast decode`. Of each message the first fault counts, as a session would
    answer it. Faults are listed with how often they occur and where first; values of fields are never shown.

    Exit status: 0 when all messages are valid, 1 when one is not, or is garbled, or there is none, 2 when DICTIONARY or
    LOG cannot be read.
    """
    rules = Validation("observe", "structure" if structure else "full", **switches)
    result = LogValidator(_load(dictionary, transport), rules)
    try:
        with click.open_file(log, "rb") as source:
            read = getattr(source, "read1", source.read)  # what a pipe has, without waiting for more
            result.run(lambda: read(_READ_SIZE))
    except OSError as error:
        raise _fail(OSError(f"{log}: {error.strerror}")) from error
    if as_json:
        _show_json(result.as_dict())
    else:
        _show(validation_lines(result, dictionary, log), plain)
    ctx.exit(0 if result.clean else 1)


def build() -> click.Command:
    """Return the command group, for `fixfast`."""
    return click.Group("dictionary", commands=[show, field, diff, check, validate], help=_HELP, no_args_is_help=True)
