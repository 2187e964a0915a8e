from fixfast.types import Buffer

__all__: list[str]

def has_secrets(buf: Buffer) -> bool: ...
