/* Values as text: the inner loops of the encoder. Nothing here but ff_new_decimal() fails, raises or calls back into
 * Python.
 *
 * What may be touched beside the text itself, and no more:
 *   reading   the FF_BEFORE bytes in front of a text: they are the header of the str or bytes object it stands in;
 *   writing   the FF_SLACK bytes behind what was written: an Out (render.pxd) ends that much before its block does.
 *
 * Everything is stated in bytes first to last; FF_LITTLE says whether a word holds them in that order. Elsewhere plain
 * loops do the same work. The twin of it all is codec/reference/encode.py.
 */

#ifndef FIXFAST_PUT_H
#define FIXFAST_PUT_H

#include <Python.h>
#include <stdint.h>
#include <string.h>

#if defined(_MSC_VER)
#include <intrin.h>
#define FF_LITTLE 1
#elif defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FF_LITTLE 1
#else
#define FF_LITTLE 0
#endif

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define FF_SSE2 1
#else
#define FF_SSE2 0
#endif

enum { FF_BEFORE = 8, FF_SLACK = 16 };

/* --- text ----------------------------------------------------------------------------------------------- */

/* Not 0 if a byte of the word is SOH (the zero-byte test of the word with SOH xored away; exact). */
static inline uint64_t ff_has_soh(uint64_t word) {
    word ^= 0x0101010101010101ULL;
    return (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;
}

/* Copy n > 0 bytes of a Python object; not 0 if one of them is SOH.
 *
 * PERF: values have 1 to 20 bytes of every length, so each branch on the length is a mispredicted one. Up to 8 bytes
 * are one word that ends where the text ends, shifted down: no branch (a field of one letter 7.3 -> 5.0 ns,
 * together with the table of tags and the loop in put_out.h).
 */
static inline uint64_t ff_copy(uint8_t *out, const uint8_t *p, Py_ssize_t n) {
    uint64_t word, found = 0;
    Py_ssize_t i;
#if FF_LITTLE
    if (n <= 8) {
        memcpy(&word, p + n - 8, 8);
        word >>= 8 * (8 - n);
        memcpy(out, &word, 8);
        return ff_has_soh(word);
    }
#else
    if (n <= 8) {
        for (i = 0; i < n; i++) {
            out[i] = p[i];
            found |= p[i] == 1;
        }
        return found;
    }
#endif
#if FF_SSE2
    /* PERF: 17 to 32 take the same path (a slot with 17 to 32 letters 11.0 -> 4.5 ns) */
    if (n > 16) {
        const __m128i soh = _mm_set1_epi8(1);
        __m128i block = _mm_loadu_si128((const __m128i *)(p + n - 16)), any = _mm_cmpeq_epi8(block, soh);
        _mm_storeu_si128((__m128i *)(out + n - 16), block);
        for (i = 0; i + 16 < n; i += 16) {
            block = _mm_loadu_si128((const __m128i *)(p + i));
            any = _mm_or_si128(any, _mm_cmpeq_epi8(block, soh));
            _mm_storeu_si128((__m128i *)(out + i), block);
        }
        return (uint64_t)_mm_movemask_epi8(any);
    }
#endif
    for (i = 0; i + 8 < n; i += 8) {
        memcpy(&word, p + i, 8);
        found |= ff_has_soh(word);
        memcpy(out + i, &word, 8);
    }
    memcpy(&word, p + n - 8, 8);
    memcpy(out + n - 8, &word, 8);
    return found | ff_has_soh(word);
}

/* The same for the text of an ASCII str. PERF: up to 16 letters, of which none has its eighth bit set: the subtraction borrows
 * only if there is a SOH (a slot with one letter 68 -> 56 instructions).
 */
static inline uint64_t ff_copy_ascii(uint8_t *out, const uint8_t *p, Py_ssize_t n) {
#if FF_LITTLE
    const uint64_t ones = 0x0101010101010101ULL;
    uint64_t word, last;
    memcpy(&last, p + n - 8, 8);
    if (n <= 8) {
        last >>= 8 * (8 - n);
        memcpy(out, &last, 8);
        return ((last ^ ones) - ones) & 0x8080808080808080ULL;
    }
    if (n <= 16) {
        memcpy(&word, p, 8);
        memcpy(out, &word, 8);
        memcpy(out + n - 8, &last, 8);
        return (((word ^ ones) - ones) | ((last ^ ones) - ones)) & 0x8080808080808080ULL;
    }
#endif
    return ff_copy(out, p, n);
}

/* Copy n bytes of fixed text, in blocks: up to FF_SLACK - 1 too many are read and written. */
static inline void ff_copy_blocks(uint8_t *out, const uint8_t *p, Py_ssize_t n) {
    Py_ssize_t i;
    memcpy(out, p, FF_SLACK);
    for (i = FF_SLACK; i < n; i += FF_SLACK)
        memcpy(out + i, p + i, FF_SLACK);
}

/* Whether an object is a str of ASCII alone, and where its text begins. */
#define ff_is_ascii(o) (PyUnicode_CheckExact(o) && PyUnicode_IS_COMPACT_ASCII(o))
#define ff_ascii(o) ((const uint8_t *)((const PyASCIIObject *)(o) + 1))

/* --- numbers -------------------------------------------------------------------------------------------- */

static const uint64_t ff_powers[20] = {
    1ULL, 10ULL, 100ULL, 1000ULL, 10000ULL, 100000ULL, 1000000ULL, 10000000ULL, 100000000ULL, 1000000000ULL,
    10000000000ULL, 100000000000ULL, 1000000000000ULL, 10000000000000ULL, 100000000000000ULL, 1000000000000000ULL,
    10000000000000000ULL, 100000000000000000ULL, 1000000000000000000ULL, 10000000000000000000ULL,
};

/* Three digits of each number below 1000, the first in the lowest byte. */
#define FF_ONE(n) ((n) / 100 | (n) / 10 % 10 << 8 | (n) % 10 << 16 | 0x303030)
#define FF_TEN(n) \
    FF_ONE(n), FF_ONE(n + 1), FF_ONE(n + 2), FF_ONE(n + 3), FF_ONE(n + 4), FF_ONE(n + 5), FF_ONE(n + 6), \
        FF_ONE(n + 7), FF_ONE(n + 8), FF_ONE(n + 9)
#define FF_HUNDRED(n) \
    FF_TEN(n), FF_TEN(n + 10), FF_TEN(n + 20), FF_TEN(n + 30), FF_TEN(n + 40), FF_TEN(n + 50), FF_TEN(n + 60), \
        FF_TEN(n + 70), FF_TEN(n + 80), FF_TEN(n + 90)
static const uint32_t ff_three[1000] = {
    FF_HUNDRED(0),   FF_HUNDRED(100), FF_HUNDRED(200), FF_HUNDRED(300), FF_HUNDRED(400),
    FF_HUNDRED(500), FF_HUNDRED(600), FF_HUNDRED(700), FF_HUNDRED(800), FF_HUNDRED(900),
};

/* The eight digits of a number below 10**8, the first in the lowest byte.
 * PERF: looked up by three; computed for all at once, without a table, it takes three multiplications more (an int of up
 * to six digits, alone, 4.9 -> 3.0 ns, together with ff_zeros()).
 */
static inline uint64_t ff_eight(uint32_t value) {
    uint32_t thousands = value / 1000, millions = thousands / 1000;
    return ff_three[millions] >> 8 | (uint64_t)ff_three[thousands - millions * 1000] << 16
        | (uint64_t)ff_three[value - thousands * 1000] << 40;
}

/* How many of the first `most` (0 to 7) of eight digits are zeros with only zeros before them, times 8. */
static inline int ff_zeros(uint64_t digits, int most) {
    digits = (digits ^ 0x3030303030303030ULL) | 1ULL << 8 * most;
#if defined(__GNUC__)
    return __builtin_ctzll(digits) & 56;
#elif defined(_MSC_VER) && defined(_M_X64)
    unsigned long first;
    _BitScanForward64(&first, digits);
    return (int)first & 56;
#else
    int n = 0;
    while (!(digits >> n & 255))
        n += 8;
    return n;
#endif
}

static inline void ff_store(uint8_t *out, uint64_t word) {
#if FF_LITTLE
    memcpy(out, &word, 8);
#else
    int i;
    for (i = 0; i < 8; i++)
        out[i] = (uint8_t)(word >> 8 * i);
#endif
}

/* A number below 10**8. */
static inline Py_ssize_t ff_put_short(uint8_t *out, uint32_t value) {
    uint64_t word = ff_eight(value);
    int zeros = ff_zeros(word, 7);
    ff_store(out, word >> zeros);
    return 8 - (zeros >> 3);
}

static inline Py_ssize_t ff_put_unsigned(uint8_t *out, uint64_t value) {
    Py_ssize_t n;
    if (value < 100000000)
        return ff_put_short(out, (uint32_t)value);
    if (value < 10000000000000000ULL)
        n = ff_put_short(out, (uint32_t)(value / 100000000));
    else {
        n = ff_put_short(out, (uint32_t)(value / 10000000000000000ULL));
        ff_store(out + n, ff_eight((uint32_t)(value / 100000000 % 100000000)));
        n += 8;
    }
    ff_store(out + n, ff_eight((uint32_t)(value % 100000000)));
    return n + 8;
}

static inline Py_ssize_t ff_put_int(uint8_t *out, int64_t value) {
    uint64_t negative = value < 0;
    out[0] = '-';
    return (Py_ssize_t)negative + ff_put_unsigned(out + negative, negative ? 0 - (uint64_t)value : (uint64_t)value);
}

/* `magnitude` with its last `decimals` (1 to 19) digits behind a point. */
static inline Py_ssize_t ff_put_decimals(uint8_t *out, uint64_t magnitude, int decimals) {
    Py_ssize_t n;
    uint64_t unit, fraction;
    uint64_t word;
    int zeros, whole;
    /* PERF: up to eight digits are one word, stored twice, the second time behind the point: no division by a power
     * that only the caller knows (a slot of kind scaled:5 16 -> 10 ns) */
    if (magnitude < 100000000 && decimals < 8) {
        word = ff_eight((uint32_t)magnitude);
        zeros = ff_zeros(word, 7 - decimals);
        whole = 8 - decimals - (zeros >> 3);
        word >>= zeros;
        ff_store(out, word);
        ff_store(out + whole + 1, word >> 8 * whole);
        out[whole] = '.';
        return whole + 1 + decimals;
    }
    /* PERF: up to sixteen are two words, the second stored twice, in the same way (scaled:5 of 10**11 10.3 -> 9.1 ns) */
    if (magnitude < 10000000000000000ULL && magnitude >= 100000000 && decimals <= 8) {
        uint32_t first = (uint32_t)(magnitude / 100000000);
        word = ff_eight((uint32_t)(magnitude - (uint64_t)first * 100000000));
        whole = (int)ff_put_short(out, first) + 8 - decimals;
        ff_store(out + whole + decimals - 8, word);
        ff_store(out + whole + 1, word >> 8 * (8 - decimals));
        out[whole] = '.';
        return whole + 1 + decimals;
    }
    unit = ff_powers[decimals];
    n = ff_put_unsigned(out, magnitude / unit);
    /* a one in front makes up the leading zeros of the fraction; the point is then written over it */
    fraction = magnitude % unit;
    if (decimals < 8) {
        ff_store(out + n, ff_eight((uint32_t)(fraction + unit)) >> 8 * (7 - decimals));
    } else {
        int left = decimals;
        while (left >= 8) {
            left -= 8;
            ff_store(out + n + 1 + left, ff_eight((uint32_t)(fraction % 100000000)));
            fraction /= 100000000;
        }
        for (; left > 0; fraction /= 10)
            out[n + left--] = (uint8_t)('0' + fraction % 10);
    }
    out[n] = '.';
    return n + 1 + decimals;
}

/* --- times ---------------------------------------------------------------------------------------------- */

/* HH:MM:SS as the bytes of a word. */
static inline uint64_t ff_clock(uint32_t seconds) {
    uint32_t minutes = seconds / 60, hours = seconds / 3600;
    return (ff_three[hours] >> 8 | (uint64_t)(ff_three[minutes - hours * 60] >> 8) << 24
            | (uint64_t)(ff_three[seconds - minutes * 60] >> 8) << 48)
        + 0x00003A00003A0000ULL;
}

/* Nothing, or a point and 3, 6 or 9 digits; what is finer is cut off. Returns how many bytes.
 * PERF: three digits are looked up, not computed (milliseconds 3.1 -> below 1 ns). */
static inline Py_ssize_t ff_put_fraction(uint8_t *out, uint32_t nanos, int digits) {
    uint32_t ms = nanos / 1000000, us;
    if (digits == 0)
        return 0;
    ff_store(out, '.' | (uint64_t)ff_three[ms] << 8);
    if (digits == 3)
        return 4;
    us = (nanos - ms * 1000000) / 1000;
    ff_store(out + 4, ff_three[us]);
    if (digits == 6)
        return 7;
    ff_store(out + 7, ff_three[nanos - ms * 1000000 - us * 1000]);
    return 10;
}

/* --- Python's numbers ----------------------------------------------------------------------------------- */

/* PERF: an int below 2**30 without a call (NOS 242 -> 210 ns). The layout of int is private before 3.12. */
#if PY_VERSION_HEX >= 0x030C0000
#define ff_is_small(o) PyUnstable_Long_IsCompact((PyLongObject *)(o))
#define ff_small(o) ((int64_t)PyUnstable_Long_CompactValue((PyLongObject *)(o)))
#else
#define ff_is_small(o) ((size_t)(Py_SIZE(o) + 1) <= 2)
#define ff_small(o) (Py_SIZE(o) ? Py_SIZE(o) * (int64_t)((PyLongObject *)(o))->ob_digit[0] : 0)
#endif

/* ff_is_digit: an int from 1 to 2**30 - 1, which ff_digit is; others may be, too, and are not said to be. */
#if PY_VERSION_HEX >= 0x030C0000
#define ff_is_digit(o) (ff_is_small(o) && ff_small(o) > 0)
#define ff_digit(o) ((uint64_t)ff_small(o))
#else
#define ff_is_digit(o) (Py_SIZE(o) == 1)
#define ff_digit(o) ((uint64_t)((PyLongObject *)(o))->ob_digit[0])
#endif

/* The value of an int that int64 holds; `overflow` is set where it does not. Never raises. */
static inline int64_t ff_int64(PyObject *number, int *overflow) {
    if (ff_is_small(number)) {
        *overflow = 0;
        return ff_small(number);
    }
#if PY_VERSION_HEX < 0x030C0000 && PYLONG_BITS_IN_DIGIT == 30
    /* PERF: ns since the epoch are three digits of 30 bits (not measured on its own); private before 3.12, as
     * above */
    if (Py_SIZE(number) == 3 && ((PyLongObject *)number)->ob_digit[2] < 8) {
        const digit *d = ((PyLongObject *)number)->ob_digit;
        *overflow = 0;
        return (int64_t)(d[0] | (uint64_t)d[1] << 30 | (uint64_t)d[2] << 60);
    }
#endif
    return PyLong_AsLongLongAndOverflow(number, overflow);
}

/* --- Decimal -------------------------------------------------------------------------------------------- */

/* PERF: digits and exponent of a Decimal from where CPython's C implementation keeps them, without a str between (a
 * field with a Decimal 66 -> 11 to 15 ns). That place is private: write.pyx tries it on numbers it knows before it is used, and where size or
 * answer differs, str() does the work as before. Nothing is read outside the object, whatever the layout.
 */
typedef struct {
    PyObject_HEAD
    Py_hash_t hash;
    uint8_t flags; /* 1: negative; 2, 4, 8: Infinity, NaN, sNaN */
    Py_ssize_t exponent, digits, words, room;
    uint64_t *data;
    uint64_t inside[4]; /* where `data` points while the number is short; base 10**19, least first */
} ff_decimal;

/* mantissa * 10**exponent of an exact Decimal of at most 19 digits; 0 where that is not at hand. */
static inline int ff_read_decimal(PyObject *number, int *negative, uint64_t *mantissa, Py_ssize_t *exponent) {
    const ff_decimal *d = (const ff_decimal *)number;
    if ((d->flags & 14) || d->words != 1 || d->data != d->inside)
        return 0;
    *negative = d->flags & 1;
    *mantissa = d->inside[0];
    *exponent = d->exponent;
    return 1;
}

/* A Decimal, `negative` also where it is 0; NULL with an exception: no memory.
 *
 * PERF: written where ff_read_decimal() reads it, without a str between (1,700 instructions less). convert.pyx tries it
 * on numbers it knows before it is used. `model`: any Decimal that nobody has asked for its hash.
 */
static inline PyObject *ff_new_decimal(PyObject *model, int negative, int64_t mantissa, Py_ssize_t exponent) {
    PyTypeObject *type = Py_TYPE(model);
    const ff_decimal *like = (const ff_decimal *)model;
    ff_decimal *made = (ff_decimal *)type->tp_alloc(type, 0);
    uint64_t magnitude = mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;
    uint64_t power = 10;
    if (made == NULL)
        return NULL;
    made->hash = like->hash;
    made->flags = (uint8_t)(like->flags | (negative ? 1 : 0));
    made->exponent = exponent;
    for (made->digits = 1; made->digits < 19 && magnitude >= power; made->digits++)
        power *= 10;
    made->words = 1;
    made->room = like->room;
    made->data = made->inside;
    made->inside[0] = magnitude;
    return (PyObject *)made;
}

/* --- sums ----------------------------------------------------------------------------------------------- */

/* Copy n bytes, no more, and return their sum mod 256.
 * PERF: 16 bytes a step, one load for both, and the last step masked, so that no load waits for a store behind it
 * (180 bytes, 13.5 -> 10.7 ns).
 */
static inline uint32_t ff_copy_and_sum(uint8_t *out, const uint8_t *p, Py_ssize_t n) {
#if FF_SSE2
    static const uint8_t mask[32] = {0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
                                     255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    if (n >= 16) {
        const __m128i zero = _mm_setzero_si128();
        __m128i total = zero, block;
        Py_ssize_t i;
        for (i = 0; i + 16 <= n; i += 16) {
            block = _mm_loadu_si128((const __m128i *)(p + i));
            _mm_storeu_si128((__m128i *)(out + i), block);
            total = _mm_add_epi64(total, _mm_sad_epu8(block, zero));
        }
        block = _mm_loadu_si128((const __m128i *)(p + n - 16));
        _mm_storeu_si128((__m128i *)(out + n - 16), block);
        block = _mm_and_si128(block, _mm_loadu_si128((const __m128i *)(mask + n - i)));
        total = _mm_add_epi64(total, _mm_sad_epu8(block, zero));
        return (uint32_t)(_mm_cvtsi128_si32(total) + _mm_cvtsi128_si32(_mm_srli_si128(total, 8))) & 255;
    }
#endif
    {
        uint8_t total = 0;
        Py_ssize_t i;
        for (i = 0; i < n; i++)
            total += out[i] = p[i];
        return total;
    }
}

#endif
