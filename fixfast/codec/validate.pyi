from fixfast.codec.message import Message
from fixfast.dictionary.validation import Fault, Validation

__all__ = ["shadowed", "validate"]

def validate(m: Message, validation: Validation | None = None) -> Fault | None: ...
def shadowed(m: Message) -> int: ...
