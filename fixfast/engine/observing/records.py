"""Records of the loggers `fixfast.*` for machines: fields beside the text, as JSON, and without secret CompIDs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from fixfast.engine.observing.label import hashed, label
from fixfast.types import SessionID

__all__ = ["HideCompIDs", "JsonFormatter", "about"]

#: what every record has by itself; everything else on it was put there by who logged
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def about(event: str, session: SessionID | None = None, **fields: object) -> dict[str, object]:
    """Return the `extra` of a log record: session, event, msg_seq_num, msg_type, reason ..., those that are known."""
    known = {"session": session, **fields}
    return {"event": event, **{key: value for key, value in known.items() if value is not None}}


class JsonFormatter(logging.Formatter):
    """One JSON object for each record, on a line of its own: `handler.setFormatter(ff.JsonFormatter())`.

    Keys: time (UTC, ISO 8601, microseconds), level, logger, message, session where there is one, whatever else was
    given as `extra` (of fixfast: event, msg_seq_num, msg_type, reason), and exception where there is one. Control
    characters are escaped.

    Args: fixed: keys and values that every line has, such as {"bot": "maker-1"}.
    """

    def __init__(self, fixed: dict[str, Any] | None = None) -> None:
        super().__init__()
        self._fixed = dict(fixed or {})

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        line: dict[str, Any] = {
            "time": when.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self._fixed,
        }
        line.update((key, value) for key, value in vars(record).items() if key not in _OWN and value is not None)
        if "session" not in line and isinstance(record.args, tuple):
            found = next((arg for arg in record.args if isinstance(arg, SessionID)), None)
            if found is not None:
                line["session"] = found
        if record.exc_info:
            record.exc_text = record.exc_text or self.formatException(record.exc_info)
        if record.exc_text:
            line["exception"] = record.exc_text
        return json.dumps(line, default=str)


class HideCompIDs(logging.Filter):
    """Replaces CompIDs in log records by hashes, where they are secrets: `handler.addFilter(ff.HideCompIDs("key"))`.

    Some venues use the API key as SenderCompID (C8). Names of sessions in records of fixfast are always replaced; the
    CompIDs that are given here are, wherever they stand in a text or an exception. Add it to each handler, or to the
    loggers `fixfast.engine` and `fixfast.application`.
    """

    def __init__(self, *comp_ids: str) -> None:
        super().__init__()
        self._hidden = {comp_id: hashed(comp_id) for comp_id in sorted(comp_ids, key=len, reverse=True)}

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; True: it is to be logged."""
        if isinstance(record.args, tuple):
            record.args = tuple(self._safe(arg) for arg in record.args)
        for key, value in list(vars(record).items()):
            if key not in _OWN:
                setattr(record, key, self._safe(value))
        if self._hidden:
            record.msg, record.args = self._without(record.getMessage()), ()
            if record.exc_info:
                text = record.exc_text or logging.Formatter().formatException(record.exc_info)
                # Formatters take the text where there is no exception: it must not be written out again.
                record.exc_text, record.exc_info = self._without(text), None
        return True

    def _safe(self, value: Any) -> Any:
        if isinstance(value, SessionID):
            return label(value, secret=True)
        return self._without(value) if isinstance(value, str) else value

    def _without(self, text: str) -> str:
        for comp_id, instead in self._hidden.items():
            text = text.replace(comp_id, instead)
        return text
