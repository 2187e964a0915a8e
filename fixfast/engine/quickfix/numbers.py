"""The sequence numbers that QuickFIX left in its files, and how a session of fixfast goes on from them.

C++ and .NET keep both in `<name>.seqnums` ("0000000005 : 0000000007", of late in 20 digits: the next to send, the next
to receive), Java in `<name>.senderseqnums` and `<name>.targetseqnums`; the time they began is in `<name>.session`.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import NamedTuple

from fixfast.engine.quickfix.draft import Draft
from fixfast.engine.quickfix.parts import file_stem
from fixfast.engine.settings.session import SessionSettings
from fixfast.engine.settings.store_choice import MemoryChoice
from fixfast.errors import ConfigError, StoreError
from fixfast.session.session import Session
from fixfast.types import Now

__all__ = ["Numbers", "read_numbers", "seed"]

#: The files hold 23 bytes; what is longer is something else.
_MOST = 4096
_PAIR = re.compile(rb"\s*(\d{1,20})\s*:\s*(\d{1,20})\s*\0*\s*")
_ONE = re.compile(rb"(?:\0.)?\s*(\d{1,18})\s*", re.S)  # Java writes the length first
_CREATED = re.compile(rb"(\d{8}-\d\d:\d\d:\d\d)")


class Numbers(NamedTuple):
    """What QuickFIX knew of a session.

    `next_out`, `next_in`: the next numbers. `created_ns`: when they began, wall ns; None: it does not say. `path`: the
    file they are from.
    """

    next_out: int
    next_in: int
    created_ns: int | None
    path: str


def read_numbers(draft: Draft) -> Numbers | None:
    """Return the numbers of a session, from FileStorePath; None: there are no files.

    Raises: ConfigError: a file is not what QuickFIX writes. OSError: it cannot be read.
    """
    folder = draft.text("FileStorePath")
    if not folder:
        return None
    for stem in dict.fromkeys((file_stem(draft), file_stem(draft, subs=False))):
        base = os.path.join(folder, stem)
        pair = _read(f"{base}.seqnums")
        if pair is not None:
            match = _PAIR.fullmatch(pair)
            if match is None:
                raise ConfigError("FileStorePath", f"{base}.seqnums", "two numbers, as QuickFIX writes them")
            return Numbers(_number(match[1]), _number(match[2]), _created(base), f"{base}.seqnums")
        ours, theirs = _read(f"{base}.senderseqnums"), _read(f"{base}.targetseqnums")
        if ours is not None and theirs is not None:
            found = [_ONE.fullmatch(one) for one in (ours, theirs)]
            if found[0] is None or found[1] is None:
                raise ConfigError("FileStorePath", f"{base}.senderseqnums", "a number, as QuickFIX/J writes it")
            return Numbers(_number(found[0][1]), _number(found[1][1]), _created(base), f"{base}.senderseqnums")
    return None


def seed(chosen: SessionSettings, numbers: Numbers, now: Now) -> bool:
    """Let a session's store, which must be new, go on from these numbers.

    What QuickFIX sent is not taken over: where the peer asks for it, it is gap-filled.

    Returns: True; False: the store has these numbers already.

    Raises: ConfigError: the session has no store to keep them, or one that is in use with other numbers. StoreError.
    """
    if isinstance(chosen.stored, MemoryChoice):
        raise ConfigError("store", "memory", "a journal or a database, to keep the numbers")
    store = chosen.store()
    try:
        state = store.load()
        if (state.next_out, state.received) == (numbers.next_out, numbers.next_in):
            return False
        if state.next_out != 1 or state.received != 1:
            there = f"{state.next_out} to send and {state.received} to receive"
            raise ConfigError("store", there, "a new store: this one has messages. Move its files away first")
        # The numbers belong to the time they began at: with a schedule, they may have to begin again by now.
        wall_ns = numbers.created_ns if numbers.created_ns is not None else now.wall_ns
        if numbers.next_in > 1:
            store.fill(1, numbers.next_in - 1)
        if numbers.next_out > 1:
            Session(chosen.config, store=store, role=chosen.role).set_next_out(
                numbers.next_out, Now(now.mono_ns, wall_ns)
            )
        store.sync()
        state = store.load()
        if (state.next_out, state.received) != (numbers.next_out, numbers.next_in):
            raise StoreError(f"the store has {state.next_out} and {state.received} after all")
        return True
    finally:
        store.close()


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read(_MOST)
    except FileNotFoundError:
        return None


def _number(digits: bytes) -> int:
    return min(max(1, int(digits)), 2**63 - 1)


def _created(base: str) -> int | None:
    found = _CREATED.search(_read(f"{base}.session") or b"")
    if found is None:
        return None
    try:
        moment = datetime.strptime(found[1].decode(), "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000_000_000
