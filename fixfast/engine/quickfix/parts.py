"""Settings of QuickFIX that become something together: hours, validation, dictionaries, addresses, stores.

Each function here does one `*part` of the table in settings.py, for one session.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from fixfast.dictionary.versions import APPL_VERSIONS, VERSIONS
from fixfast.engine.quickfix.cfg import Entry
from fixfast.engine.quickfix.draft import CONVERTERS, Draft, Refused

__all__ = [
    "connect",
    "database",
    "dictionary",
    "file_stem",
    "log",
    "logon",
    "policy",
    "reconnect",
    "role",
    "store",
    "template",
    "validation",
]

_CODES = {version: code for code, version in APPL_VERSIONS.items()}
_LOGON_OPTIONS = {"553": "username", "554": "password", "925": "new_password"}
_DATABASES = re.compile(r"(mysql|postgresql|odbc|sql|mongo)store|jdbc(?!log)|jndi|sleepycat")


def role(draft: Draft) -> None:
    """ConnectionType."""
    entry = draft.entry("ConnectionType")
    if entry is None:
        draft.say("error", None, "ConnectionType is missing: initiator or acceptor")
    elif entry.value.lower() not in ("initiator", "acceptor"):
        draft.say("error", entry, f"{entry.value!r} is not allowed: initiator or acceptor")
    else:
        draft.put("role", entry.value.lower(), entry)


def logon(draft: Draft) -> None:
    """LogonTag, LogonTag1, LogonTag2 ...: tag=value."""
    found = sorted(
        (int(name[8:] or 0), entry)
        for name, entry in draft.section.entries.items()
        if re.fullmatch(r"logontag\d*", name) and entry.value
    )
    for _, entry in found:
        tag, equals, value = (part.strip() for part in entry.value.partition("="))
        if not equals or not tag.isascii() or not tag.isdecimal() or not value:
            draft.say("error", entry, "*** is not allowed: tag=value")
        elif tag in _LOGON_OPTIONS:
            draft.put(_LOGON_OPTIONS[tag], value, entry)
        else:
            draft.put(f"logon.{tag}", value, entry)


# --- dictionaries, validation ---------------------------------------------------------------------------------------


def dictionary(draft: Draft) -> None:
    """DataDictionary; over FIXT AppDataDictionary, with and without a version, and TransportDataDictionary."""
    if not draft.flag("UseDataDictionary", True):
        return
    if draft.text("BeginString") != "FIXT.1.1":
        entry = draft.entry("DataDictionary")
        name = _dictionary(draft, entry) if entry is not None else ""
        if name and name != draft.text("BeginString"):
            draft.put("dictionary", name, entry)
        return
    default = draft.entry("DefaultApplVerID")
    code = _code(default.value) if default is not None else "9"
    table: dict[str, str] = {}
    for version, entry in _app_dictionaries(draft):
        name = _dictionary(draft, entry)
        named = _code(version) if version else code
        if not named:
            draft.say("error", entry, f"{version} is no version: FIX.4.0 to FIX.5.0SP2")
        elif name and name != APPL_VERSIONS.get(named):
            table[named] = name
            draft.put(f"dictionary.{named}", name, entry)
    transport = draft.entry("TransportDataDictionary")
    name = _dictionary(draft, transport) if transport is not None else ""
    if name and name != "FIXT.1.1":
        table["transport"] = name
        draft.put("dictionary.transport", name, transport)
    if table and code:
        draft.put("dictionary.default", code, default)


def _app_dictionaries(draft: Draft) -> Iterator[tuple[str, Entry]]:
    for name, entry in draft.section.entries.items():
        if (name == "appdatadictionary" or name.startswith("appdatadictionary.")) and entry.value:
            yield entry.name.partition(".")[2], entry


def _code(version: str) -> str:
    return version if version in APPL_VERSIONS else _CODES.get(version.upper(), "")


def _dictionary(draft: Draft, entry: Entry) -> str:
    """Return the path of a dictionary, or the version that its name stands for where there is no such file."""
    if os.path.exists(entry.value):
        return entry.value
    stem = Path(entry.value.replace("\\", "/")).stem.upper().replace(".", "")
    version = next((version for version, name in VERSIONS.items() if name == stem), "")
    if version:
        draft.say("note", entry, f"there is no file {entry.value}: the standard's dictionary of {version} is taken")
        return version
    return entry.value  # what is wrong is said when it is loaded


def validation(draft: Draft) -> None:
    """The switches of validation; without a dictionary there is none."""
    for name in ("UseDataDictionary", "ValidateIncomingMessage"):
        entry = draft.entry(name)
        if entry is not None and not draft.flag(name, True):
            draft.put("validation", "none", entry)
            draft.put("session_validation", "none", entry)
            return
    entry = draft.entry("RejectInvalidMessage")
    rejects = draft.flag("RejectInvalidMessage", True)
    draft.put("validation.mode", "reject" if rejects else "warn", entry)
    if rejects:
        text = (
            "application messages that the dictionary finds a fault in are rejected, as QuickFIX does; "
            'validation.mode = "observe" delivers them, with message.fault: no fill is lost'
        )
        draft.say("note", entry or draft.entry("DataDictionary") or draft.entry("AppDataDictionary"), text)
    for key, names in {
        "order": ("ValidateFieldsOutOfOrder", "ValidateUnorderedGroupFields"),
        "empty": ("ValidateFieldsHaveValues",),
        "user_defined_tags": ("ValidateUserDefinedFields", "CheckUserDefinedFields"),
    }.items():
        for name in names:
            if not draft.flag(name, True):
                draft.put(f"validation.{key}", False, draft.entry(name))
    for key, names in {
        "unknown_tags": ("AllowUnknownMsgFields", "AllowUnknownMessageFields"),
        "codes": ("AllowUnknownFieldValues",),
    }.items():
        for name in names:
            if draft.flag(name, False):
                draft.put(f"validation.{key}", False, draft.entry(name))


# --- addresses ------------------------------------------------------------------------------------------------------


def connect(draft: Draft) -> None:
    """SocketConnectHost and SocketConnectPort, and those with a number behind them."""
    if not draft.initiator:
        if draft.entry("SocketAcceptPort") is None:
            draft.say("error", None, "SocketAcceptPort is missing: an acceptor has one")
        elif draft.entry("SocketAcceptHost") is None and draft.entry("SocketAcceptAddress") is None:
            draft.put("listen.host", "none", draft.entry("SocketAcceptPort"))
        return
    for name, key in (("SocketConnectHost", "connection.host"), ("SocketConnectPort", "connection.port")):
        entry = draft.entry(name)
        if entry is None:
            draft.say("error", None, f"{name} is missing: an initiator has one")
        else:
            _put_address(draft, key, entry)
    if draft.entry("HeartBtInt") is None:
        draft.say("note", None, "no HeartBtInt: 30 seconds are taken")
    others, first = [], None
    for n in range(1, 1000):
        host, port = draft.entry(f"SocketConnectHost{n}"), draft.entry(f"SocketConnectPort{n}")
        if host is None or port is None:
            break
        first = first or host
        try:
            others.append([host.value, CONVERTERS["count"](port.value)])
        except Refused as refused:
            draft.say("error", port, f"{port.value!r} is not allowed: {refused}")
    if others:
        draft.put("connection.alternatives", others, first)
    for name, entry in draft.section.entries.items():
        match = re.fullmatch(r"socketconnect(?:host|port)(\d+)", name)
        if match is not None and int(match[1]) > len(others):
            draft.say("warning", entry, "is not used: hosts and ports come in pairs, numbered from 1 without a gap")


def _put_address(draft: Draft, key: str, entry: Entry) -> None:
    try:
        draft.put(key, CONVERTERS["count" if key.endswith("port") else ""](entry.value), entry)
    except Refused as refused:
        draft.say("error", entry, f"{entry.value!r} is not allowed: {refused}")


def reconnect(draft: Draft) -> None:
    """ReconnectInterval: seconds, or steps as Java has them: 5;3x10;60."""
    if not draft.initiator:
        return
    draft.put("connection.reconnect.retry_first", True, None)  # QuickFIX never gives up
    draft.put("connection.reconnect.max_refusals", "none", None)
    entry = draft.entry("ReconnectInterval")
    if entry is None:
        return
    steps = []
    for part in entry.value.split(";"):
        match = re.fullmatch(r"\s*(?:\d{1,6}\s*[xX*]\s*)?(\d{1,9})\s*", part, re.ASCII)
        if match is None:
            draft.say("error", entry, f"{entry.value!r} is not allowed: seconds, or steps such as 5;3x10;60")
            return
        steps.append(int(match[1]))
    draft.put("connection.reconnect.initial", steps[0], entry)
    draft.put("connection.reconnect.maximum", max(steps), entry)
    if len(set(steps)) == 1:
        draft.put("connection.reconnect.factor", 1, entry)
    else:
        text = f"the waits grow from {steps[0]} to {max(steps)} seconds, each twice the last, instead of by these steps"
        draft.say("note", entry, text)


# --- files ----------------------------------------------------------------------------------------------------------


def store(draft: Draft) -> None:
    """FileStorePath, FileStoreSync; a database becomes a journal."""
    entry = draft.entry("FileStorePath")
    database = next((one for name, one in draft.section.entries.items() if _DATABASES.match(name)), None)
    if entry is None and database is None:
        draft.put("store.kind", "memory", None)
        draft.say("note", None, 'no FileStorePath: messages are kept in memory; store = "journal" keeps them in files')
        return
    draft.put("store.kind", "journal", entry or database)
    if entry is None:
        draft.put("store.path", "journals", database)
        return
    draft.put("store.path", entry.value, entry)
    sync = draft.entry("FileStoreSync")
    if sync is not None and draft.flag("FileStoreSync", False):
        draft.put("store.sync", "group", sync)
    numbers = "the numbers that QuickFIX has there are not taken over: fixfast config convert --numbers does that"
    draft.say("note", entry, numbers)


def file_stem(draft: Draft, *, subs: bool = True) -> str:
    """Return what QuickFIX's own files of a session are named by. C++ leaves out sub and location ids."""
    sides = []
    for side in ("Sender", "Target"):
        parts = [draft.text(f"{side}CompID")]
        parts += [draft.text(f"{side}{kind}") for kind in ("SubID", "LocationID") if subs]
        sides.append("_".join(part for part in parts if part))
    return "-".join(part for part in (draft.text("BeginString"), *sides, draft.text("SessionQualifier")) if part)


def log(draft: Draft) -> None:
    """FileLogPath."""
    entry = draft.entry("FileLogPath")
    if entry is not None:
        stem = re.sub(r"[/\\\0]", "_", file_stem(draft))
        draft.put("log.path", os.path.join(entry.value, f"{stem}.log"), entry)


def template(draft: Draft) -> None:
    """AcceptorTemplate: a session that stands for many. DynamicSessions has none to take their options from."""
    entry = draft.entry("AcceptorTemplate")
    is_one = entry is not None and draft.flag("AcceptorTemplate", False) and not draft.initiator
    if is_one and "*" not in draft.text("SenderCompID") + draft.text("TargetCompID"):
        draft.put("target_comp_id", "*", entry)
        text = f"anybody may log on, to {draft.text('SenderCompID')}: give the program authenticate(), or TargetCompID"
        draft.say("warning", entry, f"{text} a pattern such as DESK*")
    entry = draft.entry("DynamicSessions")
    if entry is not None and draft.flag("DynamicSessions", False):
        draft.say("warning", entry, "is not supported: add a [SESSION] with AcceptorTemplate=Y and TargetCompID=*")


def policy(draft: Draft) -> None:
    """HostSelectionPolicy."""
    entry = draft.entry("HostSelectionPolicy")
    if entry is not None and entry.value.upper() not in ("PRIORITY", "ROUND_ROBIN"):
        draft.say("error", entry, f"{entry.value!r} is not allowed: PRIORITY or ROUND_ROBIN")
    over = draft.entry("HostSelectionPolicy.Priority.StartOverInterval")
    if over is not None:
        draft.say("warning", over, "is not supported: after a logon that address is tried first, until it fails")


def database(draft: Draft) -> None:
    """Stores in databases: said once for each session."""
    found = next((one for name, one in draft.section.entries.items() if _DATABASES.match(name)), None)
    if found is None:
        return
    instead = (
        "the journal of FileStorePath is" if draft.entry("FileStorePath") is not None else "a journal in journals/ is"
    )
    text = (
        f"stores in such a database are not supported: {instead} taken. Its numbers are not: before the switch, reset"
    )
    draft.say("warning", found, f"{text} them with the peer (ResetOnLogon=Y once)")
