"""How the desk's pages look: dark or light as the system is, until somebody chooses. The rest is in look.css."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nicegui import ui

__all__ = ["look"]


def look(title: str) -> Any:
    """Have a page look so. Returns: what makes it dark (True), light (False), or as the system is (None)."""
    ui.page_title(title)
    ui.colors(primary="#1d5c96", positive="#17642a", negative="#a91f1a", warning="#7a4900", dark="#1c1f23")
    ui.add_css(Path(__file__).with_name("look.css"))
    return ui.dark_mode(None)
