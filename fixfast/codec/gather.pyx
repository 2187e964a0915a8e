# cython: language_level=3, binding=False
"""Part: the messages of a part of a buffer as rows of columns, or of an index, gathered without the GIL.

Memory grows where it is: rows and fields are written once, and become the arrays of the result.
"""

from libc.math cimport NAN
from libc.stdint cimport INT64_MIN, int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

cimport cython

from fixfast.codec.book cimport Book, Pile, Text, append, close_book, code_of, open_book, reserve
from fixfast.codec.convert cimport c_parse_int, c_parse_mantissa, c_parse_scaled, c_parse_time, to_float
from fixfast.codec.many cimport HEADER_ROOM, SCRATCH_SLACK, Walk, open_frame, pass_garbled, pass_message, seek
from fixfast.codec.scan.kernels cimport (
    FF_CHECKSUM, FF_FULL, FF_MAX_FIELDS, FF_NOT_FIX, FF_OK, FF_SOH, FF_TOO_MANY_FIELDS, FF_TRAILER, ff_find, ff_table,
)

__all__ = []

cdef enum:
    BLOCK = 1 << 22             # bytes without the GIL
    PLACES = FF_MAX_FIELDS + 2  # of the table of a message
    SLACK = 64                  # and behind them: kernels store whole vectors
    SLOTS = 65536               # tags by their low 16 bits

cdef dict _KINDS = {
    "S": TEXT, "bytes": BYTES, "int": INT, "float": FLOAT, "fixed": FIXED, "scaled": SCALED, "time": TIME, "bool": BOOL,
}
cdef double[23] _TENS = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]


cdef int _float(const uint8_t* p, Py_ssize_t n, double* out) noexcept nogil:
    """Answer as to_float(), whose quick way this is."""
    cdef int64_t mantissa = 0
    cdef int32_t exponent = 0
    cdef int rc = c_parse_mantissa(p, n, &mantissa, &exponent)
    if rc == 0 and -(<int64_t>1 << 53) <= mantissa <= (<int64_t>1 << 53) and exponent >= -22:
        out[0] = <double>mantissa / _TENS[-exponent]
        if mantissa == 0 and p[0] == c'-':
            out[0] = -0.0
        return 0
    return -1 if rc == -1 else _slow_float(p, n, out)


cdef int _slow_float(const uint8_t* p, Py_ssize_t n, double* out) noexcept with gil:
    try:
        out[0] = to_float(p, n)
    except Exception:
        return -1
    return 0


@cython.final
@cython.no_gc
cdef class Part:
    """A part of a buffer and what was found in it. Its walk ends where the next part begins."""

    def __dealloc__(self):
        cdef int i
        for i in range(self.n_rows):
            free(self.rows[i].p)
        for i in range(self.n_columns):
            close_book(&self.columns[i].book)
        for i in range(3):
            free(self.tokens[i].p)
            free(self.garbled[i].p)
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
        cdef int result
        while seek(w):
            if w.at >= end:
                return 1
            result = open_frame(w)
            if result == FF_OK:
                result = self.judge()
                if result < 0:
                    return -1
            if result == FF_OK:
                pass_message(w)
            elif self.note(result) < 0:
                return -1
        return 0

    cdef int note(self, int reason) noexcept nogil:
        cdef uint8_t code = <uint8_t>(reason - FF_NOT_FIX)
        pass_garbled(&self.walk, reason)
        if append(&self.garbled[0], &self.walk.start, 1) < 0 or append(&self.garbled[1], &self.walk.size, 1) < 0:
            return -1
        return append(&self.garbled[2], &code, 1)

    cdef int judge(self) noexcept nogil:
        """Take the frame at hand as a row, or return what is wrong with it; -1: no memory."""
        cdef Walk* w = &self.walk
        cdef ff_table* t = &self.table
        cdef uint8_t total = 0
        cdef uint32_t i
        cdef int result = FF_OK
        t.cap = PLACES
        if self.indexing and self.fields and self.aim(t) < 0:
            return -1
        t.tag[0], t.off[0], t.end[0] = 8, 2, w.frame.length - 1
        t.tag[1], t.off[1], t.end[1] = 9, w.frame.length + 2, w.frame.body - 1
        t.n = 2
        if self.fields:
            result = self.scan(w.text, w.frame.body, w.frame.trailer, t, self.pairs, &w.frame.at, &total)
        else:
            for i in range(w.frame.trailer):
                total = <uint8_t>(total + w.text[i])
        if total != w.checksum:
            return FF_CHECKSUM
        if result == FF_FULL or t.n >= FF_MAX_FIELDS:
            return FF_TOO_MANY_FIELDS
        if result != FF_OK:
            return result
        i = t.n
        t.tag[i], t.off[i], t.end[i] = 10, w.frame.trailer + 3, w.frame.trailer + FF_TRAILER - 1
        t.n += 1
        return self.add_index() if self.indexing else self.add_row()

    cdef int aim(self, ff_table* t) noexcept nogil:
        """Let the kernel write behind the fields that are there. Each takes three bytes of the message at least."""
        cdef size_t most = min(<size_t>PLACES, <size_t>self.walk.frame.trailer // 3 + 4)
        cdef int i
        for i in range(3):
            if reserve(&self.tokens[i], most + SLACK) < 0:
                return -1
        t.tag = <int32_t*>self.tokens[0].p + self.tokens[0].n
        t.off = <uint32_t*>self.tokens[1].p + self.tokens[1].n
        t.end = <uint32_t*>self.tokens[2].p + self.tokens[2].n
        t.cap = <uint32_t>most
        return 0

    cdef int grow(self) noexcept nogil:
        """Make room for more rows: as many as the rest of the part has if it goes on like this."""
        cdef size_t n = self.rows[0].n
        cdef size_t more = n // 2 + 1024
        cdef int i
        for i in range(self.n_rows):
            if reserve(&self.rows[i], more) < 0:
                return -1
        return 0

    cdef int add_row(self) noexcept nogil:
        cdef const int32_t* tags = self.table.tag
        cdef uint32_t n = self.table.n
        cdef size_t row = self.rows[0].n
        cdef Column* column
        cdef Py_ssize_t at
        cdef uint32_t k = n
        cdef int i
        if row == self.rows[0].cap and self.grow() < 0:
            return -1
        # PERF: from the last field to the first, so that the first one wins without a test.
        while k:
            k -= 1
            self.place[self.slots[tags[k] & (SLOTS - 1)]] = <int32_t>k
        for i in range(self.n_columns):
            column = &self.columns[i]
            at = self.place[i + 1]
            self.place[i + 1] = -1
            if column.search or (at >= 0 and tags[at] != column.tag):
                at = ff_find(tags, 0, n, column.tag)
            if self.add_value(column, row, at) < 0:
                return -1
        (<int64_t*>self.rows[0].p)[row] = self.walk.start
        for i in range(self.n_rows):
            self.rows[i].n = row + 1
        return FF_OK

    cdef int add_value(self, Column* column, size_t row, Py_ssize_t at) noexcept nogil:
        """Put the value of field `at`, -1: none, into the column."""
        cdef const uint8_t* p = self.walk.text
        cdef Py_ssize_t n = 0
        cdef uint8_t* data = column.data.p
        cdef int32_t exponent = 0
        cdef int32_t code
        cdef int rc = -1
        cdef int64_t* ints = <int64_t*>data + row
        if at >= 0:
            p += self.table.off[at]
            n = self.table.end[at] - self.table.off[at]
        if column.kind == TEXT:
            code = -1
            if at >= 0:
                code = code_of(&column.book, p, <uint32_t>n, self.walk.frame.trailer + FF_TRAILER - self.table.off[at])
                if code < 0:
                    return -1
            (<int32_t*>data)[row] = code
            column.valid.p[row] = at >= 0
            return 0
        if column.kind == BYTES:
            data += row * column.size
            memset(data, 0, column.size)
            if at >= 0 and n <= column.size:
                memcpy(data, p, n)
                rc = 0
        elif column.kind == BOOL:
            data[row] = n == 1 and p[0] == c'Y'
            rc = 0 if n == 1 and (p[0] == c'Y' or p[0] == c'N') else -1
        elif column.kind == FLOAT:
            if at >= 0:
                rc = _float(p, n, <double*>data + row)
            if rc:
                (<double*>data)[row] = NAN
        else:
            if at >= 0:
                rc = self.add_number(column.kind, column.size, p, n, ints, &exponent)
            if rc:
                ints[0] = INT64_MIN if column.kind == TIME else 0
                exponent = 0
            if column.kind == SCALED:
                (<int8_t*>column.exponent.p)[row] = <int8_t>exponent
        column.valid.p[row] = rc == 0
        column.malformed += at >= 0 and rc != 0
        return 0

    cdef int add_number(
        self, Kind kind, int digits, const uint8_t* p, Py_ssize_t n, int64_t* out, int32_t* exponent
    ) noexcept nogil:
        cdef int rc
        if kind == TIME:
            return c_parse_time(p, n, out)
        if kind == FIXED:
            return c_parse_scaled(p, n, digits, out)
        if kind == SCALED:
            rc = c_parse_mantissa(p, n, out, exponent)
            return -2 if rc == 0 and exponent[0] < -128 else rc
        return -1 if n > 41 or (n == 41 and p[0] != c'-') else c_parse_int(p, n, out)

    cdef int add_index(self) noexcept nogil:
        cdef Walk* w = &self.walk
        cdef size_t row = self.rows[0].n
        cdef size_t kept = self.tokens[0].n
        cdef uint32_t n = self.table.n
        cdef uint32_t start = w.frame.body + 3
        cdef uint32_t end = start
        cdef int32_t code
        cdef int i
        if row == self.rows[0].cap and self.grow() < 0:
            return -1
        while w.text[end] != FF_SOH:
            end += 1
        code = code_of(&self.columns[0].book, w.text + start, end - start, w.frame.trailer + FF_TRAILER - start)
        if code < 0:
            return -1
        (<int64_t*>self.rows[0].p)[row] = w.start
        (<int32_t*>self.rows[1].p)[row] = code
        (<uint32_t*>self.rows[3].p)[row] = <uint32_t>w.size
        (<int64_t*>self.rows[4].p)[row] = <int64_t>kept
        if self.fields:
            if w.width == 2:
                self.spread(n)
            for i in range(3):
                self.tokens[i].n = kept + n
        self.rows[2].p[row] = True
        for i in range(self.n_rows):
            self.rows[i].n = row + 1
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

    cdef int take(self, Part other) except -1:
        """Append what `other` found."""
        cdef size_t fields = self.tokens[0].n
        cdef size_t row, n = self.rows[0].n
        cdef int64_t* first
        cdef int i
        for i in range(self.n_columns):
            self.columns[i].malformed += other.columns[i].malformed
            if self.columns[i].kind == TEXT:
                self.recode(&self.columns[i].book, &other.columns[i])
        for i in range(self.n_rows):
            _move(&self.rows[i], &other.rows[i])
        for i in range(3):
            _move(&self.tokens[i], &other.tokens[i])
            _move(&self.garbled[i], &other.garbled[i])
        if self.indexing:
            first = <int64_t*>self.rows[4].p
            for row in range(n, self.rows[0].n):
                first[row] += fields
        self.walk.at, self.walk.bad_end = other.walk.at, other.walk.bad_end
        self.walk.bad_frames, self.walk.searching = other.walk.bad_frames, other.walk.searching
        return 0

    cdef int recode(self, Book* book, Column* column) except -1:
        """Give the codes of another part's column their meaning here."""
        cdef Text* texts = <Text*>column.book.texts.p
        cdef int32_t* codes = <int32_t*>column.data.p
        cdef size_t i, n = column.book.texts.n
        cdef int32_t* here = <int32_t*>malloc((n + 1) * sizeof(int32_t))
        if here is NULL:
            raise MemoryError
        try:
            for i in range(n):
                here[i] = code_of(book, column.book.letters.p + texts[i].off, texts[i].size, 0)
                if here[i] < 0:
                    raise MemoryError
            for i in range(column.data.n):
                if codes[i] >= 0:
                    codes[i] = here[codes[i]]
        finally:
            free(here)
        return 0


cdef int _move(Pile* to, Pile* other) except -1:
    if append(to, other.p, other.n) < 0:
        raise MemoryError
    free(other.p)
    other.p, other.n, other.cap = NULL, 0, 0
    return 0
