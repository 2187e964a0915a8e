/* What a kernel in SIMD does with a block's masks, in plain C. A block is 64 bytes; in a mask, bit i stands for its byte i. */
#ifndef FF_BLOCK_H
#define FF_BLOCK_H

#include "scan.h"

typedef struct {
    uint64_t soh, equals, digit;    /* where these bytes are; nothing outside of what is scanned */
} ff_masks;

typedef struct {
    uint64_t start;     /* bit 0: the last block ended with SOH */
    uint64_t open;      /* 1: the last block ended inside a tag */
} ff_carry;

/* The first '=' of each field in `*first`; `fresh` are further starts of fields, `valid` the bytes that count.
 * 0 if a tag is not one digit or more followed by '='. */
static inline int ff_block(const ff_masks *m, uint64_t fresh, uint64_t valid, ff_carry *carry, uint64_t *first) {
    uint64_t starts = ((m->soh << 1 | carry->start) & valid) | fresh;
    /* Adding ones from a start on ripples to the first byte that is '='. A tag that has the last byte is open: it goes on
     * with the next block. */
    uint64_t from = starts | carry->open;
    uint64_t found = (~m->equals + from) & m->equals;
    uint64_t tags = found - from;
    carry->open = tags >> 63;
    carry->start = m->soh >> 63;
    *first = found;
    return !((tags & valid & ~m->digit) | (starts & found));
}

/* One tag of 1 to 8 digits, which are known to be digits; -1 if there are more or the first is 0. */
static inline int32_t ff_one_tag(const uint8_t *p, uint32_t size) {
    int32_t value = 0;
    if (size > 8 || *p == '0')
        return -1;
    for (uint32_t i = 0; i < size; i++)
        value = value * 10 + (p[i] - '0');
    return value;
}

#endif
