/* What the AVX2 and AVX-512 kernels share: a block's masks become offsets, offsets become tags.
 *
 * Included by files that are compiled for AVX2 and BMI2. A block is 64 bytes; in a mask, bit i stands for its byte i.
 */
#ifndef FF_X86_H
#define FF_X86_H

#include <immintrin.h>

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
    /* Adding ones from a start on ripples to the first byte that is '='; the carry goes into the next block. */
    uint64_t partial = ~m->equals + carry->open;
    uint64_t ripple = partial + starts;
    uint64_t found = ripple & m->equals;
    uint64_t tags = found - starts - carry->open;
    carry->open = (uint64_t)(partial < carry->open) | (uint64_t)(ripple < starts);
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

/* Tags of the fields [first, n) from their columns; `start` is that of the field `first`. 0 if scalar must judge.
 * Reads the four bytes in front of each '=' (start >= 8), writes up to 7 places behind n.
 * PERF: eight tags at once, without a branch on how long they are. */
static inline int ff_tags(const uint8_t *buf, uint32_t start, ff_table *table, uint32_t first, uint32_t n,
                          const ff_pairs *pairs) {
    const __m256i limits = _mm256_setr_epi32(1, 1, 10, 100, 1000, 0, 0, 0);
    const __m256i tens = _mm256_set1_epi32(0x010A010A), hundreds = _mm256_set1_epi32(0x00010064);
    __m256i trouble = _mm256_setzero_si256();
    int32_t tag = ff_one_tag(buf + start, table->off[first] - 1 - start);
    if (tag < 0 || ff_may_be_length(pairs, tag))
        return 0;
    table->tag[first] = tag;
    for (uint32_t i = first + 1; i < n; i += 8) {
        __m256i lanes = _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)(n - i)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        __m256i off = _mm256_loadu_si256((const __m256i *)(table->off + i));
        __m256i before = _mm256_loadu_si256((const __m256i *)(table->end + i - 1));
        __m256i size = _mm256_sub_epi32(_mm256_sub_epi32(off, before), _mm256_set1_epi32(2));
        __m256i text = _mm256_mask_i32gather_epi32(_mm256_setzero_si256(), (const int *)(const void *)(buf - 5), off,
                                                   lanes, 1);
        __m256i shift = _mm256_slli_epi32(_mm256_sub_epi32(_mm256_set1_epi32(4), size), 3);
        __m256i wide = _mm256_and_si256(_mm256_cmpgt_epi32(size, _mm256_set1_epi32(4)), lanes);
        __m256i value, bits, known;
        text = _mm256_sub_epi8(text, _mm256_set1_epi8('0'));
        text = _mm256_sllv_epi32(_mm256_srlv_epi32(text, shift), shift);
        value = _mm256_madd_epi16(_mm256_maddubs_epi16(text, tens), hundreds);
        _mm256_storeu_si256((__m256i *)(table->tag + i), value);
        known = _mm256_andnot_si256(wide, lanes);
        bits = _mm256_i32gather_epi32((const int *)(const void *)pairs->bits,
                                      _mm256_and_si256(_mm256_srli_epi32(value, 5), _mm256_set1_epi32(2047)), 4);
        bits = _mm256_srlv_epi32(bits, _mm256_and_si256(value, _mm256_set1_epi32(31)));
        bits = _mm256_cmpeq_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(1)), _mm256_set1_epi32(1));
        bits = _mm256_or_si256(bits, _mm256_cmpgt_epi32(_mm256_permutevar8x32_epi32(limits, size), value));
        trouble = _mm256_or_si256(trouble, _mm256_and_si256(bits, known));
        if (FF_UNLIKELY(!_mm256_testz_si256(wide, wide))) {
            for (uint32_t k = i; k < n && k < i + 8; k++) {
                uint32_t at = table->end[k - 1] + 1;
                tag = ff_one_tag(buf + at, table->off[k] - 1 - at);
                if (tag < 0 || ff_may_be_length(pairs, tag))
                    return 0;
                table->tag[k] = tag;
            }
        }
    }
    return _mm256_testz_si256(trouble, trouble);
}

#endif
