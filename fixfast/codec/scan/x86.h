/* What the AVX2 and AVX-512 kernels share. Included by files that are compiled for AVX2 and BMI2. */
#ifndef FF_X86_H
#define FF_X86_H

#include <immintrin.h>

#include "block.h"

/* Tags for those fields from `first` on that have their bits in `odd`: of four digits or more, with a 0 in front, or
 * perhaps lengths. `start` is where the first field of the scan starts. 0 if scalar must judge. */
static FF_NOINLINE int judge_odd(const uint8_t *buf, uint32_t start, ff_table *table, uint32_t first, uint32_t odd,
                                 const ff_pairs *pairs) {
    for (; odd; odd = _blsr_u32(odd)) {
        uint32_t i = first + (uint32_t)_tzcnt_u32(odd), stop = table->off[i] - 1, from = stop - 1;
        while (from > start && buf[from - 1] != FF_SOH)
            from--;
        table->tag[i] = ff_one_tag(buf + from, stop - from);
        if (table->tag[i] < 0 || ff_may_be_length(pairs, table->tag[i]))
            return 0;
    }
    return 1;
}

#endif
