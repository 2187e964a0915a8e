"""QuickFIX in a process of its own, driven by lines: words on its standard input, what happens on its output.

    python -m tests.interop.quickfix_peer initiator|acceptor VERSION PORT FOLDER [OPTION=VALUE ...]

It is told `order NAME`, `sender N`, `target N`, `reset`, `restart` (a Logon with 141=Y while logged on), `skip N` (a
SequenceReset-Reset), `logout`, `logon` and `status`; it says `logon`, `logout`, `got NAME NUMBER DUP`, `in TYPE NUMBER
TEXT` and `out TYPE NUMBER` for session messages, and `status IN OUT`. Its dictionaries are fixfast's own files, which
are in its format. The store is QuickFIX's FileStore in FOLDER.
"""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

__all__ = ["NAMES"]

#: CompID of the side that initiates, and of the other
NAMES = {"initiator": "BUY", "acceptor": "SELL"}


def say(*words: object) -> None:
    """Write a line at once, and whole."""
    os.write(1, " ".join(map(str, words)).encode() + b"\n")


def settings(role: str, version: str, port: int, folder: Path, options: list[str]) -> str:
    """Return QuickFIX's configuration."""
    spec = Path(import_module("fixfast.dictionary.load").SPEC_DIR)
    other = "acceptor" if role == "initiator" else "initiator"
    lines = [
        "[DEFAULT]", f"ConnectionType={role}", "NonStopSession=Y", "HeartBtInt=1", "ReconnectInterval=1",
        f"FileStorePath={folder}", "UseDataDictionary=Y", "LogonTimeout=3", "LogoutTimeout=2", *options,
        "[SESSION]", f"BeginString={version}", f"SenderCompID={NAMES[role]}", f"TargetCompID={NAMES[other]}",
    ]  # fmt: skip
    if role == "initiator":
        lines += ["SocketConnectHost=127.0.0.1", f"SocketConnectPort={port}"]
    else:
        lines += [f"SocketAcceptPort={port}", "SocketReuseAddress=Y"]
    if version == "FIXT.1.1":
        lines += ["DefaultApplVerID=FIX.5.0SP2", f"TransportDataDictionary={spec / 'FIXT11.xml'}"]
        lines.append(f"AppDataDictionary={trimmed(spec / 'FIX50SP2.xml', folder)}")
    else:
        lines.append(f"DataDictionary={spec / (version.replace('.', '') + '.xml')}")
    return "\n".join(lines) + "\n"


def trimmed(spec: Path, folder: Path) -> Path:
    """Return a copy of a dictionary with few messages: QuickFIX takes a second for all that FIX 5.0 SP2 has."""
    tree = ElementTree.parse(spec)
    messages = tree.getroot().find("messages")
    assert messages is not None
    for message in list(messages):
        if message.get("name") not in ("NewOrderSingle", "News", "BusinessMessageReject"):
            messages.remove(message)
    path = folder / spec.name
    tree.write(path)
    return path


def program(fix: Any) -> Any:
    """Return the application object."""

    class Program(fix.Application):  # type: ignore[misc]
        session_id: Any = None

        def onCreate(self, session_id: Any) -> None:
            self.session_id = session_id
            say("created")

        def onLogon(self, session_id: Any) -> None:
            say("logon")

        def onLogout(self, session_id: Any) -> None:
            say("logout")

        def toAdmin(self, message: Any, session_id: Any) -> None:
            say("out", message.getHeader().getField(35), message.getHeader().getField(34))

        def fromAdmin(self, message: Any, session_id: Any) -> None:
            header = message.getHeader()
            say("in", header.getField(35), header.getField(34), message.getField(58) if message.isSetField(58) else "")

        def toApp(self, message: Any, session_id: Any) -> None:
            pass

        def fromApp(self, message: Any, session_id: Any) -> None:
            header = message.getHeader()
            dup = header.isSetField(43) and header.getField(43) == "Y"
            name = message.getField(11 if message.isSetField(11) else 148)
            say("got", name, header.getField(34), int(dup))

    return Program()


def order(fix: Any, version: str, name: str) -> Any:
    """Return a NewOrderSingle."""
    message = fix.Message()
    message.getHeader().setField(8, version)
    message.getHeader().setField(35, "D")
    stamp = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
    for tag, value in ((11, name), (21, "1"), (55, "EUR/USD"), (54, "1"), (60, stamp), (38, "100"), (40, "1")):
        message.setField(tag, value)
    return message


def admin(fix: Any, version: str, msg_type: str, *fields: tuple[int, str]) -> Any:
    """Return a session message, to be numbered and sent by QuickFIX like one of its own."""
    message = fix.Message()
    message.getHeader().setField(8, version)
    message.getHeader().setField(35, msg_type)
    for tag, value in fields:
        message.setField(tag, value)
    return message


def obey(fix: Any, app: Any, version: str, words: list[str]) -> None:
    """Do what one line says."""
    session, session_id = fix.Session.lookupSession(app.session_id), app.session_id
    word, number = words[0], words[-1]
    if word == "order":
        fix.Session.sendToTarget(order(fix, version, number), session_id)
    elif word == "sender":
        session.setNextSenderMsgSeqNum(int(number))
    elif word == "target":
        session.setNextTargetMsgSeqNum(int(number))
    elif word == "reset":
        session.reset()
    elif word == "restart":
        fields = [(98, "0"), (108, "1"), (141, "Y")]
        if version == "FIXT.1.1":
            fields.append((1137, "9"))
        fix.Session.sendToTarget(admin(fix, version, "A", *fields), session_id)
    elif word == "skip":
        fix.Session.sendToTarget(admin(fix, version, "4", (36, number)), session_id)
        session.setNextSenderMsgSeqNum(int(number))
    elif word == "logout":
        session.logout("enough")
    elif word == "logon":
        session.logon()
    elif word == "status":
        say("status", session.getExpectedTargetNum(), session.getExpectedSenderNum())


def main() -> None:
    """Run until standard input ends."""
    fix: Any = import_module("quickfix")
    role, version, port, folder, *options = sys.argv[1:]
    path = Path(folder) / f"{role}.cfg"
    path.write_text(settings(role, version, int(port), Path(folder), options))
    app = program(fix)
    config = fix.SessionSettings(str(path))
    # Threaded: the plain SocketInitiator of quickfix-tls 1.16.0.1rc1 does not connect again when a Logout of the peer
    # ended the connection: it says its next Logon to the socket that it has just closed, and waits.
    make = fix.ThreadedSocketInitiator if role == "initiator" else fix.ThreadedSocketAcceptor
    engine = make(app, fix.FileStoreFactory(config), config)
    engine.start()
    say("up")
    for line in sys.stdin:
        try:
            obey(fix, app, version, line.split())
        except Exception as error:
            say("error", type(error).__name__, error)
    os._exit(0)


if __name__ == "__main__":
    main()
