from typing import Final

__all__ = ["KINDS"]

KINDS: Final[tuple[str, ...]]
