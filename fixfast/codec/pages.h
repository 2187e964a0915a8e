/* Memory of arrays that grow.
 *
 * What is as large as FF_PAGES bytes is mapped (Linux), at a boundary of huge pages; what is smaller, and everything
 * elsewhere and under sanitizers, comes from realloc(). `mapped` says which: bytes, 0 if it was realloc().
 */
#ifndef FF_PAGES_H
#define FF_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__) && !defined(FIXFAST_SANITIZE)
#include <sys/mman.h>
#include <unistd.h>
#endif

#if defined(__linux__) && !defined(FIXFAST_SANITIZE) && defined(MREMAP_FIXED) && defined(MADV_HUGEPAGE)

#define FF_PAGES ((size_t)1 << 20)
#define FF_HUGE ((size_t)1 << 21)

static inline size_t ff_rounded(size_t size, size_t unit) {
    return (size + unit - 1) & ~(unit - 1);
}

/* A mapping at a boundary of FF_HUGE, NULL if there is none to be had; `size` is a multiple of pages. */
static uint8_t *ff_map(size_t size) {
    uint8_t *p = (uint8_t *)mmap(NULL, size + FF_HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t skip;
    if (p == (uint8_t *)MAP_FAILED)
        return NULL;
    skip = ff_rounded((size_t)(uintptr_t)p, FF_HUGE) - (size_t)(uintptr_t)p;
    if (skip)
        munmap(p, skip);
    munmap(p + skip + size, FF_HUGE - skip);
    return p + skip;
}

/* Move what is mapped, page tables and not bytes. In steps: a mapping is in parts where some of it is advised. */
static int ff_move(uint8_t *from, uint8_t *to, size_t size) {
    for (size_t at = 0; at < size; at += FF_HUGE)
        if (mremap(from + at, FF_HUGE, FF_HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + at) == MAP_FAILED) {
            ff_move(to, from, at);
            return 0;
        }
    return 1;
}

/* The first `likely` bytes will be written. PERF: a fault for 2 MiB in place of 512 (writing new memory: 1.0 -> 3.5 GB/s
 * where the memory is a VM's). Only where all of a huge page is going to be written: what is not, costs no memory. */
static void ff_advise(void *p, size_t mapped, size_t likely) {
    likely = (likely < mapped ? likely : mapped) & ~(FF_HUGE - 1);
    if (likely)
        madvise(p, likely, MADV_HUGEPAGE);
}

/* Grow p from `*mapped` (or from `used` bytes of realloc's) to `size` bytes, of which the first `likely` will be written.
 * NULL: no memory, p stays. */
static void *ff_grow(void *p, size_t *mapped, size_t used, size_t size, size_t likely) {
    uint8_t *grown;
    if (size > SIZE_MAX / 2)
        return NULL;
    if (!*mapped && size < FF_PAGES)
        return realloc(p, size);
    size = ff_rounded(size, FF_HUGE);
    grown = ff_map(size);
    if (!grown)
        return NULL;
    ff_advise(grown, size, likely);     /* first: where one small page is already, there is no huge one any more */
    if (*mapped) {
        if (!ff_move((uint8_t *)p, grown, *mapped)) {
            munmap(grown, size);
            return NULL;
        }
    } else if (p) {
        memcpy(grown, p, used);
        free(p);
    }
    *mapped = size;
    return grown;
}

static void ff_release(void *p, size_t mapped) {
    if (mapped)
        munmap(p, mapped);
    else
        free(p);
}

/* Give back what is behind the first `size` bytes (not 0). Returns where they are. */
static void *ff_trim(void *p, size_t *mapped, size_t size) {
    size_t kept;
    if (!*mapped) {
        void *less = realloc(p, size);
        return less ? less : p;
    }
    kept = ff_rounded(size, (size_t)sysconf(_SC_PAGESIZE));
    if (kept < *mapped && munmap((uint8_t *)p + kept, *mapped - kept) == 0)
        *mapped = kept;
    return p;
}

#else

static void *ff_grow(void *p, size_t *mapped, size_t used, size_t size, size_t likely) {
    (void)mapped, (void)used, (void)likely;
    return size > SIZE_MAX / 2 ? NULL : realloc(p, size);
}

static void ff_advise(void *p, size_t mapped, size_t likely) {
    (void)p, (void)mapped, (void)likely;
}

static void ff_release(void *p, size_t mapped) {
    (void)mapped;
    free(p);
}

static void *ff_trim(void *p, size_t *mapped, size_t size) {
    void *less = realloc(p, size);
    (void)mapped;
    return less ? less : p;
}

#endif

#endif
