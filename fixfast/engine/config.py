"""What of a session's options is in files."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from fixfast.dictionary.load import load_dictionary
from fixfast.session.config import SessionConfig

__all__ = ["with_dictionary"]


async def with_dictionary(config: SessionConfig) -> SessionConfig:
    """Return the options of a session with the dictionary that they name, which is read in a worker thread.

    A large file takes a second, in which other sessions of the loop must go on.

    Raises: DictionaryError: there is no such version or file, or the file is wrong.
    """
    if not isinstance(config.dictionary, str):
        return config
    loop = asyncio.get_running_loop()
    return replace(config, dictionary=await loop.run_in_executor(None, load_dictionary, config.dictionary))
