# cython: language_level=3, binding=False
"""index() and decode_columns(): a whole buffer of messages -> numpy arrays, with the GIL released.

What is a message and what is garbled is judged as a StreamDecoder judges it (many.pxd), by the same kernels. The
buffer is gone through in blocks of 4 MiB, between which signals are looked at. Threads take parts of it that begin at
what looks like a start; where the part before does not end right there, it goes on itself, so that the result never
depends on how many there were.

Memory: arrays grow where they are (realloc moves pages), and become the result without a copy. Beside them stand
800 KiB for the fields of a message, one message if it had to be translated, and with threads one column at a time.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, realloc

cimport cython

from fixfast.codec.book cimport Book, Pile, Text, append
from fixfast.codec.context cimport Context, Export, checked_limit, context_of, export_of
from fixfast.codec.gather cimport BOOL, BYTES, FLOAT, SCALED, TEXT, TIME, Column, Part
from fixfast.codec.many cimport find_next, seek
from fixfast.codec.scan.kernels cimport scan_function

from fixfast.codec.kinds import checked_delimiter, kinds_of

__all__ = ["decode_columns", "index"]

cdef enum:
    LEAST_PART = 1 << 16        # bytes for a thread
    MOST_THREADS = 64


@cython.final
@cython.no_gc
cdef class Memory:
    """What a pile held, as a buffer that an array refers to."""
    cdef uint8_t* p
    cdef Py_ssize_t size

    def __dealloc__(self):
        free(self.p)

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.p, self.size, 0, flags)


cdef object array_of(Pile* pile, object dtype):
    """Turn a pile into an array of its own memory; the pile is empty afterwards."""
    import numpy as np

    cdef Memory memory
    cdef uint8_t* p
    if not pile.n:
        return np.empty(0, dtype)
    memory = Memory.__new__(Memory)
    p = <uint8_t*>realloc(pile.p, pile.n * pile.width)
    memory.p = pile.p if p is NULL else p
    memory.size = <Py_ssize_t>(pile.n * pile.width)
    pile.p, pile.n, pile.cap = NULL, 0, 0
    return np.frombuffer(memory, dtype)


cdef tuple categories_of(Book* book):
    cdef Text* texts = <Text*>book.texts.p
    cdef size_t i
    return tuple([
        PyBytes_FromStringAndSize(<const char*>book.letters.p + texts[i].off, texts[i].size)
        .decode("utf-8", "surrogateescape")
        for i in range(book.texts.n)
    ])


def _run(Part part):
    cdef int rc = 1
    while rc == 1 and not part.cancelled:
        with nogil:
            rc = part.run()
        PyErr_CheckSignals()
    part.failed = rc < 0


cdef Part _part(Part like, Export export, Context context, list kinds, int64_t at):
    cdef Part part = Part.__new__(Part)
    part.walk = like.walk
    part.walk.scratch = NULL
    part.walk.at = at
    part.export, part.context, part.pairs = export, context, &context.pairs.pairs
    part.scan = scan_function()
    part.indexing, part.fields = like.indexing, like.fields
    part.set_up(kinds)
    return part


cdef Part _go(list kinds, object buffer, bint indexing, bint fields, dict options):
    """Go through the buffer, in as many parts as there are threads; return the first part, with all that was found."""
    cdef Part like = Part.__new__(Part)
    cdef Context context = context_of(options["dictionary"])
    cdef bytes delimiter = checked_delimiter(options["delimiter"])
    cdef Export export
    cdef Py_ssize_t k, count = options["threads"]
    cdef int64_t at
    if count < 1:
        raise ValueError(f"threads must be at least 1, not {count}")
    like.walk.limit = checked_limit(options["max_message_size"])
    like.walk.lines = bool(options["lines"])
    like.walk.width = <int>len(delimiter)
    like.walk.delimiter = <uint8_t>delimiter[len(delimiter) - 1]
    like.indexing, like.fields = indexing, fields
    export = export_of(buffer)
    like.walk.data, like.walk.n = <const uint8_t*>export.view.buf, export.view.len
    like.walk.stop = like.walk.n
    count = min(count, MOST_THREADS, export.view.len // LEAST_PART + 1)
    parts = [_part(like, export, context, kinds, 0)]
    for k in range(1, count):
        at = find_next(&like.walk, export.view.len // count * k, export.view.len)
        if at > (<Part>parts[-1]).walk.at:
            (<Part>parts[-1]).walk.stop = at
            parts.append(_part(like, export, context, kinds, at))
    _run_all(parts)
    return _joined(parts)


cdef int _run_all(list parts) except -1:
    cdef Part part
    threads = []
    if len(parts) > 1:
        from threading import Thread

        threads = [Thread(target=_run, args=(one,), daemon=True) for one in parts[1:]]
    try:
        for thread in threads:
            thread.start()
        _run(parts[0])
        for thread in threads:
            thread.join()
    except BaseException:
        for part in parts:
            part.cancelled = True
        raise
    return 0


cdef Part _joined(list parts):
    cdef Part whole = parts[0]
    cdef Part part
    for part in parts:
        if part.failed:
            raise MemoryError
    for i in range(1, len(parts)):
        part, parts[i] = parts[i], None
        seek(&whole.walk)
        begin = whole.walk.stop
        whole.walk.stop = part.walk.stop
        if whole.walk.at == begin and whole.walk.bad_end <= begin:
            whole.take(part)
        else:                           # what looked like a start was none: go on over it
            _run(whole)
            if whole.failed:
                raise MemoryError
    return whole


cdef object _spans(Part part):
    from fixfast.codec.tables import GarbledSpans

    return GarbledSpans(
        array_of(&part.garbled[0], "int64"), array_of(&part.garbled[1], "int64"), array_of(&part.garbled[2], "uint8")
    )


cdef object _column(Column* column):
    from fixfast.codec.tables import Coded, ScaledArray

    if column.kind == TEXT:
        return Coded(array_of(column.data, "int32"), categories_of(&column.book))
    if column.kind == SCALED:
        return ScaledArray(array_of(column.data, "int64"), array_of(column.exponent, "int8"))
    dtype = {BYTES: f"S{column.size}", FLOAT: "float64", TIME: "datetime64[ns]", BOOL: "bool"}
    return array_of(column.data, dtype.get(column.kind, "int64"))


def index(
    buffer, *, fields=True, threads=1, dictionary=None, delimiter=b"\x01", lines=False, max_message_size=1 << 20
):
    """Return where the messages of a buffer are, and where their fields are: an Index of numpy arrays.

    What is a message is judged as by a StreamDecoder: framing, CheckSum, every field's form. What is none is in
    `garbled` of the result, a message that is not complete (TRUNCATED) too: a buffer ends, a stream does not.

    Args:
        buffer: bytes, bytearray, memoryview, mmap, numpy array of bytes: anything contiguous. Exported meanwhile.
        fields: False: fields are neither judged nor kept, only frames and CheckSum.
        threads: how many parts of the buffer are gone through at once; the result is the same. A part has 64 KiB at
            least.
        dictionary: for length/data pairs beyond the standard's; as for parse().
        delimiter: what stands for SOH between fields: b"|", b"^A", b";", b"~" or a tab. Every one of them counts as
            SOH, in values too: a message is judged as if it had been written with SOH.
        lines: messages stand in text: lines with or without something in front of them, blank lines. A message starts
            at any 8=FIX that no digit precedes; what stands between messages is passed over, and is not garbled.
        max_message_size: bound of BodyLength, in bytes.

    Raises:
        TypeError, ValueError: `buffer` is not contiguous bytes; a bad option.
    """
    from fixfast.codec.tables import Coded, Index
    import numpy as np

    cdef int64_t total
    cdef Part part = _go(kinds_of({35: "S"}), buffer, True, fields, {
        "threads": threads, "dictionary": dictionary, "delimiter": delimiter, "lines": lines,
        "max_message_size": max_message_size,
    })
    total = <int64_t>part.tokens[0].n
    if append(&part.rows[4], &total, 1) < 0:
        raise MemoryError
    return Index(
        array_of(&part.rows[0], "int64"),
        array_of(&part.rows[3], "uint32"),
        Coded(array_of(&part.rows[1], "int32"), categories_of(&part.columns[0].book)),
        array_of(&part.rows[4], "int64"),
        array_of(&part.tokens[0], "int32"),
        array_of(&part.tokens[1], "uint32"),
        array_of(&part.tokens[2], "uint32"),
        _spans(part),
    )


def decode_columns(
    buffer, columns, *, threads=1, dictionary=None, delimiter=b"\x01", lines=False, max_message_size=1 << 20
):
    """Return some fields of every message of a buffer as typed numpy arrays, one row per message: Columns.

    What is a message is judged as by index(). Of a tag that occurs more than once in a message the first one counts.

    Args:
        buffer: as for index().
        columns: {tag: kind}, at most 250. Kinds, and what stands where a field is not there or not of the kind:
            "S"         text, dictionary-coded: Coded of int32 codes and categories; -1
            "S8"        text of at most 8 bytes (1 to 9999) as fixed bytes, longer text is not of the kind; b""
            "int"       int64; 0
            "float"     float64, nearest; nan
            "scaled:4"  int64, value * 10**4 (0 to 18), never rounded; 0
            "scaled"    ScaledArray of int64 mantissas and int8 exponents, exact; 0, 0
            "time"      UTCTimestamp as datetime64[ns]; NaT
            "bool"      Y or N as bool; False
        threads: how many parts of the buffer are gone through at once; the result is the same. A part has 64 KiB at
            least.
        dictionary: for length/data pairs beyond the standard's; as for parse().
        delimiter: what stands for SOH between fields: b"|", b"^A", b";", b"~" or a tab. Every one of them counts as
            SOH, in values too: a message is judged as if it had been written with SOH.
        lines: messages stand in text: lines with or without something in front of them, blank lines. A message starts
            at any 8=FIX that no digit precedes; what stands between messages is passed over, and is not garbled.
        max_message_size: bound of BodyLength, in bytes.

    Raises:
        TypeError, ValueError: `buffer` is not contiguous bytes; a bad kind, tag or option.
    """
    from fixfast.codec.tables import Columns

    cdef list kinds = kinds_of(columns)
    cdef int i
    cdef Part part = _go(kinds, buffer, False, True, {
        "threads": threads, "dictionary": dictionary, "delimiter": delimiter, "lines": lines,
        "max_message_size": max_message_size,
    })
    tags = list(columns)
    return Columns(
        {tags[i]: _column(&part.columns[i]) for i in range(part.n_columns)},
        {tags[i]: array_of(part.columns[i].valid, "bool") for i in range(part.n_columns)},
        {tags[i]: part.columns[i].malformed for i in range(part.n_columns)},
        array_of(&part.rows[0], "int64"),
        _spans(part),
    )
