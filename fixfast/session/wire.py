"""The one place where the session layer takes the codec from."""

from __future__ import annotations

from fixfast.codec.reference.convert import format_time
from fixfast.codec.reference.encode import Template, encode, encode_session
from fixfast.codec.reference.frame import StreamDecoder
from fixfast.codec.reference.message import Message, parse

__all__ = ["Message", "StreamDecoder", "Template", "encode", "encode_session", "format_time", "parse"]
