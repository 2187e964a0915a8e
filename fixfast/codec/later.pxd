# Modules of this package that are imported when they are first needed, by those below them too.

cimport cython


@cython.final
cdef class Later:
    cdef str name                       # in fixfast.codec
    cdef object module                  # None until it is needed

    cdef object get(self)
