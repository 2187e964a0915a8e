"""What holds for a session in the end: every key with its value, defaults marked, secrets masked."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any

from fixfast.engine.settings.hooks import SECRET_TAGS, DictionaryFiles, LogonFields
from fixfast.engine.settings.keys import NO_DEFAULT, keys_of
from fixfast.engine.settings.nodes import Node
from fixfast.engine.settings.session import SessionSettings
from fixfast.engine.settings.settings import Settings
from fixfast.engine.settings.write import nodes_of

__all__ = ["MASK", "effective", "of_process"]

MASK = "***"


def effective(one: SessionSettings) -> Node:
    """Return a session's tables with every key there is. Node.name says "default" where a value is the default."""
    stored = next(iter(nodes_of(Settings({"x": one})).value["session"].value.values())).value["store"].value["kind"]
    found = {"role": Node(one.role.value), **_options(one.config)}
    found["latency"] = Node(one.latency, name="" if one.latency else "default")
    for name in ("connection", "listen", "log", "throttle", "cancel_on_disconnect"):
        options = getattr(one, name)
        if options is not None:
            found[name] = Node(_options(options))
    found["store"] = Node({"kind": stored, **_options(one.stored)})
    return Node(found)


def of_process(settings: Settings) -> dict[str, Node]:
    """Return the tables of a file that are not a session's, with every key there is."""
    found = {name: getattr(settings, name) for name in ("control", "metrics")}
    return {name: Node(_options(one)) for name, one in found.items() if one is not None}


def _options(options: Any) -> dict[str, Node]:
    found = {}
    for name, key in keys_of(type(options)).items():
        value = getattr(options, name)
        node = Node(MASK) if key.secret and value else _node(value)
        if key.default is not NO_DEFAULT and value == key.default:
            _mark(node)
        found[name] = node
    return found


def _mark(node: Node) -> None:
    node.name = "default"
    for inner in node.value.values() if node.is_table else ():
        _mark(inner)


def _node(value: Any) -> Node:
    if isinstance(value, LogonFields):
        return Node({str(tag): Node(MASK if tag in SECRET_TAGS else text) for tag, text in value.fields})
    if isinstance(value, DictionaryFiles):
        return Node({name: Node(path) for name, path in value.files})
    if value is None:
        return Node("none")
    if is_dataclass(value) and not isinstance(value, type):
        if hasattr(value, "rule"):
            return Node(value.rule)
        return Node(_options(value))
    if isinstance(value, bool | int | float | str):
        return Node(value)
    if isinstance(value, tuple | list):
        return Node([_node(one) for one in value])
    if isinstance(value, frozenset | set):
        return Node([_node(one) for one in sorted(value, key=str)])
    if isinstance(value, dict):
        return Node({str(name): _node(one) for name, one in value.items()})
    return Node(str(value) if not callable(value) else f"<{getattr(value, '__name__', type(value).__name__)}>")
