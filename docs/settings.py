"""Write the tables of docs/quickfix.md from the code: `python -m docs.settings`. A test says when that is due."""

from __future__ import annotations

import re
from pathlib import Path

from fixfast.engine.quickfix.settings import SETTINGS, Setting

__all__ = ["filled", "main"]

PAGE = Path(__file__).resolve().parent / "quickfix.md"

_MARKED = re.compile(r"(<!-- settings -->\n).*(<!-- end -->)", re.S)


def tables() -> str:
    """Return the settings, a table for each heading."""
    groups: dict[str, list[Setting]] = {}
    for setting in SETTINGS.values():
        groups.setdefault(setting.group, []).append(setting)
    parts = []
    for group, settings in groups.items():
        rows = "\n".join(row(one) for one in settings)
        parts.append(f"### {group}\n\n| setting | known to | becomes | |\n|---|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def row(one: Setting) -> str:
    becomes = {"key": f"`{one.key}`", "part": "with others", "same": "nothing to do", "no": "**not supported**"}[
        one.kind
    ]
    if one.kind == "no" and one.harmless:
        becomes += f" but `{one.harmless}`"
    name = f"`{one.name}`"
    return f"| {name} | {' '.join(one.engines) or 'programs'} | {becomes} | {one.text} |"


def filled(text: str) -> str:
    """Return the page with its tables made anew."""
    return _MARKED.sub(lambda match: match[1] + "\n" + tables() + "\n" + match[2], text)


def main() -> None:
    """Write the page."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
