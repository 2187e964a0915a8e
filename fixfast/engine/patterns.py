"""Names with a `*`: one set of options for many sessions that are made when somebody logs on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fixfast.errors import ConfigError
from fixfast.session.config import SessionConfig
from fixfast.types import SessionID

__all__ = ["Templates", "fits"]


def fits(pattern: str, text: str) -> bool:
    """Tell whether a text is as a pattern says, in which each `*` stands for any text. Linear in the text (C3)."""
    first, *others = pattern.split("*")
    if not others:
        return pattern == text
    last = others.pop()
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in others:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


class Templates:
    """Options of sessions that are not there yet.

    Args: configs: with a `*` in sender_comp_id (ours) or target_comp_id (the peer's).

    Raises: ConfigError: one of them is no such thing.
    """

    __slots__ = ("_configs",)

    def __init__(self, configs: Iterable[SessionConfig]) -> None:
        self._configs = tuple(configs)
        for config in self._configs:
            if not isinstance(config, SessionConfig):
                raise ConfigError("templates", type(config).__name__, "SessionConfigs")
            if "*" not in config.sender_comp_id + config.target_comp_id:
                name = str(config.session_id)
                raise ConfigError("templates", name, "SessionConfigs with a * in a CompID; others are for configs")

    def config_for(self, identity: SessionID) -> SessionConfig | None:
        """Return the options of the first template that an identity fits, with the CompIDs of that; None: none fits."""
        for config in self._configs:
            if (
                config.begin_string == identity.begin_string
                and fits(config.sender_comp_id, identity.sender_comp_id)
                and fits(config.target_comp_id, identity.target_comp_id)
            ):
                try:
                    return replace(
                        config, sender_comp_id=identity.sender_comp_id, target_comp_id=identity.target_comp_id
                    )
                except ConfigError:
                    return None  # a stranger's CompID that cannot be one of ours
        return None
