# cython: language_level=3, binding=False
"""From the bytes of a frame to its table of fields: the kernel in use, and the memory around it.

FIXFAST_KERNEL in the environment forces a kernel by name; a name that this build or this CPU does not have is an
ImportError, so that a test of one kernel never silently tests another.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cimport cython

cdef extern from "Python.h":
    void* PyObject_Malloc(size_t n)

import os

__all__ = ["available", "kernel", "name"]

cdef enum:
    SCRATCH_FIELDS = 512        # on the C stack: 6 KiB

# In the order of scan.h: the best first.
cdef tuple _NAMES = ("avx512", "avx2", "neon", "scalar")
cdef tuple _AVAILABLE = tuple([_NAMES[_k] for _k in range(FF_KERNELS) if ff_kernel(_k) is not NULL])
cdef str _NAME = os.environ.get("FIXFAST_KERNEL") or _AVAILABLE[0]
if _NAME not in _AVAILABLE:
    raise ImportError(f"FIXFAST_KERNEL={_NAME}: this build and this CPU have {', '.join(_AVAILABLE)}")

# Chosen here; it stays the same while the process lives.
cdef ff_scan_fn* _scan = ff_kernel(_NAMES.index(_NAME))


cdef ff_scan_fn* scan_function() noexcept nogil:
    return _scan


def available():
    """Return the names of the kernels that this build and this CPU have, the best first."""
    return _AVAILABLE


def name():
    """Return the name of the kernel in use."""
    return _NAME


def kernel():
    """Return the name of the scanning kernel in use: "avx512", "avx2", "neon" or "scalar".

    The best one that this build and this CPU have is taken when the codec is imported; FIXFAST_KERNEL in the
    environment forces another. All give the same results.
    """
    return _NAME


@cython.final
cdef class DataPairs:
    """Pairs of length and data tags. Args: pairs: {length tag: data tag}."""

    def __cinit__(self, dict pairs not None):
        cdef uint32_t i = 0
        cdef uint32_t n = <uint32_t>len(pairs)
        cdef int32_t length_tag
        self.bits = <uint64_t*>PyMem_Malloc(FF_PAIR_WORDS * sizeof(uint64_t))
        self.columns = <int32_t*>PyMem_Malloc((2 * <size_t>n + 1) * sizeof(int32_t))
        if self.bits is NULL or self.columns is NULL:
            raise MemoryError
        memset(self.bits, 0, FF_PAIR_WORDS * sizeof(uint64_t))
        for length_tag in sorted(pairs):
            self.columns[i] = length_tag
            self.columns[n + i] = pairs[length_tag]
            self.bits[(length_tag & (FF_PAIR_BITS - 1)) >> 6] |= <uint64_t>1 << (length_tag & 63)
            i += 1
        self.pairs.bits = self.bits
        self.pairs.len_tag = self.columns
        self.pairs.data_tag = self.columns + n
        self.pairs.count = n

    def __dealloc__(self):
        PyMem_Free(self.bits)
        PyMem_Free(self.columns)


cdef struct Scratch:
    ff_table table
    int32_t* block              # owned, once SCRATCH_FIELDS are not enough


cdef void _set_columns(ff_table* table, int32_t* block, uint32_t cap) noexcept nogil:
    table.tag = block
    table.off = <uint32_t*>block + cap
    table.end = <uint32_t*>block + 2 * cap
    table.cap = cap - 1         # the trailer always has its place


cdef int _grow(Scratch* scratch) except -1:
    cdef ff_table* table = &scratch.table
    cdef uint32_t cap = 2 * (table.cap + 1)
    cdef size_t used = table.n * sizeof(int32_t)
    cdef int32_t* block = <int32_t*>PyMem_Malloc(3 * <size_t>cap * sizeof(int32_t))
    if block is NULL:
        raise MemoryError
    memcpy(block, table.tag, used)
    memcpy(block + cap, table.off, used)
    memcpy(block + 2 * cap, table.end, used)
    _set_columns(table, block, cap)
    PyMem_Free(scratch.block)
    scratch.block = block
    return 0


cdef int _scan_on(const uint8_t* p, ff_frame* frame, const ff_pairs* pairs, Scratch* scratch) except -1:
    """Go on with larger tables where a full one stopped the kernel; return the result."""
    cdef int result = FF_FULL
    while result == FF_FULL:
        if scratch.table.n > FF_MAX_FIELDS:
            return FF_TOO_MANY_FIELDS
        _grow(scratch)
        result = _scan(p, frame.at, frame.trailer, &scratch.table, pairs, &frame.at, NULL)
    return result


cdef inline int32_t* _finish(ff_frame* frame, ff_table* table, int* result, uint32_t* count) except? NULL:
    """Add the trailer, which is known to be right, and copy the table."""
    cdef uint32_t n = table.n
    cdef int32_t* block
    if n >= FF_MAX_FIELDS:
        result[0] = FF_TOO_MANY_FIELDS
        frame.at = table.end[FF_MAX_FIELDS - 1] + 1
    if result[0] != FF_OK:
        return NULL
    table.tag[n] = 10
    table.off[n] = frame.trailer + 3
    table.end[n] = frame.trailer + FF_TRAILER - 1
    n += 1
    block = <int32_t*>PyObject_Malloc(3 * <size_t>n * sizeof(int32_t))
    if block is NULL:
        raise MemoryError
    ff_copy_table(block, table, n)
    count[0] = n
    return block


cdef int32_t* _go_on(
    const uint8_t* p, ff_frame* frame, const ff_pairs* pairs, Scratch* scratch, int* result, uint32_t* count
) except? NULL:
    try:
        result[0] = FF_OK               # should there be an exception
        result[0] = _scan_on(p, frame, pairs, scratch)
        return _finish(frame, &scratch.table, result, count)
    finally:
        PyMem_Free(scratch.block)


cdef int32_t* make_table(
    const uint8_t* p, ff_frame* frame, const ff_pairs* pairs, int checksum, int* result, uint32_t* count
) except? NULL:
    # PERF: scanned on the stack, then copied into a block of the exact size: 10 ns, and nothing to share or to pool.
    cdef int32_t[3 * SCRATCH_FIELDS] stack
    cdef Scratch scratch
    cdef ff_table* table = &scratch.table
    cdef uint8_t total = 0
    scratch.block = NULL
    _set_columns(table, stack, SCRATCH_FIELDS)
    # BeginString and BodyLength are where ff_header() found them.
    table.tag[0] = 8
    table.off[0] = 2
    table.end[0] = frame.length - 1
    table.tag[1] = 9
    table.off[1] = frame.length + 2
    table.end[1] = frame.body - 1
    table.n = 2
    result[0] = _scan(p, frame.body, frame.trailer, table, pairs, &frame.at, &total)
    if checksum >= 0 and total != checksum:
        result[0] = FF_CHECKSUM
        frame.at = frame.trailer
        return NULL
    if result[0] == FF_FULL:
        return _go_on(p, frame, pairs, &scratch, result, count)
    return _finish(frame, table, result, count)
