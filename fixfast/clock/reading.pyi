from fixfast.types import Now

__all__ = ["now"]

def now() -> Now: ...
