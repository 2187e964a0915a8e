/* Bodies made to cost time: every kernel gives the scalar one's results, and in time that grows as their size does.
 *
 *   hostile [BYTES]       status 0: so it is; 1: it is printed which kernel on which body not. Default: 4,000,000
 *
 * Counted, not timed: how often a body is judged again by scalar, and how many bytes. Timed, with a wide margin: eight
 * times the bytes take at most three times eight times as long.
 */
#define _DEFAULT_SOURCE
#include <time.h>

#include "harness.h"

enum { FIRST_CAP = 511, RUNS = 5, FOLD = 8 };

/* `piece` is repeated between head and tail. */
typedef struct {
    const char *name, *head, *piece, *tail;
} body;

static const body BODIES[] = {
    {"tiny fields", "", "1=a\001", ""},
    {"empty values", "", "1=\001", ""},
    {"one value", "58=", "x", "\001"},
    {"one value of '='", "58=", "=", "\001"},
    {"one value of digits", "58=", "7", "\001"},
    {"only SOH", "", "\001", ""},
    {"only '='", "", "=", "\001"},
    {"only digits", "", "7", "\001"},
    {"only digits, then a value", "", "7", "=a\001"},
    {"negative tags", "", "-1=a\001", ""},
    {"zero as a tag", "", "0=a\001", ""},
    {"tags of eight digits", "", "12345678=a\001", ""},
    {"tags of nine digits", "", "123456789=a\001", ""},
    {"lengths and data", "", "95=1\00196=a\001", ""},
    {"lengths without data", "", "95=1\001", ""},
    {"one data field full of SOH", "95=%07u\00196=", "\001", "\001"},
    {"one data field full of fields", "95=%07u\00196=", "1=a\001", "\001"},
    {"a length that leads nowhere", "95=999999999\00196=", "1=a\001", ""},
    {"wrong at the end", "", "1=a\001", "x\001"},
    {"a leading zero at the end", "", "1=a\001", "01=a\001"},
    {"a length at the end", "", "1=a\001", "95=1\00196=a\001"},
};

static const char HEADER[] = "8=FIX.4.4\0019=12345678\00135=D\001";
enum { START = 21 };

/* Returns where it ends; about `size` bytes. */
static uint32_t write_body(const body *b, uint8_t *p, uint32_t size) {
    const size_t piece = strlen(b->piece), times = size / piece;
    uint32_t n = (uint32_t)(sizeof HEADER - 1);
    memcpy(p, HEADER, n);
    n += (uint32_t)(strchr(b->head, '%') ? sprintf((char *)p + n, b->head, (unsigned)(times * piece))
                                         : sprintf((char *)p + n, "%s", b->head));
    for (size_t i = 0; i < times; i++, n += (uint32_t)piece)
        memcpy(p + n, b->piece, piece);
    n += (uint32_t)sprintf((char *)p + n, "%s", b->tail);
    memcpy(p + n, "10=000\001", FF_TRAILER);
    return n;
}

/* Scan to the end as kernels.pyx does, in tables that double up to the largest number of fields. Returns the calls. */
static unsigned long walk(ff_scan_fn *scan, const uint8_t *p, uint32_t end, int32_t *block, uint32_t room, outcome *o) {
    unsigned long calls = 1;
    *o = (outcome){{block, (uint32_t *)block + room, (uint32_t *)block + 2 * (size_t)room, FIRST_CAP, 0}, 0, START, 0, 0};
    o->result = scan(p, START, end, &o->table, &pairs, &o->at, &o->sum);
    for (; o->result == FF_FULL && o->table.n <= FF_MAX_FIELDS; calls++) {
        o->table.cap = 2 * o->table.cap + 1;
        o->result = scan(p, o->at, end, &o->table, &pairs, &o->at, NULL);
    }
    return calls;
}

static double seconds_of(ff_scan_fn *scan, const uint8_t *p, uint32_t end, int32_t *block, uint32_t room) {
    double best = 1e9;
    for (int run = 0; run < RUNS; run++) {
        outcome o = {{block, (uint32_t *)block + room, (uint32_t *)block + 2 * (size_t)room, room - 1, 0}, 0, 0, 0, 0};
        const clock_t begun = clock();
        scan(p, START, end, &o.table, &pairs, &o.at, &o.sum);
        walk(scan, p, end, block, room, &o);
        const double spent = (double)(clock() - begun) / CLOCKS_PER_SEC;
        best = spent < best ? spent : best;
    }
    return best;
}

typedef struct {
    uint8_t *small, *big;               /* each in front of a page that cannot be read */
    uint32_t small_end, big_end, room;
    int32_t *first, *second;            /* columns of `room` places */
} input;

static int fails(const char *kernel, const char *name, const char *what) {
    printf("%s, %s: %s\n", kernel, name, what);
    return 1;
}

/* Returns 1, having said why, if a kernel fails on this body. */
static int judge(int which, const char *name, const input *in) {
    ff_scan_fn *scan = ff_kernel(which);
    outcome a = call(ff_scan_scalar, in->big, START, in->big_end, in->first, in->room, 0, in->room - 1, 1);
    outcome b = call(scan, in->big, START, in->big_end, in->second, in->room, 0, in->room - 1, 1);
    unsigned long calls;
    if (!same(&a, &b) || !kept_to_its_columns(&b)) {
        say("scalar", &a);
        say(NAMES[which], &b);
        return fails(NAMES[which], name, "another result than scalar");
    }
    if (b.handed_over > 1)
        return fails(NAMES[which], name, "asks scalar more than once");
    walk(ff_scan_scalar, in->big, in->big_end, in->first, in->room, &a);
    handed_over = bytes_handed_over = 0;
    calls = walk(scan, in->big, in->big_end, in->second, in->room, &b);
    if (!same(&a, &b))
        return fails(NAMES[which], name, "another result than scalar in tables that grow");
    if (calls > 10 || handed_over > calls || bytes_handed_over > in->big_end)
        return fails(NAMES[which], name, "has too much judged again by scalar");
    const double small = seconds_of(scan, in->small, in->small_end, in->first, in->room);
    const double big = seconds_of(scan, in->big, in->big_end, in->first, in->room);
    if (big > 3 * FOLD * small + 0.01)
        return fails(NAMES[which], name, "eight times the bytes take more than 24 times as long");
    return 0;
}

/* Memory for `size` bytes and a header; `*end` is where the guard page behind it begins. */
static uint8_t *memory(uint32_t size, uint8_t **end) {
    size_t room = (size_t)size + 256;
    uint8_t *p = guarded(&room);
    *end = p + room;
    return p;
}

int main(int argc, char **argv) {
    const uint32_t size = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 4000000;
    uint8_t *small_end, *big_end, *small = memory(size / FOLD, &small_end), *big = memory(size, &big_end);
    input in = {small, big, 0, 0, size / 3 + 64, NULL, NULL};
    int failed = 0;
    fill_pairs();
    in.first = malloc(3 * (size_t)in.room * sizeof *in.first);
    in.second = malloc(3 * (size_t)in.room * sizeof *in.second);
    if (!in.first || !in.second)
        abort();
    for (size_t i = 0; i < sizeof BODIES / sizeof *BODIES; i++) {
        in.small_end = write_body(&BODIES[i], small, size / FOLD);
        in.big_end = write_body(&BODIES[i], big, size);
        /* Moved up to the guard page. */
        in.small = memmove(small_end - in.small_end - FF_TRAILER, small, in.small_end + FF_TRAILER);
        in.big = memmove(big_end - in.big_end - FF_TRAILER, big, in.big_end + FF_TRAILER);
        for (int which = 0; which < FF_KERNELS; which++)
            if (ff_kernel(which))
                failed |= judge(which, BODIES[i].name, &in);
    }
    printf("%zu bodies of %u bytes:", sizeof BODIES / sizeof *BODIES, size);
    for (int which = 0; which < FF_KERNELS; which++)
        if (ff_kernel(which))
            printf(" %s", NAMES[which]);
    printf("\n");
    free(in.first);
    free(in.second);
    return failed;
}
