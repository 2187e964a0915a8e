/* The AVX-512 kernel (F, BW, VL, VBMI, VBMI2): a block is one register; scalar judges what is odd or wrong.
 *
 * A block's fields are written in one go: the places of '=' and of SOH, compressed to the front of a register, are the
 * columns `off` and `end`; sixteen times the four bytes in front of a '=' are the tags. Blocks are counted from `start`.
 */

#include "scan.h"

#if defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512VBMI__) && defined(__AVX512VBMI2__) && \
    defined(__BMI2__) && defined(__x86_64__)
#include "x86.h"

enum {
    MOST = 16,              /* fields in a block; more are all but empty ones, for scalar */
    NO_PLACE = 65 + 4       /* in front of it are the first bytes of `last`, which are 0 */
};

typedef struct {
    __m512i soh, equals, zero, ten, no_place, in_front, low_half, tens, hundreds, one, low_byte, block;
    __m512i places, places_behind, spread, end_of_last;
    __m512i filter, filter_behind;      /* the first 1024 bits of ff_pairs */
} constants;

#define SIXTEEN(n) n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8, n + 9, n + 10, n + 11, n + 12, n + 13, \
                   n + 14, n + 15
#define FOUR(n) n, n, n, n, n + 1, n + 1, n + 1, n + 1, n + 2, n + 2, n + 2, n + 2, n + 3, n + 3, n + 3, n + 3
static const uint8_t BYTES[4][64] = {{SIXTEEN(0), SIXTEEN(16), SIXTEEN(32), SIXTEEN(48)},
                                     {SIXTEEN(1), SIXTEEN(17), SIXTEEN(33), SIXTEEN(49)},
                                     {FOUR(0), FOUR(4), FOUR(8), FOUR(12)},
                                     {[60] = 255, 255, 255, 255}};
static const uint32_t LANES[12] = {FF_SOH * 0x01010101u, '=' * 0x01010101u, '0' * 0x01010101u, 10 * 0x01010101u,
                                   NO_PLACE * 0x01010101u, 0xFEFDFCFB, 0x0F0F0F0F, 0x010A010A, 0x00010064, 1, 0xFF, 64};

typedef struct {
    const uint8_t *buf;
    uint32_t start, base;               /* where the first field starts, and the block */
    uint32_t offs, ends;                /* how many there are in these columns */
    uint64_t starting, open;            /* 1: the block before ended with SOH; inside a tag */
    __m512i last;                       /* the last four bytes of the block before if they are a tag's, else 0 */
    __m512i sums, at;                   /* at: `base` in each lane */
} progress;

/* PERF: loaded once, from memory that compilers do not look into: they would make them of immediate numbers, and anew
 * in each block (HB 19 -> 16 ns, W 325 -> 270). */
static inline __m512i lanes_of(const uint32_t *lane) {
    __m512i v = _mm512_set1_epi32((int32_t)*lane);
    __asm__("" : "+v"(v));
    return v;
}

static inline __m512i row_of(const void *row) {
    __m512i v = _mm512_loadu_si512(row);
    __asm__("" : "+v"(v));
    return v;
}

static inline void set_constants(constants *c, const ff_pairs *pairs) {
    const uint32_t *lane = LANES;
    const uint8_t(*row)[64] = BYTES;
    __asm__("" : "+r"(lane), "+r"(row));
    c->soh = lanes_of(lane);
    c->equals = lanes_of(lane + 1);
    c->zero = lanes_of(lane + 2);
    c->ten = lanes_of(lane + 3);
    c->no_place = lanes_of(lane + 4);
    c->in_front = lanes_of(lane + 5);
    c->low_half = lanes_of(lane + 6);
    c->tens = lanes_of(lane + 7);
    c->hundreds = lanes_of(lane + 8);
    c->one = lanes_of(lane + 9);
    c->low_byte = lanes_of(lane + 10);
    c->block = lanes_of(lane + 11);
    c->places = row_of(row[0]);
    c->places_behind = row_of(row[1]);
    c->spread = row_of(row[2]);
    c->end_of_last = row_of(row[3]);
    c->filter = row_of(pairs->bits);
    c->filter_behind = row_of(pairs->bits + 8);
}

/* The sum of p[0, n), in eight lanes. */
static inline __m512i sums_before(const uint8_t *p, uint32_t n) {
    const __m512i zero = _mm512_setzero_si512();
    __m512i sums = zero;
    for (; FF_UNLIKELY(n > 64); n -= 64, p += 64)
        sums = _mm512_add_epi64(sums, _mm512_sad_epu8(_mm512_loadu_si512(p), zero));
    return _mm512_add_epi64(sums, _mm512_sad_epu8(_mm512_maskz_loadu_epi8(_bzhi_u64(~(uint64_t)0, n), p), zero));
}

/* From the places behind '=' to tags, by the tags' bytes in this block and in the last one. Bytes of the result are not 0
 * where a tag has four digits or more, a 0 in front, or may be a length.
 * PERF: in registers, not gathered for all fields afterwards (NOS 54 -> 35 ns, W 490 -> 320). */
static inline __m512i tags_at(const constants *c, __m512i places, __m512i text, __m512i last, int32_t *tags) {
    /* Place -1 is the last one of `last`. */
    __m512i four = _mm512_permutex2var_epi8(text, _mm512_add_epi8(places, c->in_front), last), value, bits, odd;
    value = _mm512_maddubs_epi16(_mm512_and_si512(four, c->low_half), c->tens);
    value = _mm512_madd_epi16(value, c->hundreds);
    _mm512_storeu_si512(tags, value);
    bits = _mm512_permutex2var_epi32(c->filter, _mm512_srli_epi32(value, 5), c->filter_behind);
    bits = _mm512_rorv_epi32(bits, value);
    /* The lowest bit of the first digit, if it is '0'; in no other digit it is that of 0x10. */
    odd = _mm512_andnot_si512(c->low_half, _mm512_and_si512(four, _mm512_sub_epi32(_mm512_setzero_si512(), four)));
    odd = _mm512_ternarylogic_epi32(bits, c->one, odd, 0xEA);           /* bits & one | odd */
    return _mm512_ternarylogic_epi32(odd, four, c->low_byte, 0xF8);     /* odd | four & low_byte */
}

/* The fields of a block, of which `valid` bytes count. 0 if scalar must judge. */
static inline int take_block(const constants *c, progress *g, __m512i bytes, uint64_t valid, ff_table *table,
                             const ff_pairs *pairs) {
    const __mmask64 at_soh = _mm512_cmpeq_epi8_mask(bytes, c->soh);
    uint64_t soh = at_soh, equals = _mm512_cmpeq_epi8_mask(bytes, c->equals), starts, fresh;
    uint64_t first, tags, open;
    uint32_t nsoh, nfirst;
    __mmask64 wrong;
    __m512i places, ends, odd;
    g->sums = _mm512_add_epi64(g->sums, _mm512_sad_epu8(bytes, _mm512_setzero_si512()));
    /* PERF: `soh` and `open` stay in these registers; from a mask register it takes 5 cycles (ER 47 -> 46 ns). */
    __asm__("" : "+r"(soh));
    starts = (soh << 1 | g->starting) & valid;
    /* As in block.h. A tag is open that has the last byte. */
    fresh = starts | g->open;
    first = (~equals + fresh) & equals;
    tags = first - fresh;
    open = tags >> 63;
    __asm__("" : "+r"(open));
    nsoh = (uint32_t)_mm_popcnt_u64(soh);
    nfirst = (uint32_t)_mm_popcnt_u64(first);
    if (FF_UNLIKELY((starts & first) || nsoh + nfirst > 2 * MOST || (uint64_t)g->ends + 1 + MOST > table->cap))
        return 0;
    places = _mm512_permutexvar_epi8(c->spread, _mm512_mask_compress_epi8(c->no_place, first, c->places_behind));
    _mm512_storeu_si512(table->off + g->offs, _mm512_add_epi32(_mm512_srli_epi32(places, 24), g->at));
    wrong = _mm512_mask_cmpge_epu8_mask(tags, _mm512_sub_epi8(bytes, c->zero), c->ten);
    bytes = _mm512_maskz_mov_epi8(tags, bytes);
    odd = tags_at(c, places, bytes, g->last, table->tag + g->offs);
    if (FF_UNLIKELY(!_kortestz_mask64_u8(wrong, _mm512_test_epi8_mask(odd, odd))) &&
        (wrong || !judge_odd(g->buf, g->start, table, g->offs, _mm512_test_epi32_mask(odd, odd), pairs)))
        return 0;
    ends = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(_mm512_maskz_compress_epi8(at_soh, c->places)));
    _mm512_storeu_si512(table->end + g->ends, _mm512_add_epi32(ends, g->at));
    g->at = _mm512_add_epi32(g->at, c->block);
    g->last = _mm512_and_si512(bytes, c->end_of_last);
    g->starting = soh >> 63;
    g->open = open;
    g->offs += nfirst;
    g->ends += nsoh;
    return 1;
}

static int scan_avx512(const uint8_t *buf, uint32_t start, uint32_t end, ff_table *table, const ff_pairs *pairs,
                       uint32_t *at, uint8_t *sum) {
    progress g = {buf, start, start, table->n, table->n, 1, 0, _mm512_setzero_si512(),
                  _mm512_setzero_si512(), _mm512_setzero_si512()};
    constants c;
    int fine = 1;
    if (start < 8 || start >= end || buf[end - 1] != FF_SOH)
        return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
    set_constants(&c, pairs);
    g.at = _mm512_set1_epi32((int32_t)start);
    g.sums = sums_before(buf, sum ? start : 0);
    for (; end - g.base >= 64 && fine; g.base += 64)
        fine = take_block(&c, &g, _mm512_loadu_si512(buf + g.base), ~(uint64_t)0, table, pairs);
    if (fine && end != g.base) {
        /* A masked load touches nothing behind `end`. */
        const uint64_t there = _bzhi_u64(~(uint64_t)0, end - g.base);
        fine = take_block(&c, &g, _mm512_maskz_loadu_epi8(there, buf + g.base), there, table, pairs);
    }
    if (FF_UNLIKELY(!fine)) {
        /* Scalar goes on with the field that is not through: those in front of it are ordinary ones. */
        if (g.ends > table->n)
            start = table->end[g.ends - 1] + 1;
        table->n = g.ends;
        return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
    }
    if (sum)
        *sum = (uint8_t)_mm512_reduce_add_epi64(g.sums);
    table->n = g.ends;
    *at = end;
    return FF_OK;
}

ff_scan_fn *const ff_built_avx512 = scan_avx512;
#else
ff_scan_fn *const ff_built_avx512 = NULL;
#endif
