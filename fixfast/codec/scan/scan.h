/* What the kernels and their callers share: the table of fields, data pairs, the judgement of a frame.
 *
 * A frame is `8=FIX...<SOH>9=digits<SOH>35=type<SOH> ... 10=ddd<SOH>`. It is judged in this order: the header, byte by
 * byte; the place of CheckSum; its value; the fields. BodyLength says where the frame ends, so nothing is searched for.
 */
#ifndef FF_SCAN_H
#define FF_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define FF_LIKELY(x) __builtin_expect(!!(x), 1)
#define FF_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define FF_NOINLINE __attribute__((noinline))
#define FF_UNUSED __attribute__((unused))
#else
#define FF_LIKELY(x) (x)
#define FF_UNLIKELY(x) (x)
#define FF_NOINLINE
#define FF_UNUSED
#endif

#define FF_SOH 0x01
#define FF_TRAILER 7                /* 10=ddd<SOH> */
#define FF_MAX_FIELDS 65536
#define FF_MAX_LENGTH 99999999      /* eight digits of BodyLength: every offset fits 32 bits */

/* Results of everything here. Those above FF_FULL are, in this order, fixfast.types.GarbledReason's first ten. */
enum {
    FF_OK = 0,
    FF_NEED_DATA = 1,
    FF_FULL = 2,
    FF_NOT_FIX = 3,
    FF_BEGIN_STRING,
    FF_BODY_LENGTH,
    FF_TOO_LARGE,
    FF_MSG_TYPE,
    FF_BAD_TRAILER,
    FF_CHECKSUM,
    FF_FIELD,
    FF_DATA_LENGTH,
    FF_TOO_MANY_FIELDS
};

/* --- length-prefixed data ---------------------------------------------------------------------------------- */

#define FF_PAIR_BITS 65536
#define FF_PAIR_WORDS (FF_PAIR_BITS / 64)

/* Which tags are lengths of the data field that follows them. The bit of a tag's low 16 bits is a filter: it is exact
 * for the standard's tags, and what it lets through is looked up in the sorted columns. Its first 1024 are a filter of
 * their own in registers. */
typedef struct {
    const uint64_t *bits;           /* FF_PAIR_WORDS */
    const int32_t *len_tag;         /* ascending */
    const int32_t *data_tag;        /* at the same place, the tag of the data */
    uint32_t count;
} ff_pairs;

static inline int ff_may_be_length(const ff_pairs *pairs, int32_t tag) {
    uint32_t bit = (uint32_t)tag & (FF_PAIR_BITS - 1);
    return (int)(pairs->bits[bit >> 6] >> (bit & 63) & 1);
}

/* --- the table of fields ----------------------------------------------------------------------------------- */

/* Columns of `cap` places, the first `n` of them taken. Offsets count from the first byte of the message; `end` is that
 * of the SOH behind the value. */
typedef struct {
    int32_t *tag;
    uint32_t *off;
    uint32_t *end;
    uint32_t cap;
    uint32_t n;
} ff_table;

#if defined(__GNUC__)
typedef int32_t ff_lanes __attribute__((vector_size(16), aligned(4), may_alias));
#endif

/* The first place at or behind `first` where `tag` stands, -1 if there is none. */
static inline ptrdiff_t ff_find(const int32_t *tags, uint32_t first, uint32_t n, int32_t tag) {
    uint32_t i = first;
#if defined(__GNUC__)
    /* PERF: eight compares with one branch; not before place 16, where most look-ups end (W, last: 80 -> 30 ns). */
    const ff_lanes wanted = {tag, tag, tag, tag};
    for (; i < n && i < first + 16; i++)
        if (tags[i] == tag)
            return (ptrdiff_t)i;
    for (; n - i >= 8; i += 8) {
        ff_lanes hits = (*(const ff_lanes *)(tags + i) == wanted) | (*(const ff_lanes *)(tags + i + 4) == wanted);
        uint64_t halves[2];
        memcpy(halves, &hits, sizeof halves);
        if (halves[0] | halves[1])
            break;
    }
#endif
    for (; i < n; i++)
        if (tags[i] == tag)
            return (ptrdiff_t)i;
    return -1;
}

/* The columns of `n` fields, which are four at least, into block[0, 3 * n).
 * PERF: four places at a time, the last ones twice: three calls of memcpy take as long as their work (NOS 84 -> 81). */
static inline void ff_copy_table(int32_t *block, const ff_table *table, uint32_t n) {
    const int32_t *tags = table->tag;
    const uint32_t *offs = table->off, *ends = table->end;
    int32_t *off = block + n, *end = off + n;
    uint32_t i = 0;
    if (FF_UNLIKELY(n > 64)) {
        memcpy(block, tags, n * sizeof *block);
        memcpy(off, offs, n * sizeof *block);
        memcpy(end, ends, n * sizeof *block);
        return;
    }
    for (;; i = i + 8 < n ? i + 4 : n - 4) {
        memcpy(block + i, tags + i, 4 * sizeof *block);
        memcpy(off + i, offs + i, 4 * sizeof *block);
        memcpy(end + i, ends + i, 4 * sizeof *block);
        if (i == n - 4)
            break;
    }
}

/* The first place at or behind `i` whose tag has its bit in `bits` (of which there are `count`) or is not below `count`;
 * `last` if there is none. PERF: one test for each field of a group, 0.5 ns. */
static inline uint32_t ff_find_in_set(const int32_t *tags, uint32_t i, uint32_t last, const uint64_t *bits,
                                      uint32_t count) {
    for (; i < last; i++) {
        uint32_t tag = (uint32_t)tags[i];
        if (tag >= count || bits[tag >> 6] >> (tag & 63) & 1)
            break;
    }
    return i;
}

/* A kernel: append the fields of buf[start, end) to `table`.
 *
 * Needs: start < end; buf[end - 1] is SOH; buf[0, end + FF_TRAILER) may be read.
 * `sum`, if not NULL, receives the sum of buf[0, end) modulo 256, whatever the result is.
 *
 * FF_OK
 * FF_FULL         the table is full; `*at` is where to go on with a larger one
 * FF_FIELD        the field that starts at `*at` is not tag=value
 * FF_DATA_LENGTH  the length in front of the data field that starts at `*at` does not lead to an SOH
 */
typedef int ff_scan_fn(const uint8_t *buf, uint32_t start, uint32_t end, ff_table *table, const ff_pairs *pairs,
                       uint32_t *at, uint8_t *sum);

ff_scan_fn ff_scan_scalar;

/* Not one byte behind buf[end + FF_TRAILER) is read by any kernel, nor one in front of buf[0]: a message may be a bytes
 * object of just its size. Places of the columns from `n` up to `cap` may be overwritten, whatever the result is.
 * A kernel in SIMD leaves to the scalar one whatever it would not accept, so that there is one judge. */

/* Kernels, the best first. */
enum { FF_KERNEL_AVX512, FF_KERNEL_AVX2, FF_KERNEL_NEON, FF_KERNEL_SCALAR, FF_KERNELS };

extern ff_scan_fn *const ff_built_avx2;     /* NULL where the compiler was not told to make it */
extern ff_scan_fn *const ff_built_avx512;
extern ff_scan_fn *const ff_built_neon;     /* NULL elsewhere than on 64-bit ARM */

/* A kernel, NULL if this build or this CPU does not have it. */
ff_scan_fn *ff_kernel(int which);

/* --- frames ------------------------------------------------------------------------------------------------ */

typedef struct {
    uint32_t length;    /* where 9= starts */
    uint32_t body;      /* where 35= starts */
    uint32_t trailer;   /* where 10= must start; the frame ends FF_TRAILER bytes behind it */
    uint32_t at;        /* of trouble: where it was seen */
    uint32_t seen;      /* of trouble: how many bytes it took to see it */
} ff_frame;

static inline int ff_bad_header(ff_frame *frame, int reason, size_t at, size_t seen) {
    frame->at = (uint32_t)at;
    frame->seen = (uint32_t)seen;
    return reason;
}

enum { FF_HEADER = 31 };        /* at most this many bytes are looked at by ff_header() */

/* `whole`: there are FF_HEADER bytes at least. */
static inline int ff_judge_header(const uint8_t *p, size_t n, int whole, uint32_t max_length, ff_frame *frame) {
    size_t i, start, digits;
    uint32_t length = 0;
    if (FF_UNLIKELY((!whole && n < 5) || memcmp(p, "8=FIX", 5) != 0)) {
        for (i = 0; i < n; i++)
            if (p[i] != (uint8_t)"8=FIX"[i])
                return ff_bad_header(frame, FF_NOT_FIX, 0, i + 1);
        return FF_NEED_DATA;
    }
    for (i = 5;; i++) {
        if (!whole && i == n)
            return FF_NEED_DATA;
        if (p[i] == FF_SOH)
            break;
        if (i == 15)
            return ff_bad_header(frame, FF_BEGIN_STRING, 0, 16);
    }
    start = ++i;
    frame->length = (uint32_t)start;
    for (; i < start + 2; i++) {
        if (!whole && i == n)
            return FF_NEED_DATA;
        if (p[i] != (i == start ? '9' : '='))
            return ff_bad_header(frame, FF_BODY_LENGTH, start, i + 1);
    }
    for (digits = 0;; i++, digits++) {
        uint32_t digit;
        if (!whole && i == n)
            return FF_NEED_DATA;
        digit = (uint32_t)p[i] - '0';
        if (digit > 9) {
            if (p[i] == FF_SOH && digits)
                break;
            return ff_bad_header(frame, FF_BODY_LENGTH, start, i + 1);
        }
        if (digits == 8)
            return ff_bad_header(frame, FF_BODY_LENGTH, start, i + 1);
        length = length * 10 + digit;
    }
    i++;
    if (length > max_length)
        return ff_bad_header(frame, FF_TOO_LARGE, start, i);
    start = i;
    for (; i < start + 3; i++) {
        if (!whole && i == n)
            return FF_NEED_DATA;
        if (p[i] != (uint8_t)"35="[i - start])
            return ff_bad_header(frame, FF_MSG_TYPE, start, i + 1);
    }
    if (!whole && i == n)
        return FF_NEED_DATA;
    if (p[i] == FF_SOH)
        return ff_bad_header(frame, FF_MSG_TYPE, start, i + 1);
    frame->body = (uint32_t)start;
    frame->trailer = (uint32_t)start + length;
    return FF_OK;
}

/* The usual header: 8=FIX.4.x or 8=FIXT.1.x and a length of up to six digits; 0 if it is another one. There are FF_HEADER
 * bytes at least.
 * PERF: BeginString compared as one word, digits in one loop (with the trailer 109 -> 75 instructions). */
static inline int ff_usual_header(const uint8_t *p, uint32_t max_length, ff_frame *frame) {
    uint32_t start, i, length, digit;
    if (FF_LIKELY(memcmp(p, "8=FIX.4.", 8) == 0 && p[8] != FF_SOH && p[9] == FF_SOH))
        start = 10;
    else if (memcmp(p, "8=FIXT.1", 8) == 0 && p[8] != FF_SOH && p[9] != FF_SOH && p[10] == FF_SOH)
        start = 11;
    else
        return 0;
    length = (uint32_t)p[start + 2] - '0';
    if (FF_UNLIKELY(p[start] != '9' || p[start + 1] != '=' || length > 9))
        return 0;
    for (i = start + 3; i < start + 8 && (digit = (uint32_t)p[i] - '0') <= 9; i++)
        length = length * 10 + digit;
    if (FF_UNLIKELY(memcmp(p + i, "\x01" "35=", 4) != 0 || p[i + 4] == FF_SOH || length > max_length))
        return 0;
    frame->length = start;
    frame->body = i + 1;
    frame->trailer = i + 1 + length;
    return 1;
}

/* Judge the first bytes of a message, up to the first one of MsgType; at most FF_HEADER are looked at.
 * FF_OK, FF_NEED_DATA, or what is wrong: the answer for a whole message is the same as that for its first bytes. */
static inline int ff_header(const uint8_t *p, size_t n, uint32_t max_length, ff_frame *frame) {
    if (FF_UNLIKELY(n < FF_HEADER))
        return ff_judge_header(p, n, 0, max_length, frame);
    return FF_LIKELY(ff_usual_header(p, max_length, frame)) ? FF_OK : ff_judge_header(p, n, 1, max_length, frame);
}

/* CheckSum where it must be, the whole frame being there: its value, or -1. */
static inline int ff_trailer(const uint8_t *p, uint32_t trailer) {
    const uint8_t *t = p + trailer;
    uint32_t a = (uint32_t)t[3] - '0', b = (uint32_t)t[4] - '0', c = (uint32_t)t[5] - '0';
    if (FF_UNLIKELY(memcmp(t - 1, "\x01" "10=", 4) != 0 || a > 9 || b > 9 || c > 9 || t[6] != FF_SOH))
        return -1;
    return (int)(a * 100 + b * 10 + c);
}

#endif
