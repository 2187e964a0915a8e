/* The AVX2 kernel: 64 bytes at a time; scalar judges what is short, odd or wrong. */

#include "scan.h"

#if defined(__AVX2__) && (defined(__BMI2__) || defined(_MSC_VER)) && (defined(__x86_64__) || defined(_M_X64))
#include "x86.h"

enum {
    SHORTEST = 64,      /* a block */
    OVERSHOOT = 8
};

static inline uint64_t mask_of(__m256i low, __m256i high) {
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

static inline void masks_of(__m256i low, __m256i high, ff_masks *m) {
    const __m256i soh = _mm256_set1_epi8(FF_SOH), equals = _mm256_set1_epi8('='), nine = _mm256_set1_epi8(9);
    __m256i a = _mm256_sub_epi8(low, _mm256_set1_epi8('0')), b = _mm256_sub_epi8(high, _mm256_set1_epi8('0'));
    m->soh = mask_of(_mm256_cmpeq_epi8(low, soh), _mm256_cmpeq_epi8(high, soh));
    m->equals = mask_of(_mm256_cmpeq_epi8(low, equals), _mm256_cmpeq_epi8(high, equals));
    m->digit = mask_of(_mm256_cmpeq_epi8(_mm256_min_epu8(a, nine), a), _mm256_cmpeq_epi8(_mm256_min_epu8(b, nine), b));
}

/* 255 where a byte's place in 32, counted from `from`, is not below `low`. */
static inline __m256i behind(int from, int low) {
    const __m256i place = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                           22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    return _mm256_cmpgt_epi8(place, _mm256_set1_epi8((char)(low - 1 - from)));
}

static inline __m256i sums_of(__m256i low, __m256i high) {
    const __m256i zero = _mm256_setzero_si256();
    return _mm256_add_epi64(_mm256_sad_epu8(low, zero), _mm256_sad_epu8(high, zero));
}

/* The sum of p[0, n), in four lanes; p[0, 32) may be read. */
static inline __m256i sums_before(const uint8_t *p, uint32_t n) {
    const __m256i zero = _mm256_setzero_si256();
    __m256i total = zero;
    for (; FF_UNLIKELY(n > 32); n--)
        total = _mm256_add_epi64(total, _mm256_setr_epi64x(p[n - 1], 0, 0, 0));
    return _mm256_add_epi64(total, _mm256_sad_epu8(_mm256_andnot_si256(behind(0, (int)n),
                                                                       _mm256_loadu_si256((const __m256i *)p)), zero));
}

/* A block's fields, and the next places of the columns. */
typedef struct {
    uint64_t equals, soh;
    const uint8_t *bytes;
    uint32_t base;
    int32_t *tag;
    uint32_t *off, *end;
} fields;

/* Write those from `i` to `last` of a block. `tag` receives the four bytes in front of '=', from which tags_of() takes the
 * tags: behind the last '=' the block's last ones. */
static inline void write_some(fields *f, uint32_t i, uint32_t last) {
    for (; i < last; i++) {
        uint32_t place = (uint32_t)_tzcnt_u64(f->equals);
        memcpy(f->tag + i, f->bytes + place - 4, 4);
        f->off[i] = f->base + 1 + place;
        f->end[i] = f->base + (uint32_t)_tzcnt_u64(f->soh);
        f->equals = _blsr_u64(f->equals);
        f->soh = _blsr_u64(f->soh);
    }
}

/* Write `count` fields and up to OVERSHOOT more.
 * PERF: bytes of tags are copied, not gathered afterwards (NOS 61 -> 51 ns, W 670 -> 545); most blocks have up to six
 * fields or up to nine: they are no mispredicted branches (eight at a time: 51, 545; one by one: 50, 655; so: 44, 505). */
static inline void write_fields(fields *f, uint32_t count) {
    write_some(f, 0, 6);
    if (count > 6) {
        write_some(f, 6, 9);
        for (uint32_t i = 9; FF_UNLIKELY(i < count); i += 4)
            write_some(f, i, i + 4);
    }
}

/* From the four bytes in front of each '=' of the fields [first, n) to their tags. 0 if scalar must judge. Writes up
 * to 7 places behind n. */
static inline int tags_of(const uint8_t *buf, uint32_t start, ff_table *table, uint32_t first, uint32_t n,
                          const ff_pairs *pairs) {
    const __m256i tens = _mm256_set1_epi32(0x010A010A), hundreds = _mm256_set1_epi32(0x00010064);
    const __m256i *filter = (const __m256i *)(const void *)pairs->bits;
    for (uint32_t i = first; i < n; i += 8) {
        __m256i *place = (__m256i *)(table->tag + i);
        __m256i text = _mm256_loadu_si256(place), value, word, zero, a, b;
        __m256i outside = _mm256_cmpeq_epi8(text, _mm256_set1_epi8(FF_SOH));
        uint32_t odd;
        outside = _mm256_or_si256(outside, _mm256_srli_epi32(outside, 8));
        outside = _mm256_or_si256(outside, _mm256_srli_epi32(outside, 16));
        text = _mm256_andnot_si256(outside, text);
        /* The lowest bit of the first digit, if it is '0'; in no other digit it is that of 0x10. */
        zero = _mm256_and_si256(_mm256_and_si256(text, _mm256_sub_epi32(_mm256_setzero_si256(), text)),
                                _mm256_set1_epi8(0x10));
        text = _mm256_and_si256(text, _mm256_set1_epi8(0x0F));
        value = _mm256_madd_epi16(_mm256_maddubs_epi16(text, tens), hundreds);
        _mm256_storeu_si256(place, value);
        /* The filter's bits of the tags below 1024. */
        word = _mm256_srli_epi32(value, 5);
        a = _mm256_slli_epi32(value, 23);
        b = _mm256_slli_epi32(value, 22);
#define WORD(k) _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(_mm256_loadu_si256(filter + (k)), word))
        word = _mm256_castps_si256(_mm256_blendv_ps(
            _mm256_blendv_ps(WORD(0), WORD(1), _mm256_castsi256_ps(a)),
            _mm256_blendv_ps(WORD(2), WORD(3), _mm256_castsi256_ps(a)), _mm256_castsi256_ps(b)));
#undef WORD
        word = _mm256_sllv_epi32(word, _mm256_andnot_si256(value, _mm256_set1_epi32(31)));
        /* Sign bits: not of four digits, and neither in the filter nor with a 0 in front. */
        word = _mm256_or_si256(word, _mm256_sub_epi32(_mm256_setzero_si256(), zero));
        word = _mm256_andnot_si256(word, _mm256_slli_epi32(outside, 24));
        odd = (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(word)) ^ 0xFF;
        odd &= n - i < 8 ? ((uint32_t)1 << (n - i)) - 1 : 0xFF;
        if (FF_UNLIKELY(odd) && !judge_odd(buf, start, table, i, odd, pairs))
            return 0;
    }
    return 1;
}

static int scan_avx2(const uint8_t *buf, uint32_t start, uint32_t end, ff_table *table, const ff_pairs *pairs,
                     uint32_t *at, uint8_t *sum) {
    uint32_t offs = table->n, ends = table->n, base = start;
    uint64_t first;
    __m256i total;
    ff_carry carry = {1, 0};
    ff_masks m;
    fields f;
    if (end < SHORTEST || start < 8 || start >= end || buf[end - 1] != FF_SOH || buf[start - 1] != FF_SOH)
        return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
    total = sums_before(buf, sum ? start : 0);
    for (; base < end; base += 64) {
        uint64_t valid = ~(uint64_t)0;
        __m256i low, high;
        uint32_t nsoh, nfirst;
        if (FF_LIKELY(end - base >= 64)) {
            low = _mm256_loadu_si256((const __m256i *)(buf + base));
            high = _mm256_loadu_si256((const __m256i *)(buf + base + 32));
            total = _mm256_add_epi64(total, sums_of(low, high));
            masks_of(low, high, &m);
        } else {
            /* The last block ends at `end`, too; what was in the block before does not count again. */
            int skip = (int)(base + 64 - end);
            base = end - 64;
            low = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(buf + base)), behind(0, skip));
            high = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(buf + base + 32)), behind(32, skip));
            total = _mm256_add_epi64(total, sums_of(low, high));
            masks_of(low, high, &m);
            valid <<= skip;
            carry.start <<= skip;
            carry.open <<= skip;
        }
        if (FF_UNLIKELY(!ff_block(&m, 0, valid, &carry, &first)))
            return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
        nsoh = (uint32_t)_mm_popcnt_u64(m.soh);
        nfirst = (uint32_t)_mm_popcnt_u64(first);
        if (FF_UNLIKELY((uint64_t)ends + 64 + 2 * OVERSHOOT > table->cap &&
                        (uint64_t)(nfirst + offs > nsoh + ends ? nfirst + offs : nsoh + ends) + OVERSHOOT > table->cap))
            return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
        f = (fields){first, m.soh, buf + base, base, table->tag + offs, table->off + offs, table->end + ends};
        write_fields(&f, nfirst > nsoh ? nfirst : nsoh);
        offs += nfirst;
        ends += nsoh;
    }
    if (FF_UNLIKELY(offs != ends || !tags_of(buf, start, table, table->n, ends, pairs)))
        return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
    if (sum) {
        __m128i two = _mm_add_epi64(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
        *sum = (uint8_t)((uint64_t)_mm_cvtsi128_si64(two) + (uint64_t)_mm_extract_epi64(two, 1));
    }
    table->n = ends;
    *at = end;
    return FF_OK;
}

ff_scan_fn *const ff_built_avx2 = scan_avx2;
#else
ff_scan_fn *const ff_built_avx2 = NULL;
#endif
