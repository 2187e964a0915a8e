# cython: language_level=3, binding=False
"""The same fields of every entry of a group, as numpy arrays. Imported by the first Group.columns(), and numpy with it.

The memory of an array is written through a buffer that is held meanwhile, so that numpy's C interface is not needed to
build this.
"""

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport INT64_MIN, int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset

from fixfast.codec.convert cimport c_parse_int, c_parse_scaled, c_parse_time
from fixfast.codec.groups cimport Group
from fixfast.codec.message cimport get_value, view_of
from fixfast.codec.numbers cimport short_float, short_int, short_scaled
from fixfast.codec.scan.kernels cimport ff_find
from fixfast.codec.values cimport BYTES, FLOAT, INT, SCALED, TIME, Kind, View, kind_of, tag_of

import numpy

from fixfast.errors import FieldFormatError, FieldMissing

__all__ = ["columns"]

cdef object _EMPTY = numpy.empty
cdef object _FLOAT64 = numpy.dtype("float64")
cdef object _INT64 = numpy.dtype("int64")
cdef object _TIME64 = numpy.dtype("datetime64[ns]")
cdef double _NAN = float("nan")


cdef struct Column:
    int32_t tag
    Kind kind
    int digits                  # of SCALED
    bint fill                   # entries without the field get:
    int64_t missing


cdef struct Value:
    const uint8_t* p            # NULL: the entry has no such field
    Py_ssize_t n


cdef inline Value _value(const View* view, const uint32_t* bounds, uint32_t i, int32_t tag) noexcept nogil:
    """The first field with this tag in entry `i`. `view` is of the whole message."""
    cdef Value value
    cdef const uint32_t* start
    cdef Py_ssize_t at = ff_find(view.tags, bounds[i], bounds[i + 1], tag)
    value.p, value.n = NULL, 0
    if at >= 0:
        start = <const uint32_t*>view.tags + view.stride + at
        value.p = view.base + start[0]
        value.n = start[view.stride] - start[0]
    return value


cdef int _floats(Group group, const Column* column, double* out) except -1:
    cdef View view
    cdef Value value
    cdef uint32_t i
    view_of(group.message, 0, group.message.count, &view)
    for i in range(group.size):
        value = _value(&view, group.bounds, i, column.tag)
        if value.p is NULL:
            out[i] = _NAN
        elif not short_float(value.p, value.n, &out[i]):        # long, minus zero, or wrong
            out[i] = get_value(
                group.message, group.bounds[i], group.bounds[i + 1], column.tag, FLOAT, 0, None
            )
            # That ran Python code, which may have detached the message.
            view_of(group.message, 0, group.message.count, &view)
    return 0


cdef int _integers(Group group, const Column* column, int64_t* out) except -1:
    """INT and SCALED."""
    cdef View view
    cdef Value value
    cdef uint32_t i
    cdef int rc
    view_of(group.message, 0, group.message.count, &view)
    for i in range(group.size):
        value = _value(&view, group.bounds, i, column.tag)
        if value.p is NULL:
            if not column.fill:
                raise FieldMissing(column.tag)
            out[i] = column.missing
            continue
        if column.kind == SCALED:
            rc = 0
            if not short_scaled(value.p, value.n, column.digits, &out[i]):
                rc = c_parse_scaled(value.p, value.n, column.digits, &out[i])
        else:
            rc = 0 if short_int(value.p, value.n, &out[i]) else c_parse_int(value.p, value.n, &out[i])
        if rc:
            _refuse(group, column, i)
    return 0


cdef int _refuse(Group group, const Column* column, uint32_t i) except -1:
    """Say what is wrong with the value in entry `i`, as reading it alone would, and what only arrays cannot hold."""
    value = get_value(group.message, group.bounds[i], group.bounds[i + 1], column.tag, column.kind, column.digits, None)
    raise FieldFormatError(column.tag, "int", str(value).encode(), "does not fit 64 bits")


cdef int _times(Group group, const Column* column, int64_t* out) except -1:
    cdef View view
    cdef Value value
    cdef uint32_t i
    view_of(group.message, 0, group.message.count, &view)
    for i in range(group.size):
        value = _value(&view, group.bounds, i, column.tag)
        if value.p is NULL:
            out[i] = INT64_MIN                  # NaT
        elif c_parse_time(value.p, value.n, &out[i]):
            _refuse(group, column, i)
    return 0


cdef Py_ssize_t _widest(Group group, int32_t tag) except -1:
    cdef View view
    cdef Py_ssize_t widest = 1
    cdef uint32_t i
    view_of(group.message, 0, group.message.count, &view)
    for i in range(group.size):
        widest = max(widest, _value(&view, group.bounds, i, tag).n)
    return widest


cdef int _texts(Group group, int32_t tag, uint8_t* out, Py_ssize_t width) except -1:
    cdef View view
    cdef Value value
    cdef uint32_t i
    view_of(group.message, 0, group.message.count, &view)
    memset(out, 0, width * group.size)
    for i in range(group.size):
        value = _value(&view, group.bounds, i, tag)
        # A caller's buffer may have been written into since it was measured, but a table once made stays as it is.
        if value.p is not NULL and value.n <= width:
            memcpy(out + i * width, value.p, value.n)
    return 0


cdef object _array(Group group, const Column* column):
    cdef Py_buffer memory
    cdef Py_ssize_t width = 0
    cdef object array
    if column.kind == FLOAT:
        array = _EMPTY(group.size, _FLOAT64)
    elif column.kind == BYTES:
        width = _widest(group, column.tag)
        array = _EMPTY(group.size, f"S{width}")
    else:
        array = _EMPTY(group.size, _INT64)
    PyObject_GetBuffer(array, &memory, PyBUF_WRITABLE)
    try:
        if column.kind == FLOAT:
            _floats(group, column, <double*>memory.buf)
        elif column.kind == BYTES:
            _texts(group, column.tag, <uint8_t*>memory.buf, width)
        elif column.kind == TIME:
            _times(group, column, <int64_t*>memory.buf)
        else:
            _integers(group, column, <int64_t*>memory.buf)
    finally:
        PyBuffer_Release(&memory)
    return array.view(_TIME64) if column.kind == TIME else array


cdef int _read_column(object given, Column* column) except -1:
    """A tag, or (tag, kind)."""
    column.kind, column.digits = FLOAT, 0
    if isinstance(given, tuple):
        tag, kind = given
        column.kind = kind_of(kind, &column.digits)
        if column.kind not in (FLOAT, INT, SCALED, TIME, BYTES):
            raise ValueError(f"no array holds {kind!r}: columns are float, int, scaled:N, time or bytes")
        column.tag = tag_of(tag)
    else:
        column.tag = tag_of(given)
    return 0


def columns(Group group not None, tuple given not None, missing):
    """Return what Group.columns() promises."""
    cdef Column column
    cdef Py_ssize_t k
    cdef tuple result = PyTuple_New(len(given))
    column.fill = missing is not None
    column.missing = missing if column.fill else 0
    for k in range(len(given)):
        _read_column(given[k], &column)
        array = _array(group, &column)
        Py_INCREF(array)
        PyTuple_SET_ITEM(result, k, array)
    return result
