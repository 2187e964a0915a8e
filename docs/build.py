"""Make HTML pages of the manual: `python -m docs.build [FOLDER]`. One page a file, one style sheet, no script."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from markdown_it import MarkdownIt

__all__ = ["build"]

ROOT = Path(__file__).resolve().parents[1]

STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430 }
nav a { margin-right: 1rem } a { color: #0a58a6 } h1, h2, h3 { line-height: 1.25 }
pre { background: #f3f5f8; padding: .8rem 1rem; overflow-x: auto } code { font: 14px/1.45 ui-monospace, monospace }
table { border-collapse: collapse } td, th { border: 1px solid #ccd3dc; padding: .25rem .6rem; text-align: left }
@media (prefers-color-scheme: dark) {
  body { background: #14181d; color: #d7dde5 } pre { background: #1f252c } a { color: #7db7f0 }
  td, th { border-color: #3a434e }
}
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{style}</style></head><body><nav>{nav}</nav>
{body}</body></html>
"""


def title_of(text: str) -> str:
    return next((line[2:].strip() for line in text.splitlines() if line.startswith("# ")), "fixfast")


def build(folder: Path) -> list[Path]:
    """Write every page of docs/, and README and CHANGELOG, as HTML into `folder`.

    Returns: the files written, index.html among them.
    Raises: ValueError: a page links to one that does not exist.
    """
    sources = [
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "CONTRIBUTING.md",
    ]
    pages = {path.stem.lower(): path.read_text(encoding="utf-8") for path in sources}
    order = ["index", *(name for name in pages if name != "index")]
    nav = " ".join(f'<a href="{name}.html">{name}</a>' for name in order)
    render = MarkdownIt("commonmark").enable("table").render
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages.items():
        body = render(text)
        for target in re.findall(r'href="(?!https?:)([^"#]+)\.md', body):
            if target.rpartition("/")[2].lower() not in pages:
                raise ValueError(f"{name}: links to {target}.md, which is not a page")
        body = re.sub(r'href="(?!https?:)(?:[^"#]*/)?([^"#/]+)\.md', lambda m: f'href="{m[1].lower()}.html', body)
        page = folder / f"{name}.html"
        page.write_text(PAGE.format(title=title_of(text), style=STYLE, nav=nav, body=body), encoding="utf-8")
        written.append(page)
    return written


if __name__ == "__main__":
    made = build(Path(sys.argv[1] if len(sys.argv) > 1 else "build/docs"))
    sys.stdout.write(f"{len(made)} pages, first {made[0].with_name('index.html')}\n")
