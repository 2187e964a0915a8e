/* What values of each kind look like. reference/formats.py says the same as patterns, for reading.
 *
 * Values are of one byte at least, and lie in a message: `base` is its first byte. Where that helps, the eight bytes that
 * end with a value are loaded at once; they are never others than those of the message.
 */
#ifndef FF_FORMATS_H
#define FF_FORMATS_H

#include "scan.h"
#include "schema.h"

#if defined(__GNUC__)
#define FF_ALWAYS_INLINE static inline __attribute__((always_inline))
#elif defined(_MSC_VER)
#define FF_ALWAYS_INLINE static __forceinline
#else
#define FF_ALWAYS_INLINE static inline
#endif

/* --- eight bytes at a time ---------------------------------------------------------------------------------- */

#define FF_EACH(byte) (0x0101010101010101u * (uint64_t)(byte))

/* p[0:8], the first byte in the lowest bits. */
static inline uint64_t ff_load8(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* p[0:n], n from 1 to 8, in the highest bits, and zeros ('0') below. */
static inline uint64_t ff_load_tail(const uint8_t *base, const uint8_t *p, size_t n) {
    uint64_t keep = ~(uint64_t)0 << (64 - 8 * n);
    uint64_t word;
    if (FF_UNLIKELY((size_t)(p - base) + n < 8)) {      /* BeginString, where a dictionary says it is a number */
        uint8_t bytes[8] = {0};
        memcpy(bytes + 8 - n, p, n);
        word = ff_load8(bytes);
    } else {
        word = ff_load8(p + n - 8);
    }
    return (word & keep) | (FF_EACH('0') & ~keep);
}

/* The top bit of each byte that is no digit: none is missed; of those above the first, some may be digits. */
static inline uint64_t ff_non_digits(uint64_t word) {
    uint64_t x = word ^ FF_EACH('0');
    return ((x + FF_EACH(0x80 - 10)) | x) & FF_EACH(0x80);
}

static inline int ff_is_digits(const uint8_t *base, const uint8_t *p, size_t n) {
    uint64_t bad = 0;
    /* PERF: one test for eight digits; a loop costs 0.4 ns a digit and a missed branch where lengths differ (5 ns). */
    for (; n > 8; p += 8, n -= 8)
        bad |= ff_non_digits(ff_load8(p));
    return !(bad | ff_non_digits(ff_load_tail(base, p, n)));
}

/* --- numbers ------------------------------------------------------------------------------------------------ */

static inline int ff_is_int(const uint8_t *base, const uint8_t *p, size_t n) {
    if (p[0] == '-') {
        p++;
        n--;
    }
    return n && ff_is_digits(base, p, n);
}

static FF_NOINLINE int ff_is_long_decimal(const uint8_t *p, size_t n) {
    size_t i, points = 0;
    for (i = 0; i < n; i++) {
        if (p[i] == '.')
            points++;
        else if (p[i] < '0' || p[i] > '9')
            return 0;
    }
    return points <= 1;
}

/* Whether what is flagged in a word of digits is nothing, or one point. */
static inline int ff_is_point(uint64_t x, uint64_t flags) {
    uint64_t low = flags >> 7;
    return !(flags & (flags - 1)) && (x & (low * 0xFF)) == low * ('.' ^ '0');
}

/* Digits, one at least, with at most one point, and perhaps a minus. */
static inline int ff_is_decimal(const uint8_t *base, const uint8_t *p, size_t n) {
    uint64_t first = FF_EACH('0'), last, flags, more;
    if (FF_UNLIKELY(p[0] == '-')) {
        p++;
        n--;
    }
    if (FF_UNLIKELY(n < 2))
        return n && p[0] >= '0' && p[0] <= '9';
    if (FF_UNLIKELY(n > 16))
        return ff_is_long_decimal(p, n);
    /* PERF: no branch for where the point is (11 -> 4 ns for prices of all lengths). */
    if (n > 8) {
        first = ff_load8(p);
        p += 8;
        n -= 8;
    }
    last = ff_load_tail(base, p, n);
    flags = ff_non_digits(first);
    more = ff_non_digits(last);
    return !(flags && more) && ff_is_point(first ^ FF_EACH('0'), flags) && ff_is_point(last ^ FF_EACH('0'), more);
}

/* --- dates and times ---------------------------------------------------------------------------------------- */

/* A date that was found right, as it is on the wire: eight bytes, loaded. */
typedef uint64_t ff_date_memory;

/* YYYYMMDD, of the proleptic Gregorian calendar from year 1 on. */
static FF_NOINLINE int ff_is_new_date(const uint8_t *p, ff_date_memory *memory) {
    uint64_t word = ff_load8(p);
    uint32_t year, month, day, last;
    if (ff_non_digits(word))
        return 0;
    year = (p[0] - '0') * 1000u + (p[1] - '0') * 100u + (p[2] - '0') * 10u + (p[3] - '0');
    month = (p[4] - '0') * 10u + (p[5] - '0');
    day = (p[6] - '0') * 10u + (p[7] - '0');
    if (month == 2)
        last = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    else
        last = 30 + ((month + (month >> 3)) & 1);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > last)
        return 0;
    *memory = word;
    return 1;
}

static inline int ff_is_date(const uint8_t *p, ff_date_memory *memory) {
    /* PERF: the dates of one message are mostly one and the same (3 ns each but the first). */
    return FF_LIKELY(ff_load8(p) == *memory) || ff_is_new_date(p, memory);
}

/* HH:MM, second 60 (a leap second) included if there are seconds: `size` is 5 or 8. */
static FF_NOINLINE int ff_is_plain_time(const uint8_t *p, size_t size) {
    size_t i;
    for (i = 0; i < size; i++)
        if (i % 3 == 2 ? p[i] != ':' : p[i] < '0' || p[i] > '9')
            return 0;
    return (p[0] < '2' || (p[0] == '2' && p[1] < '4')) && p[3] < '6' &&
           (size == 5 || p[6] < '6' || (p[6] == '6' && p[7] == '0'));
}

/* HH:MM:SS in eight bytes that may be read. */
static inline int ff_is_time(const uint8_t *p) {
    static const uint8_t zero[8] = {'0', '0', ':', '0', '0', ':', '0', '0'};
    /* What leads from the highest digit allowed to 0x7F: 2 9, 0, 5 9, 0, 5 9. */
    static const uint8_t room[8] = {0x7D, 0x76, 0x7F, 0x7A, 0x76, 0x7F, 0x7A, 0x76};
    uint64_t x = ff_load8(p) ^ ff_load8(zero);
    /* PERF: one test for all but hours 24 to 29 and second 60 (8 -> 2 ns). */
    if (FF_LIKELY(!(((x + ff_load8(room)) | x) & FF_EACH(0x80))))
        return p[0] < '2' || p[1] < '4';
    return ff_is_plain_time(p, 8);
}

/* Whether p[0:n] is nothing, or a point and 1 to 12 digits. */
static inline int ff_is_fraction(const uint8_t *base, const uint8_t *p, size_t n) {
    return n == 0 || (n >= 2 && n <= 13 && p[0] == '.' && ff_is_digits(base, p + 1, n - 1));
}

static inline int ff_is_timeonly(const uint8_t *base, const uint8_t *p, size_t n) {
    return n >= 8 && ff_is_time(p) && ff_is_fraction(base, p + 8, n - 8);
}

static inline int ff_is_timestamp(const uint8_t *base, const uint8_t *p, size_t n, ff_date_memory *memory) {
    return n >= 17 && p[8] == '-' && ff_is_date(p, memory) && ff_is_timeonly(base, p + 9, n - 9);
}

/* Z, +hh, -hh, +hh:mm or -hh:mm, or nothing. Hours to 14. */
static inline int ff_is_zone(const uint8_t *p, size_t n) {
    if (n == 0 || (n == 1 && p[0] == 'Z'))
        return 1;
    if ((n != 3 && n != 6) || (p[0] != '+' && p[0] != '-') || p[2] < '0' || p[2] > '9')
        return 0;
    if (p[1] != '0' && (p[1] != '1' || p[2] > '4'))
        return 0;
    return n == 3 || (p[3] == ':' && p[4] >= '0' && p[4] < '6' && p[5] >= '0' && p[5] <= '9');
}

/* HH:MM, perhaps with :SS, perhaps with a fraction, and a zone. */
static int ff_is_zoned_time(const uint8_t *base, const uint8_t *p, size_t n) {
    size_t zone = 0;
    while (zone < n && p[zone] != 'Z' && p[zone] != '+' && p[zone] != '-')
        zone++;
    if (!ff_is_zone(p + zone, n - zone))
        return 0;
    return zone == 5 ? ff_is_plain_time(p, 5) : ff_is_timeonly(base, p, zone);
}

/* YYYYMM, YYYYMMDD, or YYYYMM and w1 to w5. */
static int ff_is_monthyear(const uint8_t *p, size_t n, ff_date_memory *memory) {
    uint8_t first[8];
    if (n == 8 && p[6] != 'w')
        return ff_is_date(p, memory);
    if (n != 6 && (n != 8 || p[7] < '1' || p[7] > '5'))
        return 0;
    memcpy(first, p, 6);
    memcpy(first + 6, "01", 2);
    return ff_is_date(first, memory);
}

/* --- the others --------------------------------------------------------------------------------------------- */

/* D, W, M or Y, and 1 to 999999999. */
static inline int ff_is_tenor(const uint8_t *base, const uint8_t *p, size_t n) {
    return n >= 2 && n <= 10 && (p[0] == 'D' || p[0] == 'W' || p[0] == 'M' || p[0] == 'Y') && p[1] != '0' &&
           ff_is_digits(base, p + 1, n - 1);
}

/* Elements between single spaces; of one byte each if `single`. */
static int ff_is_list(const uint8_t *p, size_t n, int single) {
    size_t i, length = 0;
    for (i = 0; i < n; i++) {
        length = p[i] == ' ' ? 0 : length + 1;
        if ((length == 0 && (i == 0 || p[i - 1] == ' ')) || (single && length > 1))
            return 0;
    }
    return length > 0;
}

/* The kinds that are rare. */
static FF_NOINLINE int ff_is_rare(uint32_t kind, const uint8_t *base, const uint8_t *p, size_t n,
                                  ff_date_memory *memory) {
    switch (kind) {
    case FF_KIND_DAY:
        return n <= 2 && ff_is_digits(base, p, n);
    case FF_KIND_TIMEONLY:
    case FF_KIND_LOCALTIME:
        return ff_is_timeonly(base, p, n);
    case FF_KIND_TZTIME:
        return ff_is_zoned_time(base, p, n);
    case FF_KIND_TZTIMESTAMP:
        return n > 9 && p[8] == '-' && ff_is_date(p, memory) && ff_is_zoned_time(base, p + 9, n - 9);
    case FF_KIND_MONTHYEAR:
        return ff_is_monthyear(p, n, memory);
    case FF_KIND_TENOR:
        return ff_is_tenor(base, p, n);
    case FF_KIND_CHARS:
        return ff_is_list(p, n, 1);
    case FF_KIND_STRINGS:
        return ff_is_list(p, n, 0);
    default:
        return 1;
    }
}

/* Whether p[0:n] has the form of its kind. PERF: inline in the loop of a walk (1 ns a field). */
FF_ALWAYS_INLINE int ff_is_kind(uint32_t kind, const uint8_t *base, const uint8_t *p, size_t n, ff_date_memory *memory) {
    switch (kind) {
    case FF_KIND_STR:
    case FF_KIND_DATA:
    case FF_KIND_XML:
        return 1;
    case FF_KIND_CHAR:
        return n == 1;
    case FF_KIND_INT:
        return ff_is_int(base, p, n);
    case FF_KIND_UINT:
        return ff_is_digits(base, p, n);
    case FF_KIND_DECIMAL:
        return ff_is_decimal(base, p, n);
    case FF_KIND_BOOL:
        return n == 1 && (p[0] == 'Y' || p[0] == 'N');
    case FF_KIND_TIME:
        return ff_is_timestamp(base, p, n, memory);
    case FF_KIND_DATE:
        return n == 8 && ff_is_date(p, memory);
    default:
        return ff_is_rare(kind, base, p, n, memory);
    }
}

/* Whether a day of the month, one or two digits, is 1 to 31. */
static inline int ff_is_day(const uint8_t *p, size_t n) {
    int day = n == 1 ? p[0] - '0' : (p[0] - '0') * 10 + (p[1] - '0');
    return day >= 1 && day <= 31;
}

#endif
