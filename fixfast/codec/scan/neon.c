/* The NEON kernel of 64-bit ARM: 64 bytes at a time; scalar judges what is short, odd or wrong. */

#include "scan.h"

#if defined(__GNUC__) && defined(__aarch64__) && defined(__ARM_NEON) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <arm_neon.h>

#include "block.h"

enum {
    SHORTEST = 96,      /* below it scalar needs fewer instructions (never less than 64: see last_block) */
    OVERSHOOT = 8
};

typedef struct {
    uint8x16_t a, b, c, d;
} quarters;

static inline quarters load64(const uint8_t *p) {
    return (quarters){vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)};
}

/* One bit for each byte that is 255, the others being 0. NEON has no movemask: each byte keeps the bit of its place, and
 * three rounds of adding neighbours leave eight bytes of eight bits. */
static inline uint64_t mask_of(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
    const uint8x16_t places = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t low = vpaddq_u8(vandq_u8(a, places), vandq_u8(b, places));
    uint8x16_t high = vpaddq_u8(vandq_u8(c, places), vandq_u8(d, places));
    low = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(low, low)), 0);
}

static inline uint64_t equal_to(const quarters *v, uint8_t byte) {
    const uint8x16_t wanted = vdupq_n_u8(byte);
    return mask_of(vceqq_u8(v->a, wanted), vceqq_u8(v->b, wanted), vceqq_u8(v->c, wanted), vceqq_u8(v->d, wanted));
}

static inline uint8x16_t digits_of(uint8x16_t v) {
    return vcltq_u8(vsubq_u8(v, vdupq_n_u8('0')), vdupq_n_u8(10));
}

static inline void masks_of(const quarters *v, ff_masks *m) {
    m->soh = equal_to(v, FF_SOH);
    m->equals = equal_to(v, '=');
    m->digit = mask_of(digits_of(v->a), digits_of(v->b), digits_of(v->c), digits_of(v->d));
}

/* The bytes with those in front of place `skip` made 0; `v` starts at place `from`. */
static inline uint8x16_t behind(uint8x16_t v, uint8_t from, uint8_t skip) {
    const uint8x16_t place = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return vandq_u8(v, vcgeq_u8(vaddq_u8(place, vdupq_n_u8(from)), vdupq_n_u8(skip)));
}

/* The last block, of which only bytes from `skip` on are new: its masks are those of the 64 bytes in front of `end`, moved. */
static inline quarters last_block(const uint8_t *end, uint8_t skip, ff_masks *m) {
    quarters v = load64(end - 64);
    v = (quarters){behind(v.a, 0, skip), behind(v.b, 16, skip), behind(v.c, 32, skip), behind(v.d, 48, skip)};
    masks_of(&v, m);
    m->soh >>= skip;
    m->equals >>= skip;
    m->digit >>= skip;
    return v;
}

/* The place of the lowest bit, 64 if there is none. In assembler, because C leaves the latter undefined. */
static inline uint32_t lowest(uint64_t bits) {
    uint64_t place;
    __asm__("rbit %0, %1\n\tclz %0, %0" : "=r"(place) : "r"(bits));
    return (uint32_t)place;
}

/* The places of the next `count` bits, those behind the last one being any. */
static inline uint64_t some_places(uint64_t bits, uint32_t base, uint32_t *out, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        out[i] = base + lowest(bits);
        bits &= bits - 1;
    }
    return bits;
}

/* The places of the bits. PERF: eight without a test, which most blocks do not exceed, then four by four; each stored from
 * where it is made: gcc likes to collect four in a vector first, which setup.py's flag forbids (W: 10 % fewer
 * instructions, and no moves between the register files). */
static inline void flatten(uint64_t bits, uint32_t base, uint32_t *out, uint32_t count) {
    bits = some_places(bits, base, out, 8);
    for (uint32_t i = 8; i < count; i += 4)
        bits = some_places(bits, base, out + i, 4);
}

static inline uint32_t load4(const uint8_t *p) {
    uint32_t w;
    memcpy(&w, p, 4);
    return w;
}

/* A tag, of a field that starts at p and whose value starts at `value`; 0 if scalar must judge. */
static inline int32_t tag_alone(const uint8_t *p, const uint8_t *value, const ff_pairs *pairs) {
    const int32_t tag = ff_one_tag(p, (uint32_t)(value - p) - 1);
    return tag > 0 && !ff_may_be_length(pairs, tag) ? tag : 0;
}

/* Four tags of up to four digits, known to be digits, each in a lane, its last digit in the highest byte; the first has
 * the place `shift` in its lane. `*odd` becomes all ones where it is 0. */
static inline uint32x4_t four_tags(uint32x4_t text, int32x4_t shift, uint32x4_t *odd) {
    text = vreinterpretq_u32_u8(vsubq_u8(vreinterpretq_u8_u32(text), vdupq_n_u8('0')));
    text = vshlq_u32(text, vnegq_s32(shift));       /* the first digit in the lowest byte: none in front of it */
    *odd = vorrq_u32(*odd, vceqzq_u32(vandq_u32(text, vdupq_n_u32(255))));
    text = vshlq_u32(text, shift);
    text = vandq_u32(vmlaq_n_u32(vshrq_n_u32(text, 8), text, 10), vdupq_n_u32(0x00FF00FF));
    return vandq_u32(vmlaq_n_u32(vshrq_n_u32(text, 16), text, 100), vdupq_n_u32(0xFFFF));
}

/* The tags of n fields from their columns; `start` is that of the first. 0 if scalar must judge.
 * Reads the four bytes in front of each '=' (start >= 8).
 * PERF: four at once, without a branch on how long they are: 15 instructions a tag, and no digit is a mispredicted
 * branch. */
static int tags_of(const uint8_t *buf, uint32_t start, int32_t *restrict tag, const uint32_t *restrict off,
                   const uint32_t *restrict end, uint32_t n, const ff_pairs *pairs) {
    const uint64_t *const lengths = pairs->bits;
    const uint8_t *const before = buf - 5;          /* the last four places of a tag are at before + off */
    uint32x4_t odd = vdupq_n_u32(0);
    uint64_t length = 0;
    uint32_t i = 1;
    if (!(tag[0] = tag_alone(buf + start, buf + off[0], pairs)))
        return 0;
    for (; n - i >= 4; i += 4) {
        uint32x4_t gap = vsubq_u32(vld1q_u32(off + i), vld1q_u32(end + i - 1));     /* the tag's size, and 2 */
        int32x4_t shift = vreinterpretq_s32_u32(vshlq_n_u32(vsubq_u32(vdupq_n_u32(6), gap), 3));
        uint32x4_t text = vdupq_n_u32(load4(before + off[i]));
        if (FF_UNLIKELY(vmaxvq_u32(gap) > 6)) {
            for (uint32_t k = i; k < i + 4; k++)
                if (!(tag[k] = tag_alone(buf + end[k - 1] + 1, buf + off[k], pairs)))
                    return 0;
            continue;
        }
        text = vsetq_lane_u32(load4(before + off[i + 1]), text, 1);
        text = vsetq_lane_u32(load4(before + off[i + 2]), text, 2);
        text = vsetq_lane_u32(load4(before + off[i + 3]), text, 3);
        text = four_tags(text, shift, &odd);
        vst1q_s32(tag + i, vreinterpretq_s32_u32(text));
        for (uint32_t k = i; k < i + 4; k++)
            length |= lengths[(uint32_t)tag[k] >> 6] >> ((uint32_t)tag[k] & 63);
    }
    for (; i < n; i++)
        if (!(tag[i] = tag_alone(buf + end[i - 1] + 1, buf + off[i], pairs)))
            return 0;
    return !(length & 1) && vmaxvq_u32(odd) == 0;
}

static int scan_neon(const uint8_t *buf, uint32_t start, uint32_t end, ff_table *table, const ff_pairs *pairs,
                     uint32_t *at, uint8_t *sum) {
    uint32_t offs = table->n, ends = table->n, base = start & ~63u;
    uint64_t fresh = (uint64_t)1 << (start & 63), valid = ~(uint64_t)0 << (start & 63), first;
    uint8x16_t total = vdupq_n_u8(0);       /* sums modulo 256 need no more room than a byte */
    uint8_t before = 0;
    ff_carry carry = {0, 0};
    if (end < SHORTEST || start < 8 || start >= end || buf[end - 1] != FF_SOH)
        return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
    if (sum)
        for (uint32_t i = 0; i < base; i++)
            before = (uint8_t)(before + buf[i]);
    for (; base < end; base += 64, fresh = 0, valid = ~(uint64_t)0) {
        quarters v;
        ff_masks m;
        uint32_t nsoh, nfirst;
        if (FF_LIKELY(end - base >= 64)) {
            v = load64(buf + base);
            masks_of(&v, &m);
        } else {
            v = last_block(buf + end, (uint8_t)(64 - (end - base)), &m);
            valid &= ((uint64_t)1 << (end - base)) - 1;
        }
        total = vaddq_u8(total, vaddq_u8(vaddq_u8(v.a, v.b), vaddq_u8(v.c, v.d)));
        m.soh &= valid;
        m.equals &= valid;
        if (FF_UNLIKELY(!ff_block(&m, fresh, valid, &carry, &first)))
            return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
        nsoh = (uint32_t)__builtin_popcountll(m.soh);
        nfirst = (uint32_t)__builtin_popcountll(first);
        if (FF_UNLIKELY((uint64_t)(nfirst + offs > nsoh + ends ? nfirst + offs : nsoh + ends) + OVERSHOOT > table->cap))
            return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
        flatten(first, base + 1, table->off + offs, nfirst);
        flatten(m.soh, base, table->end + ends, nsoh);
        offs += nfirst;
        ends += nsoh;
    }
    if (FF_UNLIKELY(offs != ends || !tags_of(buf, start, table->tag + table->n, table->off + table->n,
                                             table->end + table->n, ends - table->n, pairs)))
        return ff_scan_scalar(buf, start, end, table, pairs, at, sum);
    if (sum)
        *sum = (uint8_t)(before + vaddvq_u8(total));
    table->n = ends;
    *at = end;
    return FF_OK;
}

ff_scan_fn *const ff_built_neon = scan_neon;
#else
ff_scan_fn *const ff_built_neon = NULL;
#endif
