# cython: language_level=3, binding=False
"""Part: the messages of a part of a buffer as rows of columns, or of an index, gathered without the GIL.

Memory grows where it is: rows and fields are written once, and become the arrays of the result.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

cimport cython

from fixfast.codec.book cimport (
    Book, Pile, Text, append, clear, close_book, code_of, empty_book, enlarge, ff_advise, open_book,
)
from fixfast.codec.cell cimport (
    BOOL, BYTES, FIXED, FLOAT, INT, SCALED, TEXT, TIME, Column, Kind, put_nothing, put_value,
)
from fixfast.codec.many cimport HEADER_ROOM, SCRATCH_SLACK, Walk, open_frame, pass_garbled, pass_message, seek
from fixfast.codec.scan.kernels cimport (
    FF_CHECKSUM, FF_FULL, FF_MAX_FIELDS, FF_NOT_FIX, FF_OK, FF_SOH, FF_TOO_MANY_FIELDS, FF_TRAILER, ff_find, ff_table,
)

__all__ = []

cdef extern from "sum.h" nogil:
    uint8_t ff_sum(const uint8_t* p, size_t n) noexcept

cdef enum:
    BLOCK = 1 << 22             # bytes without the GIL
    GUESS = 1 << 18             # bytes from which on the rest is thought to go on like this
    PLACES = FF_MAX_FIELDS + 2  # of the table of a message
    SLACK = 64                  # and behind them: kernels store whole vectors
    SLOTS = 65536               # tags by their low 16 bits

cdef dict _KINDS = {
    "S": TEXT, "bytes": BYTES, "int": INT, "float": FLOAT, "fixed": FIXED, "scaled": SCALED, "time": TIME, "bool": BOOL,
}


@cython.final
@cython.no_gc
cdef class Part:
    """A part of a buffer and what was found in it. Its walk ends where the next part begins."""

    def __dealloc__(self):
        cdef int i
        for i in range(self.n_rows):
            clear(&self.rows[i])
        for i in range(self.n_columns):
            close_book(&self.columns[i].book)
            free(self.columns[i].here)
        for i in range(3):
            clear(&self.tokens[i])
            clear(&self.garbled[i])
        free(self.rows)
        free(self.columns)
        free(self.block)
        free(self.slots)
        free(self.walk.scratch)

    cdef int set_up(self, list kinds) except -1:
        cdef int i
        self.n_columns, self.n_rows = 0, 0
        self.columns = <Column*>calloc(len(kinds) + 1, sizeof(Column))
        self.rows = <Pile*>calloc(3 * len(kinds) + 3, sizeof(Pile))
        self.block = <int32_t*>malloc(3 * (PLACES + SLACK) * sizeof(int32_t))
        self.slots = <uint8_t*>calloc(SLOTS, 1)
        if self.columns is NULL or self.rows is NULL or self.block is NULL or self.slots is NULL:
            raise MemoryError
        self.table.tag = self.block
        self.table.off = <uint32_t*>self.block + PLACES + SLACK
        self.table.end = self.table.off + PLACES + SLACK
        self.table.cap = PLACES + SLACK
        self.add_rows(8)
        for tag, name, size in kinds:
            self.add_column(tag, _KINDS[name], size)
        if self.indexing:
            self.add_rows(4)
            self.add_rows(8)
        for i in range(3):
            self.tokens[i].width = 4
            self.garbled[i].width = 1 if i == 2 else 8
        memset(self.place, 0xFF, sizeof(self.place))
        if self.walk.scratch is NULL and (self.walk.width == 2 or self.walk.delimiter != FF_SOH):
            self.walk.scratch = <uint8_t*>malloc(<size_t>self.walk.limit + 2 * HEADER_ROOM + SCRATCH_SLACK)
            if self.walk.scratch is NULL:
                raise MemoryError
        return 0

    cdef Pile* add_rows(self, size_t width) noexcept:
        cdef Pile* pile = &self.rows[self.n_rows]
        pile.width = width
        self.n_rows += 1
        return pile

    cdef int add_column(self, int32_t tag, Kind kind, int size) except -1:
        cdef Column* column = &self.columns[self.n_columns]
        cdef uint8_t* slot = &self.slots[tag & (SLOTS - 1)]
        self.n_columns += 1
        column.tag, column.kind, column.size = tag, kind, size
        if kind == TEXT and open_book(&column.book, <uint64_t>hash("fixfast") | 1) < 0:
            raise MemoryError
        column.data = self.add_rows(4 if kind == TEXT else size if kind == BYTES else 1 if kind == BOOL else 8)
        column.valid = self.add_rows(1)
        if kind == SCALED:
            column.exponent = self.add_rows(1)
        if slot[0]:
            column.search = self.columns[slot[0] - 1].search = True
        else:
            slot[0] = <uint8_t>self.n_columns
        return 0

    # --- without the GIL ---

    cdef int run(self) noexcept nogil:
        """Go on for a block. 0: the part is done; 1: there is more; -1: no memory."""
        cdef Walk* w = &self.walk
        cdef int64_t end = w.at + BLOCK
        cdef int result = 0
        self.advise()
        while seek(w):
            if w.at >= end:
                result = 1
                break
            result = open_frame(w)
            if result == FF_OK:
                result = self.judge() if self.fields else self.judge_frame()
            if result == FF_OK:
                pass_message(w)
                continue
            if result < 0 or self.note(result) < 0:
                result = -1
                break
            result = 0
        self.settle()
        return result

    cdef void settle(self) noexcept nogil:
        cdef int i
        for i in range(self.n_rows):
            self.rows[i].n = self.taken

    cdef int note(self, int reason) noexcept nogil:
        cdef uint8_t code = <uint8_t>(reason - FF_NOT_FIX)
        pass_garbled(&self.walk, reason)
        if append(&self.garbled[0], &self.walk.start, 1) < 0 or append(&self.garbled[1], &self.walk.size, 1) < 0:
            return -1
        return append(&self.garbled[2], &code, 1)

    cdef int judge_frame(self) noexcept nogil:
        """Take the frame at hand as a row without fields, or return what is wrong with it; -1: no memory."""
        cdef Walk* w = &self.walk
        cdef uint32_t end = w.frame.body + 3
        if ff_sum(w.text, w.frame.trailer) != w.checksum:
            return FF_CHECKSUM
        while w.text[end] != FF_SOH:
            end += 1
        return self.add_index(end)

    cdef int judge(self) noexcept nogil:
        """Take the frame at hand as a row, or return what is wrong with it; -1: no memory."""
        cdef Walk* w = &self.walk
        cdef ff_table* t = &self.table
        cdef uint8_t total = 0
        cdef uint32_t i
        cdef int result
        if self.indexing and self.aim(t) < 0:
            return -1
        t.tag[0], t.off[0], t.end[0] = 8, 2, w.frame.length - 1
        t.tag[1], t.off[1], t.end[1] = 9, w.frame.length + 2, w.frame.body - 1
        t.n = 2
        result = self.scan(w.text, w.frame.body, w.frame.trailer, t, self.pairs, &w.frame.at, &total)
        if total != w.checksum:
            return FF_CHECKSUM
        if result == FF_FULL or t.n >= FF_MAX_FIELDS:
            return FF_TOO_MANY_FIELDS
        if result != FF_OK:
            return result
        i = t.n
        t.tag[i], t.off[i], t.end[i] = 10, w.frame.trailer + 3, w.frame.trailer + FF_TRAILER - 1
        t.n += 1
        return self.add_index(t.end[2]) if self.indexing else self.add_row()

    cdef inline int aim(self, ff_table* t) noexcept nogil:
        """Let the kernel write behind the fields that are there. Each takes three bytes of the message at least."""
        cdef size_t n = self.tokens[0].n
        cdef size_t most = min(<size_t>PLACES, <size_t>self.walk.frame.trailer // 3 + 4) + SLACK
        cdef int i
        for i in range(3):
            if n + most > self.tokens[i].cap and self.widen(&self.tokens[i], n, most) < 0:
                return -1
        t.tag = <int32_t*>self.tokens[0].p + n
        t.off = <uint32_t*>self.tokens[1].p + n
        t.end = <uint32_t*>self.tokens[2].p + n
        t.cap = <uint32_t>most
        return 0

    cdef double ahead(self) noexcept nogil:
        """How many times what was found there will be in the end, if the rest of the part is like this; 0: unknown."""
        cdef int64_t done = self.walk.at - self.begin
        return <double>(self.walk.stop - self.begin) / <double>done if done >= GUESS else 0.0

    cdef int widen(self, Pile* pile, size_t found, size_t more) noexcept nogil:
        """Make room for `more` elements, and for those to come: the part so far has `found` as many."""
        cdef size_t guess = <size_t>(<double>found * self.ahead())
        cdef size_t cap = max(pile.n + more, pile.cap + (pile.cap >> 1))
        if guess:
            cap = max(pile.n + more + (pile.n >> 3), guess + (guess >> 4))
        return enlarge(pile, cap, guess - (guess >> 3))     # advise() tells of the last part of them

    cdef void advise(self) noexcept nogil:
        """Tell the system of the memory that will be needed, when it can be told."""
        cdef double ahead = self.ahead()
        cdef Pile* pile
        cdef int i
        for i in range(self.n_rows + 3):
            pile = &self.rows[i] if i < self.n_rows else &self.tokens[i - self.n_rows]
            if pile.mapped and ahead:
                ff_advise(pile.p, pile.mapped, <size_t>(<double>(pile.n * pile.width) * ahead))

    cdef int grow(self) noexcept nogil:
        """Make room for more rows."""
        cdef int i
        self.settle()
        for i in range(self.n_rows):
            if self.widen(&self.rows[i], self.taken, 1024) < 0:
                return -1
        self.room = self.rows[0].cap
        for i in range(self.n_rows):
            self.room = min(self.room, self.rows[i].cap)
        return 0

    cdef int add_row(self) noexcept nogil:
        cdef Walk* w = &self.walk
        cdef size_t row = self.taken
        cdef const int32_t* tags = self.table.tag
        cdef const uint8_t* slots = self.slots
        cdef int32_t* place = self.place
        cdef uint32_t n = self.table.n
        cdef Column* column = self.columns
        cdef Column* last = self.columns + self.n_columns
        cdef Py_ssize_t at
        cdef uint32_t k = n
        if row == self.room and self.grow() < 0:
            return -1
        # PERF: from the last field to the first, so that the first one wins without a test.
        while k:
            k -= 1
            place[slots[tags[k] & (SLOTS - 1)]] = <int32_t>k
        while column < last:
            place += 1
            at = place[0]
            place[0] = -1
            if column.search or (at >= 0 and tags[at] != column.tag):
                at = ff_find(tags, 0, n, column.tag)
            if at < 0:
                put_nothing(column, row)
            elif put_value(
                column, row, w.text + self.table.off[at], self.table.end[at] - self.table.off[at],
                self.table.off[at] < w.frame.trailer,
            ) < 0:
                return -1
            column += 1
        (<int64_t*>self.rows[0].p)[row] = w.start
        self.taken = row + 1
        return FF_OK

    cdef int add_index(self, uint32_t end) noexcept nogil:
        """Add a row, and keep the fields in the table if they were judged. `end`: of MsgType."""
        cdef Walk* w = &self.walk
        cdef size_t row = self.taken
        cdef size_t kept = self.tokens[0].n
        cdef uint32_t start = w.frame.body + 3
        cdef int32_t code
        cdef int i
        if row == self.room and self.grow() < 0:
            return -1
        code = code_of(&self.columns[0].book, w.text + start, end - start, 8)
        if code < 0:
            return -1
        (<int64_t*>self.rows[0].p)[row] = w.start
        (<int32_t*>self.rows[1].p)[row] = code
        self.rows[2].p[row] = True
        (<uint32_t*>self.rows[3].p)[row] = <uint32_t>w.size
        (<int64_t*>self.rows[4].p)[row] = <int64_t>kept
        self.taken = row + 1
        if self.fields:
            if w.width == 2:
                self.spread(self.table.n)
            for i in range(3):
                self.tokens[i].n = kept + self.table.n
        return FF_OK

    cdef void spread(self, uint32_t n) noexcept nogil:
        """Count delimiters of two bytes as two."""
        cdef uint32_t at = 0, more = 0, k
        for k in range(n):
            while at < self.table.off[k]:
                more += self.walk.text[at] == FF_SOH
                at += 1
            self.table.off[k] += more
            while at < self.table.end[k]:
                more += self.walk.text[at] == FF_SOH
                at += 1
            self.table.end[k] += more

    # --- together ---

    cdef void start_at(self, int64_t begin, int64_t stop) noexcept:
        """Forget what was found; begin anew in another part of the buffer."""
        cdef int i
        self.walk.at = self.begin = begin
        self.walk.stop = stop
        self.walk.bad_end, self.walk.bad_frames, self.walk.searching = 0, 0, False
        self.taken = 0
        for i in range(3):
            self.tokens[i].n = self.garbled[i].n = 0
        for i in range(self.n_columns):
            self.columns[i].malformed = 0
        self.settle()

    cdef int forget(self) except -1:
        """Forget the texts, too."""
        cdef int i
        for i in range(self.n_columns):
            self.columns[i].known = 0
            if self.columns[i].kind == TEXT and empty_book(&self.columns[i].book) < 0:
                raise MemoryError
        return 0

    cdef bint has_room_for(self, Part other) noexcept:
        cdef int i
        for i in range(3):
            if self.tokens[i].n + other.tokens[i].n > self.tokens[i].cap:
                return False
        return self.taken + other.taken <= self.room

    cdef int claim(self, Part other) except -1:
        """Make room for what `other` found, if there is none yet, and give it its place."""
        cdef size_t found
        cdef int i
        self.walk = _after(&self.walk, &other.walk)
        for i in range(3):
            if self.tokens[i].n + other.tokens[i].n > self.tokens[i].cap:
                found = self.tokens[i].n + other.tokens[i].n
                if self.widen(&self.tokens[i], found, other.tokens[i].n) < 0:
                    raise MemoryError
            if append(&self.garbled[i], other.garbled[i].p, other.garbled[i].n) < 0:
                raise MemoryError
        if self.taken + other.taken > self.room:
            for i in range(self.n_rows):
                if self.widen(&self.rows[i], self.taken + other.taken, other.taken) < 0:
                    raise MemoryError
            self.room = min([self.rows[i].cap for i in range(self.n_rows)])
        for i in range(self.n_columns):
            self.columns[i].malformed += other.columns[i].malformed
            if self.columns[i].kind == TEXT:
                _learn(&self.columns[i].book, &other.columns[i])
        other.row, other.token = self.taken, self.tokens[0].n
        self.taken += other.taken
        for i in range(3):
            self.tokens[i].n += other.tokens[i].n
        self.settle()
        self.advise()
        return 0

    cdef void pour(self, Part whole) noexcept nogil:
        """Copy what was found to where it was claimed for."""
        cdef int32_t* codes
        cdef int64_t* first
        cdef const int32_t* here
        cdef size_t k
        cdef Pile* pile
        cdef int i
        for i in range(self.n_columns):
            here = self.columns[i].here
            if self.columns[i].kind == TEXT:
                codes = <int32_t*>self.columns[i].data.p
                for k in range(self.taken):
                    if codes[k] >= 0:
                        codes[k] = here[codes[k]]
        if self.indexing:
            first = <int64_t*>self.rows[4].p
            for k in range(self.taken):
                first[k] += <int64_t>self.token
        for i in range(self.n_rows):
            pile = &self.rows[i]
            if pile.n:
                memcpy(whole.rows[i].p + self.row * pile.width, pile.p, pile.n * pile.width)
        for i in range(3):
            pile = &self.tokens[i]
            if pile.n:
                memcpy(whole.tokens[i].p + self.token * pile.width, pile.p, pile.n * pile.width)


cdef Walk _after(const Walk* whole, const Walk* part) noexcept nogil:
    """The walk of the whole, where that of the part has ended."""
    cdef Walk walk = whole[0]
    walk.at, walk.start = part.at, part.at
    walk.bad_end, walk.bad_frames, walk.searching = part.bad_end, part.bad_frames, part.searching
    return walk


cdef int _learn(Book* book, Column* column) except -1:
    """Give the texts that another part's column has met since the last time their codes here."""
    cdef Text* texts = <Text*>column.book.texts.p
    cdef size_t i, n = column.book.texts.n
    cdef int32_t* here
    if n == column.known:
        return 0
    here = <int32_t*>realloc(column.here, n * sizeof(int32_t))
    if here is NULL:
        raise MemoryError
    column.here = here
    for i in range(column.known, n):
        here[i] = code_of(book, column.book.letters.p + texts[i].off, texts[i].size, 0)
        if here[i] < 0:
            raise MemoryError
    column.known = n
    return 0
