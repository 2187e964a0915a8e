/* Quick ways from text to the values of columns: short ones, eight bytes at a time.
 *
 * Each answers 1 and gives what the judge (convert.pyx) would give, or 0: ask the judge. They read up to eight bytes
 * behind p + n - 1, wherever the value ends: not to be used for CheckSum, behind which nothing is known to stand.
 */
#ifndef FF_CELLS_H
#define FF_CELLS_H

#include <stdint.h>
#include <string.h>

/* Every power of ten that a double holds exactly. */
static const double ff_exact_ten[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#define FF_ALL(byte) ((byte) * 0x0101010101010101u)

static inline uint64_t ff_eight(const uint8_t *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

/* Whether each byte is at most 9. */
static inline int ff_digits(uint64_t w) {
    return !((w | (w + FF_ALL(0x76))) & FF_ALL(0x80));
}

/* Eight digits, each a byte of 0 to 9, the first in the lowest. */
static inline uint64_t ff_number(uint64_t w) {
    const uint64_t two = 0x000000FF000000FFu;
    w = w * 10 + (w >> 8);
    return ((w & two) * 0x000F424000000064u + (w >> 16 & two) * 0x0000271000000001u) >> 32;
}

/* The bytes of `w` below byte `at`, 0 to 8. */
static inline uint64_t ff_below(uint64_t w, unsigned at) {
    return at < 8 ? w & (((uint64_t)1 << (8 * at)) - 1) : w;
}

/* The first `n` bytes, 0 to 8, as the last ones: zeros come in front. */
static inline uint64_t ff_behind(uint64_t w, unsigned n) {
    return n ? w << (64 - 8 * n) : 0;
}

static inline int ff_quick_int(const uint8_t *p, size_t n, int64_t *out) {
    uint64_t w, more;
    if (n - 1 < 8) {
        w = ff_behind(ff_eight(p) ^ FF_ALL(0x30), (unsigned)n);
        if (!ff_digits(w))
            return 0;
        *out = (int64_t)ff_number(w);
        return 1;
    }
    if (n - 9 >= 8)
        return 0;
    w = ff_behind(ff_eight(p) ^ FF_ALL(0x30), (unsigned)n - 8);
    more = ff_eight(p + n - 8) ^ FF_ALL(0x30);
    if (!ff_digits(w) || !ff_digits(more))
        return 0;
    *out = (int64_t)(ff_number(w) * 100000000 + ff_number(more));
    return 1;
}

/* A decimal of at most 16 characters: mantissa and how many decimals. */
static inline int ff_quick_mantissa(const uint8_t *p, size_t n, int64_t *mantissa, int32_t *exponent) {
    static const uint32_t tens[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    int negative = n && *p == '-';
    uint64_t low, high, points, value;
    unsigned size, point;
    p += negative;
    n -= (size_t)negative;
    if (n - 1 >= 16)
        return 0;
    size = (unsigned)n;
    low = ff_eight(p) ^ FF_ALL(0x30);
    high = 0;
    if (size > 8)
        high = (ff_eight(p + size - 8) ^ FF_ALL(0x30)) >> (8 * (16 - size));
    else
        low = ff_below(low, size);
    /* The lowest byte that is '.', which is 0x1E by now, shows as its bit 7. */
    points = low ^ FF_ALL(0x1E);
    points = (points - FF_ALL(0x01)) & ~points & FF_ALL(0x80);
    *exponent = 0;
    if (points) {
        point = (unsigned)__builtin_ctzll(points) >> 3;
        low = ff_below(low, point) | (point < 7 ? low >> (8 * point + 8) << (8 * point) : 0) | high << 56;
        high >>= 8;
        *exponent = -(int32_t)(--size - point);
    } else if (size > 8) {
        points = high ^ FF_ALL(0x1E);
        points = (points - FF_ALL(0x01)) & ~points & FF_ALL(0x80);
        if (points) {
            point = (unsigned)__builtin_ctzll(points) >> 3;
            high = ff_below(high, point) | (point < 7 ? high >> (8 * point + 8) << (8 * point) : 0);
            *exponent = -(int32_t)(--size - point - 8);
        }
    }
    if (!size || !ff_digits(low) || !ff_digits(high))
        return 0;
    if (size > 8)
        value = ff_number(low) * tens[size - 8] + ff_number(ff_behind(high, size - 8));
    else
        value = ff_number(ff_behind(low, size));
    *mantissa = negative ? -(int64_t)value : (int64_t)value;
    return 1;
}

/* The time of day of a UTCTimestamp with 0, 3, 6 or 9 decimals, as ns; -1: ask the judge. Its date is not looked at. */
static inline int64_t ff_quick_time(const uint8_t *p, size_t n) {
    uint64_t w, t, fraction, nanos = 0;
    if (n != 21 && n != 17 && n != 24 && n != 27)
        return -1;
    w = ff_eight(p + 9) ^ 0x30303A30303A3030u;
    if (p[8] != '-' || (w & 0x0000FF0000FF0000u) || !ff_digits(w))
        return -1;
    t = w * 10 + (w >> 8);
    if ((t & 0xFF) > 23 || (t >> 24 & 0xFF) > 59 || (t >> 48 & 0xFF) > 59)
        return -1;
    if (n > 17) {
        uint32_t last = n == 27 ? (uint32_t)p[26] - '0' : 0;
        fraction = ff_behind(ff_eight(p + 18) ^ FF_ALL(0x30), n == 27 ? 8 : (unsigned)n - 18);
        if (p[17] != '.' || !ff_digits(fraction) || last > 9)
            return -1;
        nanos = ff_number(fraction) * (n == 21 ? 1000000 : n == 24 ? 1000 : 10) + last;
    }
    return (int64_t)(((t & 0xFF) * 3600 + (t >> 24 & 0xFF) * 60 + (t >> 48 & 0xFF)) * 1000000000 + nanos);
}

/* A text of n <= size bytes into `size`, zeros behind. */
static inline int ff_quick_bytes(const uint8_t *p, size_t n, uint8_t *out, size_t size) {
    uint64_t words[2];
    if (size > 16)
        return 0;
    words[0] = ff_below(ff_eight(p), n < 8 ? (unsigned)n : 8);
    words[1] = n > 8 ? ff_eight(p + n - 8) >> (8 * (16 - n)) : 0;
    if (size == 16)
        memcpy(out, words, 16);
    else if (size == 8)
        memcpy(out, words, 8);
    else if (size == 1)
        *out = (uint8_t)words[0];
    else
        memcpy(out, words, size);
    return 1;
}

#else

static inline uint64_t ff_eight(const uint8_t *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

static inline int ff_quick_int(const uint8_t *p, size_t n, int64_t *out) {
    return (void)p, (void)n, (void)out, 0;
}

static inline int ff_quick_mantissa(const uint8_t *p, size_t n, int64_t *mantissa, int32_t *exponent) {
    return (void)p, (void)n, (void)mantissa, (void)exponent, 0;
}

static inline int64_t ff_quick_time(const uint8_t *p, size_t n) {
    return (void)p, (void)n, -1;
}

static inline int ff_quick_bytes(const uint8_t *p, size_t n, uint8_t *out, size_t size) {
    return (void)p, (void)n, (void)out, (void)size, 0;
}

#endif
#endif
