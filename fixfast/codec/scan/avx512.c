/* The AVX-512 kernel (F, BW, VL, VBMI2): 64 bytes are one register, a mask one more; scalar judges what is odd or wrong. */

#include "scan.h"

#if defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512VBMI2__) && defined(__BMI2__) && defined(__x86_64__)
#include "x86.h"

enum { OVERSHOOT = 16 };

/* The places of the bits, sixteen at a time. */
static inline void flatten(uint64_t bits, uint32_t base, uint32_t *out, uint32_t count, __m512i place) {
    __m512i packed = _mm512_maskz_compress_epi8(bits, place);
    const __m512i from = _mm512_set1_epi32((int32_t)base);
    _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(packed)), from));
    if (FF_UNLIKELY(count > 16)) {
        uint8_t bytes[64];
        _mm512_storeu_si512(bytes, packed);
        for (uint32_t i = 16; i < count; i++)
            out[i] = base + bytes[i];
    }
}

static int scan_avx512(const uint8_t *buf, uint32_t start, uint32_t end, ff_table *table, const ff_pairs *pairs,
                       uint32_t *at, uint8_t *sum) {
    static const uint8_t counting[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                         16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                         32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                         48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    uint32_t offs = table->n, ends = table->n, base = start & ~63u;
    uint64_t fresh = (uint64_t)1 << (start & 63), valid = ~(uint64_t)0 << (start & 63), first;
    __m512i total = _mm512_setzero_si512(), place;
    uint8_t before = 0;
    ff_carry carry = {0, 0};
    if (start < 8 || start >= end || buf[end - 1] != FF_SOH)
        return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
    place = _mm512_loadu_si512(counting);
    if (sum)
        for (uint32_t i = 0; i < base; i++)
            before = (uint8_t)(before + buf[i]);
    for (; base < end; base += 64, fresh = 0, valid = ~(uint64_t)0) {
        /* A masked load touches nothing behind `end`. */
        uint64_t there = end - base >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << (end - base)) - 1;
        __m512i bytes = _mm512_maskz_loadu_epi8(there, buf + base);
        uint32_t nsoh, nfirst;
        ff_masks m;
        valid &= there;
        total = _mm512_add_epi64(total, _mm512_sad_epu8(bytes, _mm512_setzero_si512()));
        m.soh = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(FF_SOH)) & valid;
        m.equals = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('=')) & valid;
        m.digit = _mm512_cmplt_epu8_mask(_mm512_sub_epi8(bytes, _mm512_set1_epi8('0')), _mm512_set1_epi8(10));
        if (FF_UNLIKELY(!ff_block(&m, fresh, valid, &carry, &first)))
            return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
        nsoh = (uint32_t)_mm_popcnt_u64(m.soh);
        nfirst = (uint32_t)_mm_popcnt_u64(first);
        if (FF_UNLIKELY((uint64_t)(nfirst + offs > nsoh + ends ? nfirst + offs : nsoh + ends) + OVERSHOOT > table->cap))
            return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
        flatten(first, base + 1, table->off + offs, nfirst, place);
        flatten(m.soh, base, table->end + ends, nsoh, place);
        offs += nfirst;
        ends += nsoh;
    }
    if (FF_UNLIKELY(offs != ends || !ff_tags(buf, start, table, table->n, ends, pairs)))
        return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
    if (sum)
        *sum = (uint8_t)(before + (uint64_t)_mm512_reduce_add_epi64(total));
    table->n = ends;
    *at = end;
    return FF_OK;
}

ff_scan_fn *const ff_built_avx512 = scan_avx512;
#else
ff_scan_fn *const ff_built_avx512 = NULL;
#endif
