# Fields, groups, data fields, and the frame around them.

from cpython.object cimport PyTypeObject

from libc.stdint cimport uint8_t

from fixfast.codec.render cimport STACK, Out, ff_open

# Kinds of tags, as bits.
cdef enum:
    OWNED = 1           # 8 9 10 35: written by the encoder
    SESSION = 2         # those a session writes
    HEADER = 4          # of the standard header, but the application's to set
    LENGTH = 8          # the length of a data field
    DATA = 16           # a data field
    TIME = 32           # UTCTimestamp: an int is ns since the epoch
    COUNT = 64          # of a group
    UNCHECKED = 128     # no kind but a bit of Out.refuse: counts of flat groups are not checked

# Which fields are written.
cdef enum:
    ALL, HEADER_ONLY, REST_ONLY

# Decimal, if its digits can be read in place (put.h), else NULL
cdef PyTypeObject* plain_decimal() noexcept
cdef int kind_of(int tag) noexcept nogil
# the tag of a field or of a Slot, checked
cdef int tag_of(object item) except -1
# a list or tuple of the fields
cdef object sequence(object fields)
# fields: a list or tuple; part: ALL ...; depth: of groups around them; returns 1 if REST_ONLY left some out
cdef int put_fields(Out* o, object fields, int part, int depth) except -1

cdef int check_digits(int digits) except -1
# fields by name and type: see codec/arrange.py; slots: whether there may be any
cdef list arranged(object dictionary, object msg_type, object fields, int digits, bint slots)
# {data field: its length} that only the dictionary has; lengths put in front of such fields; whether a tag is one
cdef object own_pairs(object dictionary)
cdef list paired(list fields, object pairs)
cdef bint in_pair(object tag, dict pairs) except -1

# BeginString on the wire, an ASCII str
cdef object begin_text(object begin_string)
cdef int put_msg_type(Out* o, object msg_type) except -1
# header in front, checksum behind: the whole message
cdef object finish(Out* o, object begin)


cdef inline void open_out(Out* o, uint8_t* stack, int digits) noexcept:
    """Begin a message in STACK bytes."""
    ff_open(o, stack, STACK, digits)
    o.refuse = OWNED
