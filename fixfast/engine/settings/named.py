"""The files that a configuration file names, looked into before anything is connected: `fixfast config check`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping

from fixfast.dictionary.load import load_dictionary
from fixfast.engine.settings.nodes import Node
from fixfast.engine.settings.remarks import ConfigRemark
from fixfast.engine.settings.session import SessionSettings
from fixfast.engine.settings.settings import Settings
from fixfast.errors import ConfigError, DictionaryError
from fixfast.transport.tls import TlsConfig
from fixfast.transport.tls_context import ClientTls, server_context

__all__ = ["named_files"]


def named_files(settings: Settings, origins: Mapping[str, Node]) -> Iterator[ConfigRemark]:
    """Yield what is wrong with dictionaries, and passwords that others may read.

    Args: origins: {session: its tables}, for lines.
    """
    loaded: dict[str, str] = {}
    said: set[ConfigRemark] = set()
    for name, one in settings.sessions.items():
        found = (
            *_dictionary(one.config.dictionary, origins[name], loaded),
            *_certificates(one, origins[name]),
            *_passwords(origins[name]),
        )
        for remark in found:
            if remark not in said:
                said.add(remark)
                yield remark


def _dictionary(source: object, tables: Node, loaded: dict[str, str]) -> Iterator[ConfigRemark]:
    if not isinstance(source, str):
        return
    if source not in loaded:
        try:
            load_dictionary(source)
            loaded[source] = ""
        except DictionaryError as error:
            loaded[source] = str(error)
    node = tables.value.get("dictionary", tables)
    if loaded[source]:
        yield ConfigRemark("error", node.file, node.line, node.name, loaded[source])


def _certificates(one: SessionSettings, tables: Node) -> Iterator[ConfigRemark]:
    """Yield what is wrong with the files of TLS."""
    place, table = (one.connection, "connection") if one.connection is not None else (one.listen, "listen")
    tls = place.tls if place is not None else None
    if not isinstance(tls, TlsConfig):
        return
    try:
        if one.connection is not None:
            ClientTls(tls).context()
        else:
            server_context(tls)
    except ConfigError as error:
        node = tables.value[table].value["tls"]
        node = node.value.get(error.name, node) if node.is_table else node
        yield ConfigRemark("error", node.file, node.line, node.name, error.allowed)


def _passwords(tables: Node) -> Iterator[ConfigRemark]:
    """Yield a warning for each password that stands in a file that others may read."""
    for key, node in tables.value.items():
        if node.is_table and not set(node.value) <= {"file", "env"}:
            yield from _passwords(node)
        elif "password" in key and isinstance(node.value, str) and node.value and "${" not in node.value:
            try:
                mode = os.stat(node.file).st_mode
            except OSError:
                continue
            if os.name == "posix" and mode & stat.S_IRWXO:
                text = f"others may read this file (mode {stat.S_IMODE(mode):04o}): chmod 600 it, or "
                text += '{ file = "..." }'
                yield ConfigRemark("warning", node.file, node.line, node.name, text)
