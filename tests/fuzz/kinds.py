"""The kinds of input that fuzz targets take: where their seeds are, and how one is damaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.codec.mutate import mutated, repaired
from tests.fuzz.choices import changed_choices, made_choices
from tests.fuzz.journals import changed_journal, made_journals
from tests.fuzz.markup import broken_lines, broken_markup
from tests.fuzz.seeds import CORPUS, compiled_seeds
from tests.fuzz.words import broken_words

__all__ = ["KINDS", "Kind"]

#: (all seeds of the kind, Random) -> one damaged input
Mutation = Callable[[Sequence[bytes], Random], bytes]


@dataclass(frozen=True)
class Kind:
    """A kind of input: files `suffix` in `folder` of the corpus."""

    name: str
    folder: str
    suffix: str
    mutation: Mutation
    #: Seeds that are made instead of kept.
    made: Callable[[], Sequence[bytes]] = tuple

    @property
    def path(self) -> Path:
        return CORPUS / self.folder

    def files(self) -> list[Path]:
        return sorted(self.path.glob(f"*{self.suffix}"))

    def seeds(self) -> list[bytes]:
        return [*self.made(), *(path.read_bytes() for path in self.files())]


def _message(corpus: Sequence[bytes], random: Random) -> bytes:
    """Return a damaged message or stream; half of the time with BodyLength and CheckSum made right again."""
    data = mutated(random.choice(corpus), random.choice(corpus) or b"8=FIX", random)
    return repaired(data) if random.random() < 0.5 else data


def _repaired_message(corpus: Sequence[bytes], random: Random) -> bytes:
    """Return a whole message with damage inside: fields moved, doubled, dropped, their values exchanged."""
    data = random.choice(corpus)
    if random.random() < 0.7:
        fields = data.split(b"\x01")[:-1]
        others = random.choice(corpus).split(b"\x01")[:-1] or fields
        for _ in range(random.choice((1, 1, 2, 3))):
            _move_fields(fields, others, random)
        data = b"\x01".join([*fields, b""])
    else:
        data = mutated(data, random.choice(corpus) or b"8=FIX", random)
    return repaired(data)


_TELLING_VALUES = (
    b"", b" ", b"A B", b"1 2", b"A  B",
    *b"0 -1 00 1 2 51 Y N A ~ 1.5 . 1e5 +1 20240230 20240229-23:59:60 20240101-24:00:00 202402w3 12:00:60".split(),
    *b"12:00Z 12:00+15 20240101-12:00:00.123456789012 20240101-12:00:00+05:30 D1 M12 <a/> <a \xff 99999999999".split(),
)  # fmt: skip
_TELLING_TAGS = (
    b"0 -1 1 35 34 49 52 43 10 96 91 1128 1137 268 269 270 453 448 447 802 523 58 999 4999 5000 5001 20000 999999999"
).split()


def _move_fields(fields: list[bytes], others: list[bytes], random: Random) -> None:
    if len(fields) < 4:
        return
    at = random.randrange(2, len(fields))
    kind = random.randrange(7)
    tag, _, _ = fields[at].partition(b"=")
    if kind == 0:
        fields.insert(random.randrange(2, len(fields)), fields.pop(at))
    elif kind == 1:
        fields.insert(random.randrange(2, len(fields)), fields[at])
    elif kind == 2:
        del fields[at : at + random.choice((1, 1, 2, 5))]
    elif kind == 3:
        fields[at] = tag + b"=" + random.choice(_TELLING_VALUES)
    elif kind == 4:
        fields.insert(at, random.choice(_TELLING_TAGS) + b"=" + random.choice(_TELLING_VALUES))
    elif kind == 5:
        start = random.randrange(len(others))
        fields[at:at] = others[start : start + random.choice((1, 3, 10))]
    else:
        start = random.randrange(len(others))
        fields[at] = tag + b"=" + others[start].partition(b"=")[2]


#: message: any bytes, whole and broken frames. fields: whole frames, so that what is wrong is inside. choices: what a
#: peer and the world around a session do, one byte a decision. journal: the files of a journal, back to back.
KINDS = {
    kind.name: kind
    for kind in (
        Kind("message", ".", ".fix", _message),
        Kind("fields", "fields", ".fix", _repaired_message),
        Kind("xml", "xml", ".xml", broken_markup),
        Kind("orchestra", "orchestra", ".xml", broken_markup),
        Kind("overlay", "overlay", ".toml", broken_lines),
        Kind("blob", "blob", ".bin", broken_words, compiled_seeds),
        Kind("choices", "choices", ".choices", changed_choices, made_choices),
        Kind("journal", "journal", ".journal", changed_journal, made_journals),
    )
}
