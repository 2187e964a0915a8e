"""From the nodes of a file to dataclasses, by the types of their fields. All that is wrong is collected."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from fixfast.dictionary.versions import VERSIONS
from fixfast.engine.settings.hooks import RESEND_RULES, DictionaryFiles, DictionaryName, LogonFields, ResendRule
from fixfast.engine.settings.keys import Key, alternatives, givable, keys_of, said_of
from fixfast.engine.settings.nodes import Node
from fixfast.engine.settings.remarks import ConfigRemark, nearest
from fixfast.errors import ConfigError, DictionaryError
from fixfast.session.schedule import Schedule

__all__ = ["Reader", "Wrong"]

T = TypeVar("T")

_VARIABLE = re.compile(r"\$(\$\{|\{(?:([A-Za-z_]\w*)(?::-([^{}]*))?\})?)", re.ASCII)
_PYTHON = {"None": '"none"', "True": "true", "False": "false"}
#: A secret is a line; more is another file than was meant.
_MAX_SECRET = 1 << 16


class Wrong(Exception):
    """A value is not what is wanted. `allowed`: what is; with `whole`: all there is to say. `node`: where."""

    def __init__(self, node: Node, allowed: str, *, whole: bool = False) -> None:
        super().__init__(allowed)
        self.node = node
        self.allowed = allowed
        self.whole = whole


class Reader:
    """Makes dataclasses of tables. What is wrong goes to `remarks`, and None comes back.

    Args:
        folder: what relative paths are relative to.
        environ: the variables of the environment.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ
        self.remarks: list[ConfigRemark] = []

    def remark(self, node: Node, path: str, text: str, severity: Literal["error", "warning", "note"] = "error") -> None:
        """Note something about a place in the file."""
        remark = ConfigRemark(severity, node.file, node.line, node.name or path, text)
        if remark not in self.remarks:  # what is in [defaults] is read for every session
            self.remarks.append(remark)

    def table(self, node: Node, path: str, keys: Iterable[str], elsewhere: Mapping[str, str] | None = None) -> bool:
        """Return whether a node is a table; note its keys that are not among `keys`.

        Args: elsewhere: {key: table where it belongs}.
        """
        if not node.is_table:
            self.remark(node, path, f"{_shown(node)} is not allowed: a table")
            return False
        known = sorted(keys)
        for key, inner in node.value.items():
            if key not in known:
                home = (elsewhere or {}).get(key)
                near = nearest(key, known)
                hint = f"it belongs in {home}" if home else f"did you mean {near}?" if near else _listed(known)
                self.remark(inner, _join(path, key), f"there is no such key; {hint}")
        return True

    def build(self, cls: type[T], node: Node, path: str, elsewhere: Mapping[str, str] | None = None) -> T | None:
        """Return the dataclass that a table stands for, None if something in it is wrong, which is noted."""
        keys = keys_of(cls)
        if not self.table(node, path, keys, elsewhere):
            return None
        before = len(self.remarks)
        given: dict[str, Any] = {}
        for name, key in keys.items():
            inner = node.value.get(name)
            if inner is not None:
                self._take(given, key, inner, _join(path, name))
            elif key.required:
                self.remark(node, path, f"{name} is missing: {said_of(key.hint)}")
            elif key.assumed:
                given[name] = key.default
        needed = [name for name, key in keys.items() if key.required or key.assumed]
        while True:
            # What is required and wrong must not hide what else is: something takes its place.
            stand_ins = {name: _stand_in(keys[name]) for name in needed if name not in given}
            try:
                made = cls(**given, **stand_ins)
            except ConfigError as error:
                names = [name for name in error.name.split(", ") if name in given]
                if not names:
                    if not stand_ins:
                        self.remark(node, path, f"{error.name}: {_allowed(error.allowed)}")
                    return None
                for name in names:
                    inner = node.value.get(name, node)
                    self._wrong(Wrong(inner, error.allowed), keys[name], _join(path, name))
                    del given[name]
            else:
                return made if len(self.remarks) == before else None

    def _take(self, given: dict[str, Any], key: Key, node: Node, path: str) -> None:
        if key.code_only:
            self.remark(node, path, f"takes {key.code_only}, which only code can give: see Settings.replace")
            return
        if node.value == "none" and key.default is not None and type(None) in alternatives(key.hint):
            given[key.name] = None
            return
        try:
            given[key.name] = self.value(key.hint, node, path)
        except Wrong as wrong:
            self._wrong(wrong, key, path)
        except _Noted:
            pass

    def _wrong(self, wrong: Wrong, key: Key, path: str) -> None:
        allowed = _allowed(wrong.allowed)
        shown = "***" if key.secret else _shown(wrong.node)
        self.remark(wrong.node, path, allowed if wrong.whole else f"{shown} is not allowed: {allowed}")

    # --- values ---------------------------------------------------------------------------------------------------

    def value(self, hint: Any, node: Node, path: str) -> Any:
        """Return a value of a type.

        Raises: Wrong; _Noted: it is wrong, and has been noted.
        """
        hints = givable(hint)
        raw = node.value
        is_reference = isinstance(raw, dict) and bool(raw) and set(raw) <= {"file", "env"}
        if isinstance(raw, str) or (is_reference and str in hints):
            return self._from_text(hints, hint, node)
        for one in hints:
            origin = get_origin(one)
            if isinstance(raw, dict):
                if one is LogonFields:
                    return self._logon_fields(node, path)
                if one is DictionaryName:
                    return self._dictionaries(node, path)
                if is_dataclass(one):
                    made = self.build(one, node, path)  # type: ignore[arg-type]
                    if made is None:
                        raise _Noted
                    return made
                if isinstance(origin, type) and issubclass(origin, Mapping):
                    kind = get_args(one)[1]
                    return {key: self.value(kind, inner, _join(path, key)) for key, inner in raw.items()}
            elif isinstance(raw, list):
                if origin in (tuple, Iterable) or (isinstance(origin, type) and issubclass(origin, AbstractSet)):
                    return self._array(one, hint, node, path)
            elif type(raw) is one or (one is float and type(raw) is int):
                return raw
        raise Wrong(node, said_of(hint))

    def _from_text(self, hints: list[Any], hint: Any, node: Node) -> Any:
        text = self.text(node)
        is_path = any(one is Path or one is PathLike or get_origin(one) is PathLike for one in hints)
        for one in hints:
            origin, inner = get_origin(one), get_args(one)
            if origin is Literal and text in inner:
                return text
            if is_path or (origin is Annotated and inner[1] == "path"):
                return self.path(text, node)
            if one is ResendRule and text in RESEND_RULES:
                return ResendRule(text)
            if one is str:
                return text
            if origin is Annotated and inner[1] == "host" and "/" in text:
                return self.path(text, node)
            if origin is Annotated:
                return text  # a weekday: Schedule judges it
            if one is DictionaryName:
                return self._dictionary(text, node)
            if one is Decimal and str not in hints and re.fullmatch(r"-?\d{1,30}(\.\d{1,30})?", text, re.ASCII):
                return Decimal(text)
            if one is time:
                return text  # Schedule knows "17:00"
            if one is Schedule and text == "non-stop":
                return Schedule.non_stop()
        if type(None) in hints and text == "none":
            return None
        if isinstance(node.value, str) and re.fullmatch(r"\$\{[^{}]*\}", node.value):
            for one in hints:  # a number out of the environment
                found = _plain(one, text)
                if found is not None:
                    return found
        raise Wrong(node, said_of(hint))

    def _array(self, hint: Any, whole: Any, node: Node, path: str) -> Any:
        origin, inner = get_origin(hint), get_args(hint)
        if origin is not tuple or inner[1:] == (Ellipsis,):
            each = [self.value(inner[0], one, path) for one in node.value]
            return tuple(each) if origin in (tuple, Iterable) else frozenset(each)
        if len(node.value) != len(inner):
            raise Wrong(node, said_of(whole))
        return tuple(self.value(one, part, path) for one, part in zip(inner, node.value, strict=True))

    def text(self, node: Node) -> str:
        """Return a text with the variables of the environment put in, or the secret that a table refers to.

        Raises: Wrong.
        """
        if isinstance(node.value, dict):
            return self._secret(node)
        if not isinstance(node.value, str):
            raise Wrong(node, "text")

        def put_in(match: re.Match[str]) -> str:
            if match[1] == "${":
                return "${"
            if match[2] is None:
                raise Wrong(node, "${NAME} or ${NAME:-default}; $${ stands for ${ itself")
            found = self._environ.get(match[2])
            if found:
                return found
            if match[3] is not None:
                return match[3]
            if found is None:
                raise Wrong(node, f"the environment has no variable {match[2]}", whole=True)
            return found

        return _VARIABLE.sub(put_in, node.value)

    def path(self, text: str, node: Node) -> str:
        """Return a path, relative to the file's folder where it is not absolute."""
        if not text or "\0" in text:
            raise Wrong(node, "a path")
        return os.path.normpath(os.path.join(self._folder, os.path.expanduser(text)))

    def _secret(self, node: Node) -> str:
        if len(node.value) != 1:
            raise Wrong(node, "file or env, not both", whole=True)
        ((kind, inner),) = node.value.items()
        if not isinstance(inner.value, str):
            raise Wrong(inner, "a path" if kind == "file" else "the name of a variable")
        if kind == "env":
            found = self._environ.get(inner.value)
            if not found:
                raise Wrong(inner, f"the environment has no variable {inner.value}", whole=True)
            return found
        path = self.path(self.text(inner), inner)
        try:
            with open(path, "rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                data = file.read(_MAX_SECRET + 1)
            if os.name == "posix" and mode & (stat.S_IRWXO | stat.S_IWGRP):
                said = f"others may read {path} (mode {stat.S_IMODE(mode):04o}): chmod 600 it"
                raise Wrong(inner, said, whole=True)
            text = data.decode("utf-8")
        except OSError as error:
            raise Wrong(inner, f"{path} cannot be read: {error.strerror}", whole=True) from None
        except UnicodeDecodeError:
            raise Wrong(inner, f"{path} is no UTF-8 text", whole=True) from None
        text = text.removesuffix("\n").removesuffix("\r")
        if not text or len(data) > _MAX_SECRET or not text.isprintable():
            raise Wrong(inner, f"{path} holds no secret: one line of text", whole=True)
        return text

    # --- what is not by type --------------------------------------------------------------------------------------

    def _logon_fields(self, node: Node, path: str) -> LogonFields:
        found = []
        for key, inner in node.value.items():
            if not key.isascii() or not key.isdecimal() or not 0 < int(key) < 10**9:
                raise Wrong(inner, f"{key} is no tag: a whole number from 1", whole=True)
            if type(inner.value) is int:
                text = str(inner.value)
            elif type(inner.value) is bool:
                text = "Y" if inner.value else "N"
            else:
                text = self._logon_text(inner)
            if not text or "\x01" in text:
                raise Wrong(inner, f"{key}: a text with at least one character, and no SOH", whole=True)
            found.append((int(key), text))
        return LogonFields(tuple(found))

    def _logon_text(self, node: Node) -> str:
        try:
            return self.text(node)
        except Wrong as wrong:  # whatever it is, it may be a secret
            said = wrong.allowed if wrong.whole else f"*** is not allowed: {wrong.allowed}"
            raise Wrong(wrong.node, said, whole=True) from None

    def _dictionary(self, text: str, node: Node) -> str:
        base = text.split("+")[0]
        if base in VERSIONS or base.upper() in VERSIONS.values() or not text:
            return text
        return self.path(text, node)

    def _dictionaries(self, node: Node, path: str) -> DictionaryFiles:
        """Read a table {default = "9", transport = "FIXT11.xml", 9 = "FIX50SP2.xml"}."""
        named = {
            key: self._dictionary(self.text(inner), inner) for key, inner in node.value.items() if key != "default"
        }
        default = self.text(node.value["default"]) if "default" in node.value else None
        transport = named.pop("transport", "")
        for key in named:
            if not re.fullmatch(r"[2-9]|10|FIX\.4\.[0-4]|FIXT\.1\.1", key):
                allowed = "default, transport, an ApplVerID code (2 to 10) or a BeginString"
                raise Wrong(node.value[key], f"{key} is not allowed: {allowed}", whole=True)
        try:
            return DictionaryFiles.load(named, default=default, transport=transport)
        except DictionaryError as error:
            raise Wrong(node, str(error), whole=True) from None


class _Noted(Exception):
    """A value inside is wrong, and has been noted."""


def _stand_in(key: Key) -> Any:
    kinds: dict[object, object] = {str: "FIX.4.4", int: 1, float: 1.0, bool: False, time: time()}
    plain = (get_args(one)[0] if get_origin(one) is Annotated else one for one in alternatives(key.hint))
    return next((kinds[one] for one in plain if one in kinds), ())


def _plain(hint: Any, text: str) -> int | float | bool | None:
    if hint is bool:
        return {"true": True, "false": False}.get(text)
    if hint is int and re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        return int(text)
    if hint is float and re.fullmatch(r"-?\d{1,18}(\.\d{1,18})?", text, re.ASCII):
        return float(text)
    return None


def _join(path: str, key: str) -> str:
    key = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else repr(key)
    return f"{path}.{key}" if path else key


def _listed(keys: list[str]) -> str:
    return f"there are {', '.join(keys)}" if len(keys) < 20 else "docs/configuration.md lists the keys"


def _shown(node: Node) -> str:
    raw = node.value
    if isinstance(raw, dict):
        return "a table"
    if isinstance(raw, list):
        return "an array"
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, date | time | datetime):
        return str(raw)
    shown = re.sub(r"://[^@/]*@", "://***@", repr(raw))  # a URL may have a password
    return shown if len(shown) <= 80 else shown[:77] + "..."


def _allowed(text: str) -> str:
    return re.sub(r"\b(None|True|False)\b", lambda match: _PYTHON[match[0]], text)
