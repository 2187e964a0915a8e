from typing import Any, TypeAlias

from numpy.typing import NDArray

from fixfast.codec.groups import Group

__all__ = ["columns"]

Array: TypeAlias = NDArray[Any]

def columns(group: Group, given: tuple[Any, ...], missing: int | None) -> tuple[Array, ...]: ...
