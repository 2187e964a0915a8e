# A compiled dictionary: what schema.h says of it, and the object that owns its bytes.

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t

cimport cython

cdef extern from "schema.h" nogil:
    enum:
        FF_SCHEMA_DEPTH
        FF_SCHEMA_MEMBERS
        FF_KIND_STR
        FF_KIND_CHAR
        FF_KIND_INT
        FF_KIND_UINT
        FF_KIND_DAY
        FF_KIND_DECIMAL
        FF_KIND_BOOL
        FF_KIND_TIME
        FF_KIND_DATE
        FF_KIND_TIMEONLY
        FF_KIND_LOCALTIME
        FF_KIND_TZTIME
        FF_KIND_TZTIMESTAMP
        FF_KIND_MONTHYEAR
        FF_KIND_TENOR
        FF_KIND_CHARS
        FF_KIND_STRINGS
        FF_KIND_DATA
        FF_KIND_XML
        FF_KINDS
        FF_IN_HEADER
        FF_IN_BODY
        FF_IN_TRAILER
        FF_SECTION
        FF_REQUIRED

    ctypedef struct ff_schema_header:
        uint32_t pairs
        uint32_t pair_count
        uint32_t common
        uint8_t digest[32]

    ctypedef struct ff_schema_field:
        int32_t tag
        uint32_t kind
        uint32_t codes

    ctypedef struct ff_schema_pair:
        int32_t length
        int32_t data

    ctypedef struct ff_schema_node:
        uint32_t count
        int32_t delimiter
        uint32_t words

    ctypedef struct ff_schema_member:
        int32_t tag
        uint16_t index
        uint8_t flags
        uint8_t kind
        uint32_t child
        uint32_t codes

    const ff_schema_header* ff_header_of(const uint8_t* blob) noexcept
    const ff_schema_node* ff_node_at(const uint8_t* blob, uint32_t at) noexcept
    const uint32_t* ff_required(const ff_schema_node* node) noexcept
    const ff_schema_member* ff_members(const ff_schema_node* node) noexcept
    const ff_schema_member* ff_member(const ff_schema_node* node, int32_t tag) noexcept
    const ff_schema_field* ff_field_of(const uint8_t* blob, int32_t tag) noexcept
    const ff_schema_node* ff_message_node(const uint8_t* blob, const uint8_t* type, size_t n) noexcept
    bint ff_has_code(const uint8_t* blob, uint32_t codes, const uint8_t* p, size_t n) noexcept


@cython.final
cdef class Schema:
    """A compiled dictionary that has been checked, and holds what its bytes are in."""
    cdef const uint8_t* base            # aligned to 4 bytes, and never written to
    cdef readonly Py_ssize_t size       # in bytes
    cdef Py_buffer view                 # what `base` points into: an export of a read-only buffer
    cdef bint held                      # `view` is to be released

    cdef int _hold(self, object buffer) except -1
    # The node of a message type; that of header and trailer for one that the dictionary does not have.
    cdef const ff_schema_node* node_of(self, const uint8_t* msg_type, size_t n) noexcept
