/* The scalar kernel: portable C, and the judge of what every other kernel rejects. */

#include "scan.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

/* Eight bytes, the first in the lowest place. */
static inline uint64_t load8(const uint8_t *p) {
    uint64_t w;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    memcpy(&w, p, 8);
    w = __builtin_bswap64(w);
#else
    memcpy(&w, p, 8);
#endif
    return w;
}

/* The place of the lowest bit that is set; `bits` is not 0. */
static inline uint32_t first_bit(uint64_t bits) {
#if defined(__GNUC__)
    return (uint32_t)__builtin_ctzll(bits);
#elif defined(_MSC_VER) && defined(_WIN64)
    unsigned long place;
    _BitScanForward64(&place, bits);
    return (uint32_t)place;
#else
    uint32_t place = 0;
    for (; !(bits & 1); bits >>= 1)
        place++;
    return place;
#endif
}

/* A bit for each SOH in the 64 bytes from buf[at] on; those at or behind `end` may be left out. */
static inline uint64_t delimiters(const uint8_t *buf, uint32_t at, uint32_t end) {
    uint64_t bits = 0;
    uint32_t words = end - at >= 64 ? 8 : (end - at + 7) / 8;
    for (uint32_t i = 0; i < words; i++) {
        uint64_t x = load8(buf + at + 8 * i) ^ FF_SOH * ONES;
        /* Bit 7 of each byte that is 0 now, and no other bit; the product puts these eight side by side. */
        uint64_t zeros = ~(((x & ~HIGHS) + ~HIGHS) | x) & HIGHS;
        bits |= (zeros * 0x0002040810204081u >> 56) << (8 * i);
    }
    return bits;
}

/* The tag that starts at p, before `end`: -?[1-9][0-9]{0,8}= or 0=. Returns where its value starts, NULL if it is none. */
static const uint8_t *parse_tag(const uint8_t *p, const uint8_t *end, int32_t *tag) {
    const uint8_t *start;
    int negative = p < end && *p == '-';
    int32_t value = 0;
    p += negative;
    start = p;
    for (; p < end; p++) {
        uint32_t digit = (uint32_t)*p - '0';
        if (digit > 9)
            break;
        if (p - start == 9)
            return NULL;
        value = value * 10 + (int32_t)digit;
    }
    if (p == start || p == end || *p != '=')
        return NULL;
    if (*start == '0' && (negative || p - start > 1))
        return NULL;
    *tag = negative ? -value : value;
    return p + 1;
}

static int32_t data_tag_of(const ff_pairs *pairs, int32_t tag) {
    uint32_t low = 0, high = pairs->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (pairs->len_tag[middle] < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return low < pairs->count && pairs->len_tag[low] == tag ? pairs->data_tag[low] : 0;
}

/* Behind a length field with the value buf[value, next - 1): the data field that starts at `next`, if it is its own.
 * FF_OK and `*off`, `*stop` of its value; FF_NEED_DATA: there is none, an ordinary field follows; FF_DATA_LENGTH. */
static FF_NOINLINE int data_behind(const uint8_t *buf, uint32_t value, uint32_t next, uint32_t end,
                                   const ff_pairs *pairs, int32_t tag, int32_t *data_tag, uint32_t *off,
                                   uint32_t *stop) {
    const uint8_t *data;
    int32_t found, wanted = data_tag_of(pairs, tag);
    uint32_t i, size = 0;
    if (!wanted || next - 1 == value || next - 1 - value > 9)
        return FF_NEED_DATA;
    for (i = value; i < next - 1; i++) {
        uint32_t digit = (uint32_t)buf[i] - '0';
        if (digit > 9)
            return FF_NEED_DATA;
        size = size * 10 + digit;
    }
    data = parse_tag(buf + next, buf + end, &found);
    if (!data || found != wanted)
        return FF_NEED_DATA;
    *data_tag = found;
    *off = (uint32_t)(data - buf);
    if (size >= end - *off || buf[*off + size] != FF_SOH)
        return FF_DATA_LENGTH;
    *stop = *off + size;
    return FF_OK;
}

int ff_scan_scalar(const uint8_t *buf, uint32_t start, uint32_t end, ff_table *table, const ff_pairs *pairs,
                   uint32_t *at, uint8_t *sum) {
    int32_t *const tags = table->tag;
    uint32_t *const offs = table->off, *const ends = table->end;
    const uint32_t cap = table->cap;
    uint32_t n = table->n, p = start, block;
    uint64_t marks;
    int result = FF_OK;
    if (sum) {
        /* PERF: a sum of bytes in a byte, which compilers turn into 16 additions at once (W: 93 ns against 640). */
        uint8_t total = 0;
        for (uint32_t i = 0; i < end; i++)
            total = (uint8_t)(total + buf[i]);
        *sum = total;
    }
    if (start >= end || buf[end - 1] != FF_SOH) {
        *at = start;
        return FF_FIELD;
    }
    block = start;
    marks = delimiters(buf, start, end);
    /* Nothing here needs a check against `end`: a load of eight bytes that starts before it ends inside the trailer, and
     * digits end at the SOH at end - 1 at the latest.
     * PERF: delimiters as bits of 64-byte blocks, so that no branch depends on how long a value is; but digits one by
     * one, because a session's messages repeat their tags: predicted branches let the next field start before this one
     * is through, which arithmetic without branches does not (NOS 67 ns; all with branches 72, none 105). */
    while (p < end) {
        uint32_t first = (uint32_t)buf[p] - '0', value = first, off = p + 1, digit, stop;
        int32_t tag;
        if (FF_UNLIKELY(n == cap)) {
            result = FF_FULL;
            break;
        }
        while ((digit = (uint32_t)buf[off] - '0') <= 9) {
            value = value * 10 + digit;
            off++;
        }
        tag = (int32_t)value;
        if (FF_LIKELY(buf[off] == '=' && first - 1 < 9 && off - p <= 9)) {
            off++;
        } else {
            const uint8_t *text = parse_tag(buf + p, buf + end, &tag);
            if (!text) {
                result = FF_FIELD;
                break;
            }
            off = (uint32_t)(text - buf);
        }
        while (!marks) {
            block += 64;
            marks = delimiters(buf, block, end);
        }
        stop = block + first_bit(marks);
        marks &= marks - 1;
        tags[n] = tag;
        offs[n] = off;
        ends[n] = stop;
        if (FF_UNLIKELY(ff_may_be_length(pairs, tag))) {
            uint32_t data_off = 0, data_stop = 0;
            int found = stop + 1 < end ? data_behind(buf, off, stop + 1, end, pairs, tag, &tag, &data_off, &data_stop)
                                       : FF_NEED_DATA;
            if (found == FF_DATA_LENGTH) {
                n++;
                p = stop + 1;
                result = found;
                break;
            }
            if (found == FF_OK) {
                if (n + 1 == cap) {         /* both or none: a larger table goes on with the length field */
                    result = FF_FULL;
                    break;
                }
                n++;
                tags[n] = tag;
                offs[n] = data_off;
                ends[n] = data_stop;
                stop = data_stop;
                block = stop + 1;           /* what stands in the data delimits nothing */
                marks = block < end ? delimiters(buf, block, end) : 0;
            }
        }
        n++;
        p = stop + 1;
    }
    table->n = n;
    *at = p;
    return result;
}
