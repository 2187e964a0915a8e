"""The one place where the session layer takes the codec from."""

from __future__ import annotations

from fixfast.codec._data_pairs import DATA_PAIRS
from fixfast.codec.check import HeaderCheck
from fixfast.codec.convert import format_time
from fixfast.codec.encode import encode, encode_session
from fixfast.codec.encoders import encoder
from fixfast.codec.frame import StreamDecoder
from fixfast.codec.inflow import Inflow
from fixfast.codec.message import Message
from fixfast.codec.outflow import Outflow
from fixfast.codec.parse import parse
from fixfast.codec.present import is_secret
from fixfast.codec.template import Template
from fixfast.codec.validate import shadowed

__all__ = [
    "DATA_PAIRS",
    "HeaderCheck",
    "Inflow",
    "Message",
    "Outflow",
    "StreamDecoder",
    "Template",
    "encode",
    "encode_session",
    "encoder",
    "format_time",
    "is_secret",
    "parse",
    "shadowed",
]
