from fixfast.codec.message import Message
from fixfast.dictionary.model import Dictionary

__all__ = ["dictionary_of", "version_assumed"]

def dictionary_of(m: Message) -> Dictionary: ...
def version_assumed(m: Message) -> bool: ...
