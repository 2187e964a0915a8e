/* Invariant: whatever the bytes of a body, every kernel says of it what the scalar one says, and keeps to its memory.
 *
 * For libFuzzer and a sanitizer: LLVMFuzzerTestOneInput. With -DREPLAY a program that tries the files it is given.
 * An input is the body of a message, fields and nothing else. Where it starts in its block, how large the table is and
 * where the scan goes on are drawn from a hash of it, so that a file of the corpus is readable and means one thing.
 */
#define _DEFAULT_SOURCE
#include "harness.h"

enum { TAKEN = 2 };

static uint32_t state;

static uint32_t chance(uint32_t n) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % n;
}

/* Memory of just this size, so that the sanitizer sees the first byte behind it touched. */
static void *exactly(size_t size) {
    void *p = malloc(size ? size : 1);
    if (!p)
        abort();
    return p;
}

static outcome ask(ff_scan_fn *scan, const uint8_t *p, uint32_t start, uint32_t end, uint32_t cap, int with_sum) {
    const size_t size = cap * sizeof(int32_t);
    outcome o = {{exactly(size), exactly(size), exactly(size), cap, TAKEN}, 0, 7, 0, 0};
    memset(o.table.tag, 0, size);
    memset(o.table.off, 0, size);
    memset(o.table.end, 0, size);
    handed_over = 0;
    o.result = scan(p, start, end, &o.table, &pairs, &o.at, with_sum ? &o.sum : NULL);
    o.handed_over = handed_over;
    return o;
}

static void release(outcome *o) {
    free(o->table.tag);
    free(o->table.off);
    free(o->table.end);
}

static void compare(const uint8_t *p, uint32_t start, uint32_t end, uint32_t cap, int with_sum) {
    outcome judge = ask(ff_scan_scalar, p, start, end, cap, with_sum);
    for (int which = 0; which < FF_KERNELS; which++) {
        if (which == FF_KERNEL_SCALAR || !ff_kernel(which))
            continue;
        outcome o = ask(ff_kernel(which), p, start, end, cap, with_sum);
        if (!same(&judge, &o) || o.handed_over > 1) {
            say("scalar", &judge);
            say(NAMES[which], &o);
            printf("bytes %u to %u, %u places\n", start, end, cap);
            fflush(stdout);
            abort();
        }
        release(&o);
    }
    release(&judge);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t start, end, middle;
    uint8_t *p;
    if (!bits[1])
        fill_pairs();
    state = 2166136261u;
    for (size_t i = 0; i < size; i++)
        state = (state ^ data[i]) * 16777619u;
    start = 8 + chance(72);
    end = start + (uint32_t)size + (!size || data[size - 1] != FF_SOH);
    p = exactly((size_t)end + FF_TRAILER);
    memset(p, '8', start);
    if (size)
        memcpy(p + start, data, size);
    p[end - 1] = FF_SOH;
    memcpy(p + end, "10=000\001", FF_TRAILER);
    compare(p, start, end, TAKEN + (uint32_t)size + 80, 1);
    compare(p, start, end, TAKEN + chance(50), 1);
    middle = start + chance(end - start);
    while (p[middle - 1] != FF_SOH && middle > start)
        middle--;
    compare(p, middle, end, TAKEN + (uint32_t)size + 80, 0);
    free(p);
    return 0;
}

#ifdef REPLAY
int main(int argc, char **argv) {
    static uint8_t data[1 << 16];
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file) {
            perror(argv[i]);
            return 1;
        }
        const size_t size = fread(data, 1, sizeof data, file);
        fclose(file);
        LLVMFuzzerTestOneInput(data, size);
    }
    printf("%d inputs:", argc - 1);
    for (int which = 0; which < FF_KERNELS; which++)
        if (ff_kernel(which))
            printf(" %s", NAMES[which]);
    printf("\n");
    return 0;
}
#endif
