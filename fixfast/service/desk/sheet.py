"""Sheet: a table of a page. The page is told what changed since the last frame, and draws only that (sheet.js)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from nicegui import ui
from nicegui.element import Element

__all__ = ["Sheet", "columns", "draw"]

Row = dict[str, Any]

#: seconds after which a page that has not drawn a frame is told the next one all the same
_PATIENCE = 5.0
_LABELS = {"avg_px": "Average", "tif": "In force", "cl_ord_id": "ClOrdID"}


def columns(
    widths: str, *, right: str = "", less: str = "", least: str = "", pick: str = "", to: str = ""
) -> list[Row]:
    """Return columns.

    Args: widths: "NAME WIDTH, ...": characters that are seen; of a longer text a title has the rest. What follows names
        some of them. right: numbers. less: left out where the page is not wide; least: on a phone. pick: a click on a
        value means something: `to`, in words.
    """
    made = []
    for name, wide in (one.split() for one in widths.split(",")):
        kinds = ("num", right), ("less", less), ("least", least)
        css = [f"desk-{kind}" for kind, some in kinds if name in some.split()]
        label = _LABELS.get(name) or name.replace("_", " ").capitalize()
        picks = to if name in pick.split() else ""
        made.append(
            {
                "name": name,
                "label": label,
                "wide": int(wide),
                "style": f"flex:{wide} 1 {wide}ch",
                "classes": css,
                "pick": picks,
            }
        )
    return made


class Sheet(Element, component="sheet.js"):
    """A table.

    A row has a value for each column, all of them texts, and "id"; where wanted "tones" (column -> CSS class), "bars"
    (column -> how much of the cell is filled, percent), "open" (it has the actions), "label" (what it is, for who does
    not see it), "folds" (what its plus sign is for) and "details" (it is unfolded: lines of texts).

    Args:
        made: see columns().
        test: its name, and that of its rows.
        label: for who does not see it.
        empty: shown when there are no rows.
        actions: (name, sign, label) of the buttons of an open row.
        detail: the name of a line of details; "": rows do not unfold.
    """

    def __init__(
        self,
        made: Sequence[Row],
        *,
        test: str,
        label: str,
        empty: str,
        actions: Iterable[tuple[str, str, str]] = (),
        detail: str = "",
    ) -> None:
        super().__init__()
        buttons = [dict(zip(("name", "sign", "label"), one, strict=True)) for one in actions]
        self._props.update({"columns": list(made), "actions": buttons, "data-test": test, "test": test})
        self._props.update({"label": label, "empty": empty, "detail": detail})
        self._rows: Sequence[Row] | None = None
        self._known: dict[str, Row] = {}
        self._order: list[str] = []

    def show(self, rows: Sequence[Row]) -> None:
        """Have these rows in the next frame. A row is not changed afterwards, but another takes its place."""
        self._rows = rows

    def take(self) -> list[Any] | None:
        """Return what the page is to be told: no row that it has; None: nothing."""
        rows, self._rows = self._rows, None
        if rows is None:
            return None
        known, before = self._known, self._order
        self._order = [row["id"] for row in rows]
        self._known = dict(zip(self._order, rows, strict=True))
        changed = [row for name, row in self._known.items() if (had := known.get(name)) is not row and had != row]
        order = self._order if self._order != before else None
        return None if order is None and not changed else [self.id, order, changed]

    def on_fold(self, callback: Callable[[str], object]) -> None:
        """Have a callback called with the id of a row that is to be unfolded, or folded again."""
        self.on("fold", lambda event: callback(event.args))

    def on_pick(self, callback: Callable[[str], object]) -> None:
        """Have a callback called with a value that was clicked."""
        self.on("pick", lambda event: callback(event.args))

    def on_act(self, callback: Callable[[str, str], object]) -> None:
        """Have a callback called with an action's name and a row's id."""
        self.on("act", lambda event: callback(*event.args))


async def draw(sheets: Iterable[Sheet]) -> None:
    """Tell the page what changed in some tables, in one message, and wait until it has drawn it.

    A page that is slow, or that nobody looks at, is so told less often, and nothing piles up on its way to it.
    """
    patches = [patch for sheet in sheets if (patch := sheet.take()) is not None]
    if not patches:
        return
    told = json.dumps(patches, separators=(",", ":"))
    code = f"for (const [id, ...given] of {told}) runMethod(id, 'patch', given); new Promise(requestAnimationFrame)"
    with suppress(TimeoutError):
        await ui.run_javascript(code, timeout=_PATIENCE)
