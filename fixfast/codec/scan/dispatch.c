/* Which kernels this build and this CPU have. Compiled for any CPU: it runs before one is known. */

#include "scan.h"

#if defined(_MSC_VER) && defined(_M_X64) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>

/* AVX2, BMI1 and BMI2, and an operating system that keeps the registers. */
static int cpu_has_avx2(void) {
    int r[4];
    __cpuid(r, 0);
    if (r[0] < 7)
        return 0;
    __cpuid(r, 1);
    if (!(r[2] >> 27 & 1) || !(r[2] >> 28 & 1) || (_xgetbv(0) & 6) != 6)
        return 0;
    __cpuidex(r, 7, 0);
    return (r[1] >> 5 & 1) && (r[1] >> 3 & 1) && (r[1] >> 8 & 1);
}

static int cpu_has_avx512(void) {
    return 0;           /* avx512.c is not compiled by MSVC */
}
#elif defined(__GNUC__) && defined(__x86_64__)
/* The builtins ask the operating system, too (xgetbv). */
static int cpu_has_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
}

#if defined(__clang__) || __GNUC__ >= 8
static int cpu_has_avx512(void) {
    return cpu_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("avx512vbmi2");
}
#else
static int cpu_has_avx512(void) {
    return 0;           /* a compiler that cannot make the kernel does not know VBMI2's name either */
}
#endif
#else
static int cpu_has_avx2(void) {
    return 0;
}

static int cpu_has_avx512(void) {
    return 0;
}
#endif

ff_scan_fn *ff_kernel(int which) {
    switch (which) {
    case FF_KERNEL_AVX512:
        return ff_built_avx512 && cpu_has_avx512() ? ff_built_avx512 : NULL;
    case FF_KERNEL_AVX2:
        return ff_built_avx2 && cpu_has_avx2() ? ff_built_avx2 : NULL;
    case FF_KERNEL_NEON:
        return ff_built_neon;           /* every 64-bit ARM has it */
    default:
        return ff_scan_scalar;
    }
}
