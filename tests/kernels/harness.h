/* What the programs that drive the kernels share: a table of data pairs, guard pages, and counted hand-overs.
 *
 * scalar.c is compiled here as `ff_scan_scalar_itself`; the function that the kernels call when they leave a message to
 * scalar is the one below, which counts. So a kernel that works is told from one that leaves everything to scalar. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scan.h"

static const char *const NAMES[FF_KERNELS] = {"avx512", "avx2", "neon", "scalar"};
static uint64_t bits[FF_PAIR_WORDS];
static const int32_t lengths[] = {90, 93, 95, 212, 348, 354};
static const int32_t datas[] = {91, 89, 96, 213, 349, 355};
static const ff_pairs pairs = {bits, lengths, datas, 6};
static unsigned long handed_over;       /* calls of scalar */
static uint64_t bytes_handed_over;      /* bytes that scalar turned into fields, in all these calls */

ff_scan_fn ff_scan_scalar_itself;

int ff_scan_scalar(const uint8_t *buf, uint32_t start, uint32_t end, ff_table *table, const ff_pairs *data,
                   uint32_t *at, uint8_t *sum) {
    const int result = ff_scan_scalar_itself(buf, start, end, table, data, at, sum);
    handed_over++;
    bytes_handed_over += *at - start;
    return result;
}

static inline void fill_pairs(void) {
    for (int i = 0; i < 6; i++)
        bits[lengths[i] >> 6] |= (uint64_t)1 << (lengths[i] & 63);
}

/* `room` bytes; the pages in front of them and behind them cannot be read. `room` is made a number of whole pages. */
static inline uint8_t *guarded(size_t *room) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *p;
    *room = (*room + page - 1) / page * page;
    p = mmap(NULL, *room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + page, *room, PROT_READ | PROT_WRITE))
        abort();
    return p + page;
}

/* What one call said. */
typedef struct {
    ff_table table;
    int result;
    uint32_t at;
    uint8_t sum;
    unsigned long handed_over;
} outcome;

/* Call a kernel on columns of `room` places each, all of them marked; the first `n` are taken, `cap` may be. */
static inline outcome call(ff_scan_fn *scan, const uint8_t *p, uint32_t start, uint32_t end, int32_t *block, uint32_t room,
                    uint32_t n, uint32_t cap, int with_sum) {
    outcome o = {{block, (uint32_t *)block + room, (uint32_t *)block + 2 * (size_t)room, cap, n}, 0, 7, 0, 0};
    memset(block, 0x55, 3 * (size_t)room * sizeof *block);
    handed_over = 0;
    o.result = scan(p, start, end, &o.table, &pairs, &o.at, with_sum ? &o.sum : NULL);
    o.handed_over = handed_over;
    return o;
}

/* The places behind `cap` are as they were; there must be one. */
static inline int kept_to_its_columns(const outcome *o) {
    const ff_table *t = &o->table;
    return t->tag[t->cap] == 0x55555555 && t->off[t->cap] == 0x55555555 && t->end[t->cap] == 0x55555555;
}

static inline int same(const outcome *a, const outcome *b) {
    const ff_table *t = &a->table, *u = &b->table;
    return a->result == b->result && a->at == b->at && a->sum == b->sum && t->n == u->n &&
           !memcmp(t->tag, u->tag, t->n * sizeof *t->tag) && !memcmp(t->off, u->off, t->n * sizeof *t->off) &&
           !memcmp(t->end, u->end, t->n * sizeof *t->end);
}

static inline void say(const char *name, const outcome *o) {
    printf("%s says %d at %u, n %u, sum %u, handed over %lu times\n", name, o->result, o->at, o->table.n, o->sum,
           o->handed_over);
}

#endif
