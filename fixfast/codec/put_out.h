/* A message under construction, and the loop over its fields as long as they are what nearly all fields are. */

#ifndef FIXFAST_PUT_OUT_H
#define FIXFAST_PUT_OUT_H

#include "put.h"

enum {
    FF_HEADROOM = 32, /* "8=" + 13 + SOH + "9=" + 8 + SOH is 27 */
    FF_TAGS = 4096,   /* tags below have an entry in the table of tags */
    FF_MAX_TIME = 27,
    FF_ROOM = 48 /* for one value, its tag and SOH, if it is no text of more than 16 bytes */
};

/* The text of the last second that was written. */
typedef struct {
    int64_t second;       /* since the epoch, of `clock`; INT64_MIN for none */
    uint32_t day;         /* since 1677-09-20, of `date` */
    uint64_t date, clock; /* YYYYMMDD and HH:MM:SS */
} ff_times;

static inline void ff_no_time(ff_times *times) {
    times->second = INT64_MIN;
    times->day = UINT32_MAX;
}

/* HEADROOM bytes in front of the body stay free for 8= and 9=, which are written backwards once the length is known. */
typedef struct {
    uint8_t *base; /* first byte of the buffer */
    uint8_t *p;    /* where the next byte goes */
    uint8_t *end;  /* as far as p may go; FF_SLACK bytes more may be written */
    uint8_t *heap; /* the buffer if it is malloc'ed, NULL while it is the stack's; freed by the owner */
    int digits;    /* decimals of timestamps: 0, 3, 6 or 9 */
    int refuse;    /* kinds of tags that the caller must not set */
    ff_times *times; /* its own, or those of an object that remembers them */
    ff_times own;
} ff_out;

static inline void ff_open(ff_out *o, uint8_t *stack, Py_ssize_t size, int digits) {
    o->base = stack;
    o->p = stack + FF_HEADROOM;
    o->end = stack + size - FF_SLACK;
    o->heap = NULL;
    o->digits = digits;
    o->refuse = 0;
    o->times = &o->own;
    ff_no_time(&o->own);
}

/* The date of a day from year 0001 on.
 *
 * Counts from 0000-03-01, so that the leap day is the last of its year. PERF: dividing by the average length of a year
 * or month is one multiplication (Neri and Schneider, "Euclidean affine functions", 2022): 5 ns less a date.
 */
static inline void ff_civil(int64_t days, int *year, int *month, int *day) {
    uint32_t n = 4 * (uint32_t)(days + 719468) + 3;
    uint32_t century = n / 146097;
    uint64_t scaled = (uint64_t)2939745 * (n % 146097 | 3);
    uint32_t of_year = (uint32_t)scaled / 2939745 / 4;
    uint32_t m = 2141 * of_year + 197913; /* month in the upper half, day in the lower */
    int next_year = of_year >= 306;       /* January and February belong to the year that began in March */
    *year = (int)(100 * century + (uint32_t)(scaled >> 32)) + next_year;
    *month = (int)(m >> 16) - (next_year ? 12 : 0);
    *day = (int)((m & 0xFFFF) / 2141) + 1;
}

static inline void ff_new_second(ff_times *times, int64_t second) {
    uint64_t shifted = (uint64_t)(second + (int64_t)86400 * 106753); /* since 1677-09-20: never negative */
    uint32_t days = (uint32_t)(shifted / 86400);
    int year, month, day;
    if (days != times->day) {
        ff_civil((int64_t)days - 106753, &year, &month, &day);
        times->date = ff_eight((uint32_t)(year * 10000 + month * 100 + day));
        times->day = days;
    }
    times->clock = ff_clock((uint32_t)(shifted - (uint64_t)days * 86400));
    times->second = second;
}

/* A UTCTimestamp; up to FF_MAX_TIME bytes. Returns where the next byte goes. */
static inline uint8_t *ff_put_time(ff_out *o, uint8_t *p, int64_t ns) {
    int64_t second = ns >= 0 ? (int64_t)((uint64_t)ns / 1000000000) : -(int64_t)(((uint64_t)-(ns + 1) + 1000000000) / 1000000000);
    ff_times *times = o->times;
    /* PERF: 52 and 60 are often of the same second: its text is kept while the message lasts (a slot with a time 21 -> 8
     * ns), by a Template longer; as words, since bytes just written cannot be loaded 16 at a time without a stall (a NOS
     * 134 -> 128 ns) */
    if (second != times->second)
        ff_new_second(times, second);
    ff_store(p, times->date);
    p[8] = '-';
    ff_store(p + 9, times->clock);
    return p + 17 + ff_put_fraction(p + 17, (uint32_t)(ns - second * 1000000000), o->digits);
}

/* An exact Decimal in plain notation, if that is quickly done; else NULL, and nothing is written. Up to 24 bytes. */
static inline uint8_t *ff_put_decimal(uint8_t *p, PyObject *number) {
    int negative;
    uint64_t mantissa;
    Py_ssize_t exponent;
    if (!ff_read_decimal(number, &negative, &mantissa, &exponent) || exponent > 0 || exponent < -18)
        return NULL;
    p[0] = '-';
    p += negative;
    return p + (exponent ? ff_put_decimals(p, mantissa, (int)-exponent) : ff_put_unsigned(p, mantissa));
}

/* Up to 16 bytes of text, or as much as the limit allows. NULL: none, one with SOH, or too long a one. */
static inline uint8_t *ff_put_text(uint8_t *p, const uint8_t *limit, PyObject *value) {
    Py_ssize_t n;
    if (!ff_is_ascii(value))
        return NULL;
    n = PyUnicode_GET_LENGTH(value);
    if (n > 16 ? limit - p <= n : n == 0)
        return NULL;
    return ff_copy_ascii(p, ff_ascii(value), n) ? NULL : p + n;
}

/* What the loop below is told and what it finds out. */
typedef struct {
    const uint64_t *tags; /* of each tag: its text with '=' (5 bytes), nothing, its kind, the length of the text */
    PyTypeObject *decimal; /* Decimal where ff_read_decimal() is known to work, else NULL */
    int stop;              /* kinds of tags that are not for this loop */
    int time;              /* the kind whose ints are ns */
} ff_plain;

/* Write items[i], items[i + 1] ... as long as each is (tag, value) with a tag of no special kind and a value that is an
 * ASCII str, an int below 2**30, ns, or a short Decimal. Returns the number of the first that is not; whoever calls
 * judges that one. No code of the caller's runs in here, so nothing borrowed can go away.
 */
static inline Py_ssize_t ff_put_plain(
    ff_out *o, const ff_plain *how, PyObject *const *items, Py_ssize_t i, Py_ssize_t count
) {
    uint8_t *p = o->p;
    const uint8_t *limit = o->end - FF_ROOM; /* of a tag and anything but a long text */
    for (; i < count; i++) {
        PyObject *item = items[i], *key, *value;
        uint64_t entry;
        uint8_t *q;
        int kind;
        if (!PyTuple_CheckExact(item) || PyTuple_GET_SIZE(item) != 2)
            break;
        key = PyTuple_GET_ITEM(item, 0);
        value = PyTuple_GET_ITEM(item, 1);
        if (!PyLong_CheckExact(key) || !ff_is_digit(key) || ff_digit(key) >= FF_TAGS)
            break;
        entry = how->tags[ff_digit(key)];
        kind = (int)(entry >> 48 & 255);
        if (kind & how->stop)
            break;
        if (p > limit)
            break;
        ff_store(p, entry);
        q = p + (entry >> 56);
        if (PyUnicode_CheckExact(value)) {
            q = ff_put_text(q, limit, value);
            if (q == NULL)
                break;
        } else if (PyLong_CheckExact(value)) {
            if (kind & how->time) {
                int overflow;
                int64_t ns = ff_int64(value, &overflow);
                if (overflow)
                    break;
                q = ff_put_time(o, q, ns);
            } else if (ff_is_digit(value))
                q += ff_put_unsigned(q, ff_digit(value));
            else if (ff_is_small(value))
                q += ff_put_int(q, ff_small(value));
            else
                break;
        } else if (Py_TYPE(value) == how->decimal) {
            q = ff_put_decimal(q, value);
            if (q == NULL)
                break;
        } else
            break;
        q[0] = 1;
        p = q + 1;
    }
    o->p = p;
    return i;
}

/* --- the frame ------------------------------------------------------------------------------------------- */

/* Put BeginString and BodyLength in front of the body, and return the first byte. `begin`: an ASCII str of 1 to 13
 * characters.
 */
static inline uint8_t *ff_put_head(ff_out *o, PyObject *begin) {
    Py_ssize_t size = o->p - o->base - FF_HEADROOM;
    Py_ssize_t n = PyUnicode_GET_LENGTH(begin);
    uint8_t *start = o->base + FF_HEADROOM;
    *--start = 1;
    do {
        *--start = (uint8_t)('0' + size % 10);
        size /= 10;
    } while (size);
    start -= 3;
    memcpy(start, "\x01" "9=", 3);
    start -= n;
    memcpy(start, PyUnicode_DATA(begin), n);
    start -= 2;
    memcpy(start, "8=", 2);
    return start;
}

/* The bytes object of a message: what lies from `start` to o->p, and CheckSum. NULL: no memory, an exception is set. */
static inline PyObject *ff_message(const ff_out *o, const uint8_t *start) {
    Py_ssize_t n = o->p - start;
    PyObject *raw = PyBytes_FromStringAndSize(NULL, n + 7);
    uint8_t *out;
    if (raw == NULL)
        return NULL;
    out = (uint8_t *)PyBytes_AS_STRING(raw);
    /* "10=ddd", SOH, and the 0 behind every bytes object */
    ff_store(out + n, 0x3D3031ULL | (uint64_t)ff_three[ff_copy_and_sum(out, start, n)] << 24 | 1ULL << 48);
    return raw;
}

#endif
