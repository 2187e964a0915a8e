from fixfast.types import Buffer

__all__ = ["packed"]

def packed(
    kind: int,
    flags: int,
    epoch: int,
    seed: int,
    number: int,
    last: int,
    nin: int,
    wall_ns: int,
    payload: Buffer,
    /,
) -> bytes: ...
