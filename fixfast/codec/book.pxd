# Growing memory without the GIL, and a book of distinct texts: each gets a code, in the order of their first arrival.

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

cdef extern from *:
    """
    /* The first n (1 to 8) of the 8 bytes at p, and nothing of the others. */
    static inline uint64_t ff_first_bytes(const uint8_t *p, unsigned n) {
        uint64_t word;
        memcpy(&word, p, 8);
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        return word >> (64 - 8 * n);
    #else
        return word << (64 - 8 * n);
    #endif
    }
    static inline uint64_t ff_stir(uint64_t hash, uint64_t word) {
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
        return hash ^ (hash >> 32);
    }
    """
    uint64_t ff_first_bytes(const uint8_t* p, unsigned n) noexcept nogil
    uint64_t ff_stir(uint64_t hash, uint64_t word) noexcept nogil

cdef extern from "pages.h" nogil:
    void* ff_grow(void* p, size_t* mapped, size_t used, size_t size, size_t likely) noexcept
    void ff_advise(void* p, size_t mapped, size_t likely) noexcept
    void* ff_trim(void* p, size_t* mapped, size_t size) noexcept
    void ff_release(void* p, size_t mapped) noexcept


cdef struct Pile:
    uint8_t* p                  # memory of pages.h
    size_t mapped               # how it came
    size_t width                # of an element, in bytes
    size_t n                    # elements
    size_t cap


cdef struct Text:
    uint64_t key                # the text itself if it has at most 8 bytes, else its hash
    size_t off                  # in the book's letters
    uint32_t size


cdef struct Book:
    uint32_t* slots             # code + 1 at the place of the hash or behind it, 0: free; a power of two, half full
    uint64_t mask
    uint64_t seed
    Pile texts                  # of Text
    Pile letters                # of bytes


cdef inline int enlarge(Pile* pile, size_t cap, size_t likely) noexcept nogil:
    """Make room for `cap` elements, of which `likely` will be there. -1: no memory; the pile stays what it was."""
    cdef uint8_t* p = <uint8_t*>ff_grow(
        pile.p, &pile.mapped, pile.n * pile.width, cap * pile.width, likely * pile.width
    )
    if p is NULL:
        return -1
    pile.p = p
    pile.cap = max(cap, pile.mapped // pile.width)
    return 0


cdef inline int reserve(Pile* pile, size_t more) noexcept nogil:
    """Make room for `more` elements. -1: no memory; the pile stays what it was."""
    cdef size_t cap = pile.n + more
    return 0 if cap <= pile.cap else enlarge(pile, max(cap, pile.cap + (pile.cap >> 1)), 0)


cdef inline void clear(Pile* pile) noexcept nogil:
    ff_release(pile.p, pile.mapped)
    pile.p, pile.mapped, pile.n, pile.cap = NULL, 0, 0, 0


cdef inline int append(Pile* pile, const void* elements, size_t n) noexcept nogil:
    if reserve(pile, n) < 0:
        return -1
    if n:
        memcpy(pile.p + pile.n * pile.width, elements, n * pile.width)
    pile.n += n
    return 0


cdef inline int open_book(Book* book, uint64_t seed) noexcept nogil:
    book.texts.width = sizeof(Text)
    book.letters.width = 1
    book.mask = 255
    book.seed = seed
    book.slots = <uint32_t*>calloc(256, sizeof(uint32_t))
    return -1 if book.slots is NULL else 0


cdef inline void close_book(Book* book) noexcept nogil:
    free(book.slots)
    clear(&book.texts)
    clear(&book.letters)


cdef inline int empty_book(Book* book) noexcept nogil:
    close_book(book)
    return open_book(book, book.seed)


cdef inline uint64_t hash_of(const Book* book, const uint8_t* p, uint32_t n) noexcept nogil:
    """Of a text of more than 8 bytes."""
    cdef uint64_t h = ff_stir(book.seed, n)
    cdef uint32_t i = 0
    while n - i > 8:
        h = ff_stir(h, ff_first_bytes(p + i, 8))
        i += 8
    return ff_stir(h, ff_first_bytes(p + n - 8, 8))


cdef inline int widen(Book* book) noexcept nogil:
    cdef uint64_t mask = 2 * book.mask + 1
    cdef uint64_t at
    cdef size_t code
    cdef uint32_t* slots = <uint32_t*>calloc(mask + 1, sizeof(uint32_t))
    cdef Text* texts = <Text*>book.texts.p
    if slots is NULL:
        return -1
    for code in range(book.texts.n):
        at = ff_stir(book.seed + texts[code].size, texts[code].key) & mask
        while slots[at]:
            at = (at + 1) & mask
        slots[at] = <uint32_t>code + 1
    free(book.slots)
    book.slots, book.mask = slots, mask
    return 0


# The code of buf[0, n), of which `room` bytes may be read; -1: no memory, or 2**31 texts.
cdef inline int32_t code_of(Book* book, const uint8_t* p, uint32_t n, size_t room) noexcept nogil:
    cdef uint64_t key = 0
    cdef uint8_t[8] copy
    cdef uint64_t at
    cdef Text* text
    cdef Text made
    if n > 8:
        key = hash_of(book, p, n)
    elif n and room >= 8:
        key = ff_first_bytes(p, n)
    elif n:
        memcpy(copy, p, n)
        key = ff_first_bytes(copy, n)
    at = ff_stir(book.seed + n, key) & book.mask
    while book.slots[at]:
        text = <Text*>book.texts.p + (book.slots[at] - 1)
        if text.key == key and text.size == n and (n <= 8 or memcmp(book.letters.p + text.off, p, n) == 0):
            return <int32_t>(book.slots[at] - 1)
        at = (at + 1) & book.mask
    made.key, made.off, made.size = key, book.letters.n, n
    if book.texts.n >= 0x7FFFFFFF or append(&book.letters, p, n) < 0 or append(&book.texts, &made, 1) < 0:
        return -1
    book.slots[at] = <uint32_t>book.texts.n
    if 2 * book.texts.n > book.mask and widen(book) < 0:
        return -1
    return <int32_t>(book.texts.n - 1)
