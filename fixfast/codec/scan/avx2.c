/* The AVX2 kernel: 64 bytes at a time; scalar judges what is short, odd or wrong. */

#include "scan.h"

#if defined(__AVX2__) && (defined(__BMI2__) || defined(_MSC_VER)) && (defined(__x86_64__) || defined(_M_X64))
#include "x86.h"

enum {
    SHORTEST = 96,      /* below it scalar is quicker */
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

/* The places of the bits, eight stores at a time: PERF: a field less or more is no mispredicted branch. */
static inline void flatten(uint64_t bits, uint32_t base, uint32_t *out, uint32_t count) {
    for (uint32_t i = 0; i < count; i += 8)
        for (uint32_t k = 0; k < 8; k++) {
            out[i + k] = base + (uint32_t)_tzcnt_u64(bits);
            bits = _blsr_u64(bits);
        }
}

static int scan_avx2(const uint8_t *buf, uint32_t start, uint32_t end, ff_table *table, const ff_pairs *pairs,
                     uint32_t *at, uint8_t *sum) {
    uint32_t offs = table->n, ends = table->n, base = start & ~63u;
    uint64_t fresh = (uint64_t)1 << (start & 63), valid = ~(uint64_t)0 << (start & 63), first;
    __m256i total = _mm256_setzero_si256();
    uint8_t before = 0;
    ff_carry carry = {0, 0};
    ff_masks m;
    if (end < SHORTEST || start < 8 || start >= end || buf[end - 1] != FF_SOH || end - base < 64)
        return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
    if (sum)
        for (uint32_t i = 0; i < base; i++)
            before = (uint8_t)(before + buf[i]);
    for (; base < end; base += 64, fresh = 0, valid = ~(uint64_t)0) {
        __m256i low, high;
        uint32_t nsoh, nfirst;
        if (FF_LIKELY(end - base >= 64)) {
            low = _mm256_loadu_si256((const __m256i *)(buf + base));
            high = _mm256_loadu_si256((const __m256i *)(buf + base + 32));
            masks_of(low, high, &m);
            total = _mm256_add_epi64(total, sums_of(low, high));
        } else {
            /* The last block: loaded so that it ends at `end`, and moved into place. */
            const uint8_t *p = buf + end - 64;
            int skip = (int)(base - (end - 64));
            low = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)p), behind(0, skip));
            high = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(p + 32)), behind(32, skip));
            masks_of(low, high, &m);
            total = _mm256_add_epi64(total, sums_of(low, high));
            valid = ((uint64_t)1 << (end - base)) - 1;
            m.soh >>= skip;
            m.equals >>= skip;
            m.digit >>= skip;
        }
        m.soh &= valid;
        m.equals &= valid;
        if (FF_UNLIKELY(!ff_block(&m, fresh, valid, &carry, &first)))
            return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
        nsoh = (uint32_t)_mm_popcnt_u64(m.soh);
        nfirst = (uint32_t)_mm_popcnt_u64(first);
        if (FF_UNLIKELY((uint64_t)ends + 64 + 2 * OVERSHOOT > table->cap &&
                        (uint64_t)(nfirst + offs > nsoh + ends ? nfirst + offs : nsoh + ends) + OVERSHOOT > table->cap))
            return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
        flatten(first, base + 1, table->off + offs, nfirst);
        flatten(m.soh, base, table->end + ends, nsoh);
        offs += nfirst;
        ends += nsoh;
    }
    if (FF_UNLIKELY(offs != ends || !ff_tags(buf, start, table, table->n, ends, pairs)))
        return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
    if (sum) {
        __m128i two = _mm_add_epi64(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
        *sum = (uint8_t)(before + (uint64_t)_mm_cvtsi128_si64(two) + (uint64_t)_mm_extract_epi64(two, 1));
    }
    table->n = ends;
    *at = end;
    return FF_OK;
}

ff_scan_fn *const ff_built_avx2 = scan_avx2;
#else
ff_scan_fn *const ff_built_avx2 = NULL;
#endif
