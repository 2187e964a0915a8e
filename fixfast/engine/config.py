"""What of a session's options is in files."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from fixfast.dictionary.load import load_dictionary
from fixfast.session.config import SessionConfig

__all__ = ["loaded", "with_dictionary"]


def loaded(config: SessionConfig) -> SessionConfig:
    """Return the options of a session with the dictionary that they name, read now.

    Raises: DictionaryError: there is no such version or file, or the file is wrong.
    """
    if not isinstance(config.dictionary, str):
        return config
    return replace(config, dictionary=load_dictionary(config.dictionary))


async def with_dictionary(config: SessionConfig) -> SessionConfig:
    """Do loaded() in a worker thread: a large file takes a second, in which other sessions of the loop must go on."""
    if not isinstance(config.dictionary, str):
        return config
    return await asyncio.get_running_loop().run_in_executor(None, loaded, config)
