/* Every kernel against the scalar one, on mutated messages that end where a guard page begins, or begin where one ends.
 *
 *   differential ROUNDS SEED      status 0: all agree; 1: the first difference is printed
 */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scan.h"

enum { ROOM = 16384, COLUMNS = 4096 };

static const char *const NAMES[FF_KERNELS] = {"avx512", "avx2", "scalar"};
static uint64_t bits[FF_PAIR_WORDS];
static const int32_t lengths[] = {90, 93, 95, 212, 348, 354};
static const int32_t datas[] = {91, 89, 96, 213, 349, 355};
static const ff_pairs pairs = {bits, lengths, datas, 6};
static uint64_t state;

static uint32_t chance(uint32_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % n;
}

/* A body of random fields behind a header; returns its size. Now and then with wide tags, '=' in values, data. */
static uint32_t make(uint8_t *out) {
    static const char alphabet[] = "0123456789ABCxyz.-: =";
    uint32_t fields = chance(4) ? 1 + chance(30) : 1 + chance(300), odd = chance(4);
    int n = sprintf((char *)out, "8=FIX.4.4\0019=%u\00135=D\001", 10 + chance(100000));
    while (fields-- && n < ROOM / 2) {
        uint32_t size = chance(8) ? 1 + chance(12) : chance(90), kind = odd ? 99 : chance(40);
        uint32_t tag = kind < 3 ? 10000 + chance(1000000000) : 1 + chance(kind < 20 ? 10000 : 500);
        if (kind == 4) {
            uint32_t pair = chance(6);
            n += sprintf((char *)out + n, "%d=%u\001%d=", lengths[pair], size + !chance(9), datas[pair]);
            for (uint32_t i = 0; i < size; i++)
                out[n++] = chance(4) ? 'x' : FF_SOH;
        } else {
            n += sprintf((char *)out + n, "%u=", tag);
            for (uint32_t i = 0; i < size; i++)
                out[n++] = (uint8_t)alphabet[chance(sizeof alphabet - 1)];
        }
        out[n++] = FF_SOH;
    }
    return (uint32_t)n;
}

static void mutate(uint8_t *p, uint32_t from, uint32_t n) {
    static const uint8_t odd[] = "\001\001==0-19\0\200\377";
    for (uint32_t times = chance(3); times--;)
        p[from + chance(n - from)] = chance(2) ? odd[chance(sizeof odd - 1)] : (uint8_t)chance(256);
    p[n - 1] = FF_SOH;
}

static ff_table table_of(int32_t *block, uint32_t n, uint32_t cap) {
    ff_table table = {block, (uint32_t *)block + COLUMNS, (uint32_t *)block + 2 * COLUMNS, cap, n};
    memset(block, 0x55, 3 * COLUMNS * sizeof *block);
    return table;
}

/* The pages before and behind the room cannot be read. */
static uint8_t *guarded(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (ROOM + page - 1) / page * page;
    uint8_t *p = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + page, room, PROT_READ | PROT_WRITE))
        abort();
    return p + page;
}

static int differ(const ff_table *a, const ff_table *b) {
    return a->n != b->n || memcmp(a->tag, b->tag, a->n * 4) || memcmp(a->off, b->off, a->n * 4) ||
           memcmp(a->end, b->end, a->n * 4);
}

int main(int argc, char **argv) {
    static int32_t first[3 * COLUMNS], second[3 * COLUMNS];
    uint8_t *const room = guarded(), text[ROOM];
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000, accepted = 0;
    state = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1) * 0x9E3779B97F4A7C15u | 1;
    for (int i = 0; i < 6; i++)
        bits[lengths[i] >> 6] |= (uint64_t)1 << (lengths[i] & 63);
    uint32_t size = 0;
    for (unsigned long round = 0; round < rounds; round++) {
        uint8_t *p, kept[ROOM];
        if (round % 16 == 0)
            size = make(text);
        const uint32_t body = (uint32_t)((uint8_t *)memchr(memchr(text, FF_SOH, 16) + 1, FF_SOH, 16) - text) + 1;
        memcpy(kept, text, size);
        mutate(kept, body, size);
        p = chance(4) ? room + ROOM - size - FF_TRAILER : room;
        memcpy(p, kept, size);
        memcpy(p + size, "10=000\001", FF_TRAILER);
        uint32_t n = chance(3), cap = chance(8) ? 2048 : n + 1 + chance(40), start = body;
        if (!chance(8)) {                           /* go on in the middle, at a start of a field */
            const uint8_t *stop = memchr(p + body + chance(size - body), FF_SOH, size);
            start = stop && stop - p + 1 < (ptrdiff_t)size ? (uint32_t)(stop - p) + 1 : body;
        }
        ff_table a = table_of(first, n, cap);
        uint32_t at_a = 7;
        uint8_t sum_a = 0;
        int with_sum = chance(8) != 0, found = ff_scan_scalar(p, start, size, &a, &pairs, &at_a, with_sum ? &sum_a : NULL);
        accepted += found == FF_OK;
        for (int which = 0; which < FF_KERNELS; which++) {
            ff_scan_fn *scan = ff_kernel(which);
            ff_table b = table_of(second, n, cap);
            uint32_t at_b = 7;
            uint8_t sum_b = 0;
            if (!scan)
                continue;
            int got = scan(p, start, size, &b, &pairs, &at_b, with_sum ? &sum_b : NULL);
            if (got != found || at_a != at_b || sum_a != sum_b || differ(&a, &b) || second[cap] != 0x55555555 ||
                second[COLUMNS + cap] != 0x55555555 || second[2 * COLUMNS + cap] != 0x55555555) {
                printf("round %lu: scalar says %d at %u, n %u, sum %u; %s says %d at %u, n %u, sum %u\n", round, found, at_a,
                       a.n, sum_a, NAMES[which], got, at_b, b.n, sum_b);
                fwrite(p + start, 1, size - start, stdout);
                return 1;
            }
        }
    }
    printf("%lu messages, %lu of them accepted:", rounds, accepted);
    for (int which = 0; which < FF_KERNELS; which++)
        if (ff_kernel(which))
            printf(" %s", NAMES[which]);
    printf("\n");
    return 0;
}
