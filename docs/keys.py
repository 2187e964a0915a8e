"""Write the tables of docs/configuration.md and docs/launcher.md from the code: `python -m docs.keys`. Tests say when
that is due.

What stands between `<!-- keys: NAME -->` and `<!-- end -->` is made of the fields and the docstring of a dataclass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args

import fixfast as ff
from fixfast.engine.settings.file import PROCESS, TABLES
from fixfast.engine.settings.hooks import LogonFields, ResendRule
from fixfast.engine.settings.keys import NO_DEFAULT, Key, alternatives, keys_of, said_of
from fixfast.engine.settings.store_choice import JournalChoice, SqliteChoice
from fixfast.service.launcher.config import AccountOptions, Guests, LauncherConfig, Times
from fixfast.service.launcher.restarts import Restarting
from fixfast.service.start import BackendOptions
from fixfast.store.hashing import HashCost

__all__ = ["LAUNCHER", "PAGE", "filled", "launcher_sections", "main", "sections"]

PAGE = Path(__file__).resolve().parent / "configuration.md"
LAUNCHER = PAGE.with_name("launcher.md")

#: What stands in a file as a value, or by keys of its own
_VALUES = (LogonFields, ResendRule)
_MARKED = re.compile(r"(<!-- keys: (\w+) -->\n).*?(<!-- end -->)", re.S)


def sections() -> Mapping[str, Callable[[], str]]:
    """Return what can stand between markers: name -> what makes its text."""
    classes: list[type[Any]] = [ff.SessionConfig, *TABLES.values(), *PROCESS.values(), JournalChoice, SqliteChoice]
    for cls in classes:  # grows: what is in a table is a table, too
        for key in keys_of(cls).values():
            for one in alternatives(key.hint):
                for inner in (one, *get_args(one)):
                    if is_dataclass(inner) and isinstance(inner, type) and inner not in (*classes, *_VALUES):
                        classes.append(inner)
    return {cls.__name__: lambda cls=cls: table(cls) for cls in classes}  # type: ignore[misc]


def launcher_sections() -> Mapping[str, Callable[[], str]]:
    """Return what can stand between the markers of docs/launcher.md."""
    classes = (LauncherConfig, AccountOptions, BackendOptions, Times, Guests, Restarting, HashCost)
    return {cls.__name__: lambda cls=cls: table(cls) for cls in classes}  # type: ignore[misc]


def table(cls: type[Any]) -> str:
    """Return the keys of a dataclass as a table in Markdown."""
    rows = ["| key | value | default | |", "|---|---|---|---|"]
    for key in keys_of(cls).values():
        if key.name == "accounts":
            continue  # [account.NAME], of which each has a table of its own
        text = plain(key.text).replace("|", "\\|")
        if key.code_only:
            text = f"For code only, it takes {key.code_only}: `Settings.replace()`. {text}"
        value = "" if key.code_only else kind(key).replace("|", "\\|")
        rows.append(f"| `{key.name}` | {value} | {default(key)} | {text[:1].upper()}{text[1:]} |")
    return "\n".join(rows) + "\n"


def kind(key: Key) -> str:
    inner = [
        found.__name__
        for one in alternatives(key.hint)
        for found in (one, *get_args(one))
        if is_dataclass(found) and isinstance(found, type)
    ]
    said = said_of(key.hint)
    if inner == ["LogonFields"]:
        return said.replace("a table", "a table of tags and texts")
    inner = [name for name in inner if name not in ("LogonFields", "ResendRule")]
    return said.replace("a table", " or ".join(f"a table, see {name}" for name in inner)) if inner else said


def default(key: Key) -> str:
    value = key.default
    if value is NO_DEFAULT:
        return "required"
    if value is None or value == "" or value == ():
        return ""
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            name: getattr(value, name)
            for name, inner in keys_of(type(value)).items()
            if getattr(value, name) != inner.default
        }
        shown = ", ".join(f"{name} = {toml(one)}" for name, one in changed.items())
        return f"`{{ {shown} }}`" if shown else "its defaults"
    if key.name == "days":
        return "every day"
    return f"`{toml(value)}`"


def toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def plain(text: str) -> str:
    """Return a docstring's text with values as a file has them."""
    words = {"None": '"none"', "True": "true", "False": "false"}
    return re.sub(r"(?<![`\w])(None|True|False)(?!\w)", lambda match: words[match[0]], text)


def filled(text: str) -> str:
    """Return a page with the text between its markers made anew."""
    made = {**sections(), **launcher_sections()}
    return _MARKED.sub(lambda match: match[1] + "\n" + made[match[2]]() + "\n" + match[3], text)


def main() -> None:
    """Write the pages."""
    for page in (PAGE, LAUNCHER):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
