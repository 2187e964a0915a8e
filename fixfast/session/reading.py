"""What a session tells the codec of the messages it reads and writes: dictionaries, and what is the common case."""

from __future__ import annotations

from fixfast.dictionary.load import load_dictionary
from fixfast.dictionary.model import Dictionary
from fixfast.dictionary.versions import DictionarySet
from fixfast.session.config import SessionConfig
from fixfast.session.liveness import SECOND
from fixfast.session.reject import REJECTS
from fixfast.session.wire import HeaderCheck

__all__ = ["first_dictionary", "header_check", "own_dictionary"]


def first_dictionary(config: SessionConfig) -> Dictionary | DictionarySet | None:
    """Return what describes messages until the peer's Logon says more.

    Over FIXT.1.1 that matters for messages of an earlier process that are delivered again.
    """
    given = config.dictionary
    if isinstance(given, str):
        return load_dictionary(given)
    if config.begin_string != "FIXT.1.1" or isinstance(given, Dictionary):
        return given
    if given is None:
        return DictionarySet(config.default_appl_ver_id)
    return DictionarySet(given.default or config.default_appl_ver_id, given.by_msg_type, given.dictionaries)


def own_dictionary(
    config: SessionConfig, known: Dictionary | DictionarySet | None, msg_type: str, version: str
) -> Dictionary:
    """Return what describes a message that we send: under FIXT.1.1 our Logon's DefaultApplVerID decides.

    Args: known: what first_dictionary() gave. version: that DefaultApplVerID.
    """
    if isinstance(known, Dictionary):
        return known
    own = known.dictionaries if known is not None else {}
    source = DictionarySet(version, {}, own).choose(config.begin_string, msg_type, None).source
    return load_dictionary(source) if isinstance(source, str) else source


def header_check(config: SessionConfig, singly: bool) -> HeaderCheck:
    """Return what tells which messages the receive path may deliver at once: steps 2 to 8 would change nothing.

    Args: singly: each message has a turn of its own, because the owner's rules are asked.
    """
    modes = (config.validation, config.session_validation)  # the latter for Reject(3)
    acted_on = config.validation is not None and config.validation.mode == "reject"
    acted_on = acted_on or any(option is not None and option.mode == "warn" for option in modes)
    supported = config.supported_msg_types
    msg_types = None if supported is None else frozenset(supported | REJECTS)
    tolerance = min(int(config.sending_time_tolerance * SECOND), 1 << 62) if config.check_latency else None
    return HeaderCheck(
        config.begin_string,
        config.target_comp_id,
        config.sender_comp_id,
        tolerance=tolerance,
        msg_types=msg_types,
        with_faults=not acted_on,
        singly=singly,
    )
