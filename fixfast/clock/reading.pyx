# cython: language_level=3, binding=False
"""Both clocks, read by one call. What `fixfast.clock.now` is, unless a test replaces it."""

from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM
from libc.stdint cimport int64_t

from time import monotonic_ns, time_ns

from fixfast.types import Now

__all__ = ["now"]

cdef extern from *:
    """
    #include <time.h>

    /* The clocks that Python's monotonic_ns() and time_ns() read; 0: not known here which those are. */
    static int ff_read_clocks(int64_t *mono, int64_t *wall) {
    #ifdef __linux__
        struct timespec m, w;
        if (clock_gettime(CLOCK_MONOTONIC, &m) == 0 && clock_gettime(CLOCK_REALTIME, &w) == 0) {
            *mono = (int64_t)m.tv_sec * 1000000000 + m.tv_nsec;
            *wall = (int64_t)w.tv_sec * 1000000000 + w.tv_nsec;
            return 1;
        }
    #endif
        return 0;
    }

    /* A subclass of tuple is made as tuple.__new__ makes one, but without a tuple to copy from. */
    static PyObject *ff_new_pair(PyObject *type) {
        return ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 2);
    }
    """
    bint ff_read_clocks(int64_t* mono, int64_t* wall) noexcept
    object ff_new_pair(object type)

cdef object NOW = Now


def now():
    """Return the monotonic and the wall clock, read together, in ns.

    PERF: 160 ns; in Python, by two calls and a third for the tuple, 320. Twice for a message that is answered.
    """
    cdef int64_t mono = 0
    cdef int64_t wall = 0
    cdef object first, second, pair
    if ff_read_clocks(&mono, &wall):
        first, second = mono, wall
    else:
        first, second = monotonic_ns(), time_ns()
    pair = ff_new_pair(NOW)
    Py_INCREF(first)
    PyTuple_SET_ITEM(pair, 0, first)
    Py_INCREF(second)
    PyTuple_SET_ITEM(pair, 1, second)
    return pair
