# cython: language_level=3, binding=False
"""index() and decode_columns(): a whole buffer of messages -> numpy arrays, with the GIL released.

What is a message and what is garbled is judged as a StreamDecoder judges it (many.pxd), by the same kernels. Signals
are looked at every 4 MiB.

Threads take blocks that begin at what looks like a start, each into memory of its own, which is used again and again.
In the order of the blocks they get their places in the arrays of the result, and copy there side by side. A block that
turns out not to begin where the one before has ended is gone through again from there, so that the result never depends
on how many threads there were.

Memory: arrays grow where they are (pages.h) and become the result without a copy. Beside them stand 800 KiB for the
fields of a message, one message if it had to be translated, and for each thread what it found in a block.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint8_t

cimport cython

from fixfast.codec.book cimport Book, Pile, Text, append, ff_release, ff_trim
from fixfast.codec.context cimport Context, Export, checked_limit, context_of, export_of
from fixfast.codec.cell cimport BOOL, BYTES, FLOAT, SCALED, TEXT, TIME, Column
from fixfast.codec.gather cimport Part
from fixfast.codec.many cimport Walk, find_next
from fixfast.codec.scan.kernels cimport scan_function

from fixfast.codec.kinds import checked_delimiter, kinds_of

__all__ = ["decode_columns", "index"]

cdef enum:
    LEAST_BLOCK = 1 << 16       # bytes for a thread at once
    MOST_BLOCK = 1 << 21
    MOST_THREADS = 64


@cython.final
@cython.no_gc
cdef class Memory:
    """What a pile held, as a buffer that an array refers to."""
    cdef uint8_t* p
    cdef size_t mapped
    cdef Py_ssize_t size

    def __dealloc__(self):
        ff_release(self.p, self.mapped)

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.p, self.size, 0, flags)


cdef object array_of(Pile* pile, object dtype):
    """Turn a pile into an array of its own memory; the pile is empty afterwards."""
    import numpy as np

    cdef Memory memory
    if not pile.n:
        return np.empty(0, dtype)
    memory = Memory.__new__(Memory)
    memory.size = <Py_ssize_t>(pile.n * pile.width)
    memory.p = <uint8_t*>ff_trim(pile.p, &pile.mapped, memory.size)
    memory.mapped = pile.mapped
    pile.p, pile.mapped, pile.n, pile.cap = NULL, 0, 0, 0
    return np.frombuffer(memory, dtype)


cdef tuple categories_of(Book* book):
    cdef Text* texts = <Text*>book.texts.p
    cdef size_t i
    return tuple([
        PyBytes_FromStringAndSize(<const char*>book.letters.p + texts[i].off, texts[i].size)
        .decode("utf-8", "surrogateescape")
        for i in range(book.texts.n)
    ])


cdef int _run(Part part) except -1:
    cdef int rc = 1
    while rc == 1:
        with nogil:
            rc = part.run()
        PyErr_CheckSignals()
    if rc < 0:
        raise MemoryError
    return 0


@cython.final
cdef class Gang:
    """Threads that go through the blocks of a buffer. Everything here is `lock`'s to guard.

    A signal may end anything in the main thread that is Python, or waits. So the lock is an RLock: its `with` is never
    left or entered halfway, as that of a Condition may be.
    """
    cdef object lock
    cdef object changed                 # a Condition of it
    cdef Part whole                     # the result; its walk has got to where the next block should begin
    cdef int64_t size                   # of a block
    cdef int64_t next                   # where the next block begins that nobody has taken
    cdef Py_ssize_t taken               # blocks
    cdef Py_ssize_t turn                # the block whose places come next
    cdef Py_ssize_t pouring             # threads that write into `whole`, which must not move meanwhile
    cdef object error                   # what happened to one of them; the others stop
    cdef list parts                     # that no thread has taken yet
    cdef Py_ssize_t busy                # threads that have one

    cdef int work(self, Part part) except -1:
        cdef Py_ssize_t number = self.take(part)
        while number >= 0:
            _run(part)
            if not self.deliver(part, number):
                break
            number = self.take(part)
        return 0

    cdef Py_ssize_t take(self, Part part) except -2:
        """Give a part its next block; return its number, -1: there is none."""
        cdef Walk* w = &self.whole.walk
        cdef int64_t begin, stop
        with self.lock:
            begin = self.next
            if self.error is not None or begin >= w.n:
                return -1
            with nogil:
                stop = find_next(w, min(begin + self.size, w.n), w.n)
            self.next = stop if stop >= 0 else w.n
            part.start_at(begin, self.next)
            self.taken += 1
            return self.taken - 1

    cdef int wait(self) except -1:
        if self.error is None:
            self.pause(1.0)             # `error` may be set without a word
        return 0 if self.error is None else 1

    cdef int pause(self, double seconds) except -1:
        """Wait for a change, with the lock; whatever ends that, it is held then. (wait() may come back without it.)"""
        try:
            self.changed.wait(seconds)
        except BaseException:
            while not self.lock._is_owned():
                try:
                    self.lock.acquire()
                except BaseException:
                    pass                # another signal: the first one is told
            raise
        return 0

    cdef bint deliver(self, Part part, Py_ssize_t number) except -1:
        """Put what was found in a block where it belongs; False if another thread has failed."""
        cdef Walk* w = &self.whole.walk
        cdef int64_t stop = part.walk.stop
        with self.lock:
            while self.turn != number:
                if self.wait():
                    return False
        # It is this thread's turn now: nobody else changes `whole`.
        if w.at != part.begin or w.bad_end > part.begin:
            # What looked like a start was none, or bad frames reach over it.
            part.start_at(w.at, stop)
            part.walk.bad_end, part.walk.bad_frames, part.walk.searching = w.bad_end, w.bad_frames, w.searching
            part.forget()
            _run(part)
        with self.lock:
            while self.pouring and not self.whole.has_room_for(part):
                if self.wait():
                    return False
            self.whole.claim(part)
            self.pouring += 1
            self.turn += 1
            self.changed.notify_all()
        with nogil:
            part.pour(self.whole)
        with self.lock:
            self.pouring -= 1
            self.changed.notify_all()
        return True


def _work(Gang gang):
    cdef Part part = None
    try:
        with gang.lock:
            if gang.error is None:
                part = gang.parts.pop()
                gang.busy += 1
        if part is not None:
            gang.work(part)
    except BaseException as error:
        gang.error = error
    finally:
        if part is not None:
            part = None                 # first: when nobody is busy, nobody holds the buffer
            gang.busy -= 1              # before anything that a signal may end
            with gang.lock:
                gang.changed.notify_all()


cdef Part _part(Part like, Export export, Context context, list kinds):
    cdef Part part = Part.__new__(Part)
    part.walk = like.walk
    part.walk.scratch = NULL
    part.export, part.context, part.pairs = export, context, &context.pairs.pairs
    part.scan = scan_function()
    part.indexing, part.fields = like.indexing, like.fields
    part.set_up(kinds)
    return part


cdef Part _go(list kinds, object buffer, bint indexing, bint fields, dict options):
    """Go through the buffer with so many threads; return all that was found."""
    cdef Part like = Part.__new__(Part)
    cdef Part whole
    cdef Context context = context_of(options["dictionary"])
    cdef bytes delimiter = checked_delimiter(options["delimiter"])
    cdef Export export
    cdef Py_ssize_t count = min(options["threads"], MOST_THREADS)
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
    count = min(count, export.view.len // LEAST_BLOCK + 1)
    whole = _part(like, export, context, kinds)
    if count == 1:
        _run(whole)
    else:
        _share(whole, [_part(like, export, context, kinds) for _ in range(count)])
    return whole


cdef int _share(Part whole, list parts) except -1:
    from _thread import start_new_thread
    from threading import Condition, RLock

    cdef Gang gang = Gang.__new__(Gang)
    gang.lock, gang.whole = RLock(), whole
    gang.changed = Condition(gang.lock)
    gang.size = min(max(whole.walk.n // (4 * len(parts)), LEAST_BLOCK), MOST_BLOCK)
    gang.parts = parts
    # A thread has the gang and nothing else: one that begins late, when a signal has ended all this, holds no buffer.
    # Thread.start() would wait for it to have begun, and lose its way when a signal ends that.
    try:
        for _ in parts[1:]:
            start_new_thread(_work, (gang,))
        _work(gang)                     # here, so that a signal is seen
    except BaseException as error:      # a thread that could not be started
        gang.error = error
    while _wait_for(gang):
        pass
    gang.parts, gang.whole = [], None
    if gang.error is not None:
        raise gang.error
    return 0


cdef bint _wait_for(Gang gang):
    """Wait until no thread holds the buffer; True if a signal ended that: then it is to be done again."""
    try:
        with gang.lock:
            gang.changed.notify_all()
            while gang.busy:
                gang.pause(1.0)
        return False
    except BaseException as error:
        gang.error = error
        return True


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
        threads: how many go through the buffer at once, 64 at most, each through 64 KiB at least; the result is the
            same.
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
        threads, dictionary, delimiter, lines, max_message_size: as for index().

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
