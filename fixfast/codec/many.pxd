# Frames one after another in a buffer that is all there: StreamDecoder's rules, without objects and without the GIL.
#
# A buffer ends, as a stream does not: a message that is not whole is garbled (TRUNCATED), and what follows its first
# byte is searched for starts as after any other trouble.

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp

from fixfast.codec.scan.kernels cimport (
    FF_BAD_TRAILER,
    FF_CHECKSUM,
    FF_NEED_DATA,
    FF_OK,
    FF_SOH,
    FF_TOO_MANY_FIELDS,
    FF_TRAILER,
    ff_frame,
    ff_header,
    ff_trailer,
)

cdef enum:
    TRUNCATED = FF_TOO_MANY_FIELDS + 1      # the reason that follows the kernels' ten
    NESTED = 16                             # as frame.pyx's MAX_NESTED
    HEADER_ROOM = 64                        # bytes of a header are at most 31
    SCRATCH_SLACK = 64                      # behind the text of a message that was translated


cdef struct Walk:
    const uint8_t* data                     # the buffer
    int64_t n
    int64_t stop                            # no message that starts here or behind is taken
    int64_t at                              # where the next item starts, or is to be searched for from
    int64_t bad_end                         # where the bad frames end that overlap or hold each other
    int bad_frames                          # how many they are
    bint searching                          # `at` is the start of something bad
    bint lines                              # text may stand between messages
    uint8_t delimiter                       # the last byte of it
    int width                               # 1; 2: `^A`
    uint32_t limit                          # of BodyLength
    uint8_t* scratch                        # where messages are translated to, if the delimiter is not SOH
    # of the item:
    int64_t start
    int64_t size                            # bytes of the buffer
    const uint8_t* text                     # the message with SOH
    ff_frame frame
    int checksum


cdef inline bint is_start(const Walk* w, int64_t at) noexcept nogil:
    """Whether the 8=FIX at `at` may start a message: it follows a delimiter; between lines, it is no 58=FIX."""
    if at == 0:
        return w.lines
    if w.lines:
        return <uint8_t>(w.data[at - 1] - c'0') > 9
    return w.data[at - 1] == w.delimiter and (w.width == 1 or (at > 1 and w.data[at - 2] == c'^'))


cdef inline int64_t find_next(const Walk* w, int64_t first, int64_t end) noexcept nogil:
    """Return the first start of a message at or behind `first` whose 8=FIX ends by `end`, -1 if there is none."""
    cdef const uint8_t* p = w.data + first + 1
    cdef const uint8_t* stop = w.data + end - 3
    # The '=' is looked for: it is rare in text between messages, and inside them as frequent as a delimiter.
    while p < stop:
        p = <const uint8_t*>memchr(p, c'=', stop - p)
        if p is NULL:
            return -1
        if memcmp(p - 1, b"8=FIX", 5) == 0 and is_start(w, p - 1 - w.data):
            return p - 1 - w.data
        p += 1
    return -1


cdef inline uint32_t translate(const Walk* w, int64_t at, uint32_t done, uint32_t upto, int64_t* taken) noexcept nogil:
    """Go on with the message at `at`, of which `done` bytes were made from `taken`; return how many there are now."""
    cdef const uint8_t* p = w.data + at
    cdef int64_t room = w.n - at
    cdef int64_t i = taken[0]
    cdef uint8_t* out = w.scratch
    cdef uint32_t k = done
    cdef uint8_t c
    cdef uint8_t d = w.delimiter
    if w.width == 1:
        if upto > room:
            upto = <uint32_t>room
        while k < upto:
            c = p[k]
            out[k] = <uint8_t>FF_SOH if c == d else c
            k += 1
        taken[0] = k
        return k
    while k < upto and i < room:
        c = p[i]
        if c == c'^' and i + 1 < room and p[i + 1] == d:
            c = FF_SOH
            i += 1
        out[k] = c
        i += 1
        k += 1
    taken[0] = i
    return k


cdef inline int64_t spelled(const Walk* w, int64_t at, uint32_t size) noexcept nogil:
    """Return how many bytes of the buffer the first `size` bytes of the message at `at` are."""
    cdef int64_t taken = 0
    if w.width == 1:
        return size
    translate(w, at, 0, size, &taken)
    return taken


cdef inline int open_frame(Walk* w) noexcept nogil:
    """Judge what starts at `at` up to its trailer. FF_OK: `text` is a frame; its CheckSum and fields are not judged."""
    cdef ff_frame* frame = &w.frame
    cdef int64_t room = w.n - w.at
    cdef int64_t taken = 0
    cdef uint32_t have = 0, total
    cdef int result
    w.start = w.at
    w.text = w.data + w.at
    if w.scratch is NULL:
        result = ff_header(w.text, <size_t>room, w.limit, frame)
    else:
        w.text = w.scratch
        have = translate(w, w.at, 0, HEADER_ROOM, &taken)
        result = ff_header(w.text, have, w.limit, frame)
    if result != FF_OK:
        w.size = room
        if result == FF_NEED_DATA:
            return TRUNCATED
        w.size = spelled(w, w.at, frame.seen)
        return result
    total = frame.trailer + FF_TRAILER
    w.size = total
    if w.scratch is not NULL and have < total:
        have = translate(w, w.at, have, total, &taken)
        w.size = taken
    elif w.width == 2:
        w.size = spelled(w, w.at, total)
    if total > (room if w.scratch is NULL else <int64_t>have):
        w.size = room
        return TRUNCATED
    w.checksum = ff_trailer(w.text, frame.trailer)
    return FF_OK if w.checksum >= 0 else FF_BAD_TRAILER


cdef inline bint seek(Walk* w) noexcept nogil:
    """Go to where the next item starts; false if there is none before `stop`."""
    cdef int64_t found
    if w.searching or (w.lines and w.at < w.n):
        found = find_next(w, w.at + w.searching, w.n)
        w.at = w.n if found < 0 else found
        w.searching = False
    return w.at < w.stop


cdef inline void pass_message(Walk* w) noexcept nogil:
    w.at = w.start + w.size


cdef inline void pass_garbled(Walk* w, int reason) noexcept nogil:
    """Go on behind the first byte of what is no message; `size` becomes how much of it was judged."""
    cdef int64_t total = w.size
    cdef int64_t found = -1
    w.searching = True
    if reason >= FF_BAD_TRAILER:
        found = find_next(w, w.start + 1, w.start + total)
        if found >= 0:
            w.size = found - w.start
    if FF_CHECKSUM <= reason < TRUNCATED:
        # Only these cost more than a look: their bytes were summed up and scanned.
        if w.start >= w.bad_end:
            w.bad_frames = 0
            w.bad_end = w.start + total
        w.bad_end = max(w.bad_end, w.start + total)
        w.bad_frames += 1
        if w.bad_frames > NESTED:
            w.at = w.bad_end - 1            # the delimiter
            return
    if found >= 0:
        w.at = found
        w.searching = False
