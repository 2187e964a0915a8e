"""What usernames and passwords may be like, and how client_ids are made. Without I/O.

All of these travel in FIX fields, HTTP headers, logs and web pages. So they consist of printable ASCII, and names of
letters, digits and three signs: what no SQL, HTML or path takes for anything but text.
"""

from __future__ import annotations

import re
import secrets

__all__ = ["LONGEST_PASSWORD", "is_a_name", "new_client_id", "password_fault", "username_fault", "username_key"]

#: What is longer costs more to hash than anybody gains.
LONGEST_PASSWORD = 128

_NAME = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)
_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{2,31}", re.ASCII)
_PASSWORD = re.compile(r"[\x20-\x7e]*", re.ASCII)
#: Without 0, 1, I, L, O and U: nobody misreads one, and no words come of it.
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"
_SIGNS = f"{_LETTERS}23456789"
_ID_LENGTH = 12


def username_fault(username: str) -> str:
    """Return what is wrong with a username, "" if nothing is."""
    if _USERNAME.fullmatch(username):
        return ""
    return "3 to 32 letters, digits, dots, dashes or underscores; the first is a letter"


def is_a_name(text: str) -> bool:
    """Tell whether a text could be a client_id or a username: a database need not be asked otherwise."""
    return _NAME.fullmatch(text) is not None


def username_key(username: str) -> str:
    """Return what two usernames have in common that nobody should have to tell apart."""
    return username.lower()


def password_fault(password: str, username: str, shortest: int) -> str:
    """Return what is wrong with a password, "" if nothing is. Args: shortest: characters it has at least."""
    if not _PASSWORD.fullmatch(password):
        return "letters, digits, signs and spaces of ASCII only: it travels in a FIX field"
    if not shortest <= len(password) <= LONGEST_PASSWORD:
        return f"{shortest} to {LONGEST_PASSWORD} characters"
    if password.lower() == username.lower():
        return "something else than the username"
    if len(set(password)) < 4:
        return "at least four different characters"
    return ""


def new_client_id() -> str:
    """Return a SenderCompID that nobody has guessed: a letter and eleven more signs, 58 bits of chance."""
    return secrets.choice(_LETTERS) + "".join(secrets.choice(_SIGNS) for _ in range(_ID_LENGTH - 1))
