"""URLs of PostgreSQL, and what is said of a server, both as they may be shown: a URL may have a password in it."""

from __future__ import annotations

import re
from urllib.parse import unquote

__all__ = ["is_postgres_url", "said_of", "shown_url"]

#: What a name or password has of :/?#@ must be written as %3A and so on: else nobody knows which part is the secret.
_URL = re.compile(r"postgres(ql)?://([^/?#@: ]*(:[^/?#@: ]*)?@)?[^@ ]+")
_PASSWORDS = re.compile(r"//[^/@]*?:([^/@]*)@|password=([^&\s]*)")


def is_postgres_url(url: str) -> bool:
    """Return whether a text is a URL of PostgreSQL of which it is known which part is the password."""
    return url.isprintable() and _URL.fullmatch(url) is not None


def shown_url(url: str) -> str:
    """Return a URL (see is_postgres_url) without its passwords."""
    without = re.sub(r"(//[^/@]*?):[^/@]*@", r"\1:***@", url)
    return re.sub(r"(password=)[^&\s]*", r"\1***", without)


def said_of(error: Exception, url: str) -> str:
    """Return what is wrong, in one line, without the URL's passwords.

    Args: error: of psycopg. What PostgreSQL says beside its first line may hold values of a row: that is left out.
    """
    said = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    for password in {one for pair in _PASSWORDS.findall(url) for one in pair if one}:
        said = said.replace(password, "***").replace(unquote(password), "***")
    return " ".join(said.split()) or type(error).__name__
