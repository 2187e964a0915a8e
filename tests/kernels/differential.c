/* Every kernel against the scalar one, on mutated messages that end where a guard page begins, or begin where one ends.
 *
 *   differential ROUNDS SEED      status 0: all agree and work by themselves; 1: it is printed who does not
 *
 * Printed last, for each kernel: "name handed over H of M messages, h of m plain ones". Plain is a whole message of more
 * than 256 bytes without damage or length fields and with room in the table: those a kernel must judge by itself.
 */
#define _DEFAULT_SOURCE
#include "harness.h"

enum { ROOM = 16384, COLUMNS = 4096, PLAIN = 256 };

typedef struct {
    unsigned long all, handed_over, plain, plain_handed_over;
} counts;

typedef struct {
    uint32_t start, end, n, cap;
    int with_sum, plain;
} question;

static uint64_t state;

static uint32_t chance(uint32_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % n;
}

/* A body of random fields behind a header; returns its size. Now and then with wide tags, '=' in values, data.
 * `*lengthy`: it has a tag that is the length of a data field. */
static uint32_t make(uint8_t *out, int *lengthy) {
    static const char alphabet[] = "0123456789ABCxyz.-: =";
    uint32_t fields = chance(4) ? 1 + chance(30) : 1 + chance(300), odd = chance(4), simple = odd && chance(2);
    int n = sprintf((char *)out, "8=FIX.4.4\0019=%u\00135=D\001", 10 + chance(100000));
    *lengthy = 0;
    while (fields-- && n < ROOM / 2) {
        uint32_t size = chance(8) ? 1 + chance(12) : chance(90), kind = odd ? 99 : chance(40);
        uint32_t tag = kind < 3 ? 10000 + chance(1000000000) : 1 + chance(kind < 20 ? 10000 : 500);
        if (kind == 4) {
            uint32_t pair = chance(6);
            n += sprintf((char *)out + n, "%d=%u\001%d=", lengths[pair], size + !chance(9), datas[pair]);
            for (uint32_t i = 0; i < size; i++)
                out[n++] = chance(4) ? 'x' : FF_SOH;
            *lengthy = 1;
        } else {
            tag += simple && ff_may_be_length(&pairs, (int32_t)tag);
            n += sprintf((char *)out + n, "%u=", tag);
            for (uint32_t i = 0; i < size; i++)
                out[n++] = (uint8_t)alphabet[chance(sizeof alphabet - 1)];
            *lengthy |= ff_may_be_length(&pairs, (int32_t)tag) || tag > 99999999;
        }
        out[n++] = FF_SOH;
    }
    return (uint32_t)n;
}

/* Damage some bytes; returns how many. */
static uint32_t mutate(uint8_t *p, uint32_t from, uint32_t n) {
    static const uint8_t odd[] = "\001\001==0-19\0\200\377";
    const uint32_t times = chance(3);
    for (uint32_t i = 0; i < times; i++)
        p[from + chance(n - from)] = chance(2) ? odd[chance(sizeof odd - 1)] : (uint8_t)chance(256);
    p[n - 1] = FF_SOH;
    return times;
}

/* Ask every kernel; 0 if one differs from `judge` or writes behind its columns, or asks scalar twice. */
static int all_agree(const uint8_t *p, const question *q, const outcome *judge, int32_t *block, counts *counted) {
    for (int which = 0; which < FF_KERNELS; which++) {
        ff_scan_fn *scan = ff_kernel(which);
        counts *c = counted + which;
        if (!scan)
            continue;
        const outcome o = call(scan, p, q->start, q->end, block, COLUMNS, q->n, q->cap, q->with_sum);
        c->all++;
        c->handed_over += o.handed_over;
        c->plain += (unsigned)q->plain;
        c->plain_handed_over += q->plain ? o.handed_over : 0;
        if (!same(judge, &o) || !kept_to_its_columns(&o) || o.handed_over > 1) {
            say("scalar", judge);
            say(NAMES[which], &o);
            return 0;
        }
    }
    return 1;
}

/* 0 if a kernel hardly ever judges a plain message by itself. */
static int all_work(const counts *counted) {
    int fine = 1;
    for (int which = 0; which < FF_KERNELS; which++) {
        const counts *c = counted + which;
        if (!ff_kernel(which))
            continue;
        printf("%s handed over %lu of %lu messages, %lu of %lu plain ones\n", NAMES[which], c->handed_over, c->all,
               c->plain_handed_over, c->plain);
        if (which != FF_KERNEL_SCALAR && c->plain_handed_over > c->plain / 100) {
            printf("%s does not work: it leaves plain messages to scalar\n", NAMES[which]);
            fine = 0;
        }
    }
    return fine;
}

int main(int argc, char **argv) {
    static int32_t first[3 * COLUMNS], second[3 * COLUMNS];
    static counts counted[FF_KERNELS];
    size_t whole = ROOM;
    uint8_t *const room = guarded(&whole), text[ROOM];
    const unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    const unsigned long long seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    unsigned long accepted = 0;
    uint32_t size = 0;
    int lengthy = 0;
    state = seed * 0x9E3779B97F4A7C15u | 1;
    fill_pairs();
    for (unsigned long round = 0; round < rounds; round++) {
        uint8_t *p, kept[ROOM];
        question q;
        if (round % 16 == 0)
            size = make(text, &lengthy);
        const uint32_t body = (uint32_t)((uint8_t *)memchr(memchr(text, FF_SOH, 16) + 1, FF_SOH, 16) - text) + 1;
        memcpy(kept, text, size);
        const uint32_t damage = mutate(kept, body, size);
        p = chance(4) ? room + whole - size - FF_TRAILER : room;
        memcpy(p, kept, size);
        memcpy(p + size, "10=000\001", FF_TRAILER);
        q.n = chance(3);
        q.cap = chance(8) ? 2048 : q.n + 1 + chance(40);
        q.start = body;
        q.end = size;
        if (!chance(8)) {                           /* go on in the middle, at a start of a field */
            const uint8_t *stop = memchr(p + body + chance(size - body), FF_SOH, size);
            q.start = stop && stop - p + 1 < (ptrdiff_t)size ? (uint32_t)(stop - p) + 1 : body;
        }
        q.with_sum = chance(8) != 0;
        q.plain = !damage && !lengthy && size > PLAIN && q.start == body && q.cap == 2048;
        const outcome judge = call(ff_scan_scalar, p, q.start, size, first, COLUMNS, q.n, q.cap, q.with_sum);
        accepted += judge.result == FF_OK;
        if (!all_agree(p, &q, &judge, second, counted)) {
            printf("round %lu of seed %llu, from byte %u on:\n", round, seed, q.start);
            fwrite(p + q.start, 1, size - q.start, stdout);
            return 1;
        }
    }
    printf("%lu messages of seed %llu, %lu of them accepted:", rounds, seed, accepted);
    for (int which = 0; which < FF_KERNELS; which++)
        if (ff_kernel(which))
            printf(" %s", NAMES[which]);
    printf("\n");
    return all_work(counted) ? 0 : 1;
}
