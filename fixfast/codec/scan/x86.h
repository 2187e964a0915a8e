/* What the AVX2 and AVX-512 kernels share. Included by files that are compiled for AVX2 and BMI2. */
#ifndef FF_X86_H
#define FF_X86_H

#include <immintrin.h>

#include "block.h"

/* How many of the top bytes of `bits` are 0; `bits` is not 0. */
static inline uint32_t zero_bytes_above(uint64_t bits) {
#if defined(_MSC_VER) && !defined(__clang__)
    return (uint32_t)_lzcnt_u64(bits) / 8;
#else
    return (uint32_t)__builtin_clzll(bits) / 8;
#endif
}

/* Tags for those fields from `first` on that have their bits in `odd`: of four digits or more, with a 0 in front, or
 * perhaps lengths; digits they are. `start` is where the first field of the scan starts. 0 if scalar must judge. Reads
 * the eight bytes in front of '=' (start >= 8).
 * PERF: without loops (parse of 30 tags of three to five digits 419 -> 257 ns); not inlined, where it took registers from
 * what is usual (NOS 78 -> 73 ns). */
static FF_NOINLINE int judge_odd(const uint8_t *buf, uint32_t start, ff_table *table, uint32_t first, uint32_t odd,
                                 const ff_pairs *pairs) {
    for (; odd; odd = _blsr_u32(odd)) {
        const uint32_t i = first + (uint32_t)_tzcnt_u32(odd), stop = table->off[i] - 1;
        uint64_t digits, other;
        uint32_t size;
        memcpy(&digits, buf + stop - 8, 8);
        other = (digits & 0xF0F0F0F0F0F0F0F0) ^ 0x3030303030303030;
        size = other ? zero_bytes_above(other) : 8;
        if (size > stop - start)
            size = stop - start;
        if (buf[stop - size] == '0' || (size == 8 && stop - start > 8 && buf[stop - 9] != FF_SOH))
            return 0;
        digits &= ~(uint64_t)0 << (64 - 8 * size) & 0x0F0F0F0F0F0F0F0F;
        digits = (digits * 10 + (digits >> 8)) & 0x00FF00FF00FF00FF;
        digits = (digits * 100 + (digits >> 16)) & 0x0000FFFF0000FFFF;
        table->tag[i] = (int32_t)(uint32_t)(digits * 10000 + (digits >> 32));
        if (ff_may_be_length(pairs, table->tag[i]))
            return 0;
    }
    return 1;
}

#endif
