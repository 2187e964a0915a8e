/* The usual header and trailer of a frame, judged in a few steps; scan.h judges whatever else there is. */
#ifndef FF_FRAMING_H
#define FF_FRAMING_H

#include "scan.h"

enum { FF_QUICK_HEADER = 32 };      /* bytes that may be looked at */

/* Does what ff_header() does.
 * PERF: BeginString compared as one word, digits without a look at the end of what there is (with the trailer 109 -> 75
 * instructions). */
static inline int ff_quick_header(const uint8_t *p, size_t n, uint32_t max_length, ff_frame *frame) {
    uint32_t start, i, length, digit;
    if (FF_UNLIKELY(n < FF_QUICK_HEADER))
        return ff_header(p, n, max_length, frame);
    if (FF_LIKELY(memcmp(p, "8=FIX.4.", 8) == 0 && p[8] != FF_SOH && p[9] == FF_SOH))
        start = 10;
    else if (memcmp(p, "8=FIXT.1", 8) == 0 && p[8] != FF_SOH && p[9] != FF_SOH && p[10] == FF_SOH)
        start = 11;
    else
        return ff_header(p, n, max_length, frame);
    length = (uint32_t)p[start + 2] - '0';
    if (FF_UNLIKELY(p[start] != '9' || p[start + 1] != '=' || length > 9))
        return ff_header(p, n, max_length, frame);
    for (i = start + 3; i < start + 8 && (digit = (uint32_t)p[i] - '0') <= 9; i++)
        length = length * 10 + digit;
    if (FF_UNLIKELY(memcmp(p + i, "\x01" "35=", 4) != 0 || p[i + 4] == FF_SOH || length > max_length))
        return ff_header(p, n, max_length, frame);
    frame->length = start;
    frame->body = i + 1;
    frame->trailer = i + 1 + length;
    return FF_OK;
}

/* Does what ff_trailer() does. */
static inline int ff_quick_trailer(const uint8_t *p, uint32_t trailer) {
    const uint8_t *t = p + trailer;
    uint32_t a = (uint32_t)t[3] - '0', b = (uint32_t)t[4] - '0', c = (uint32_t)t[5] - '0';
    if (FF_UNLIKELY(memcmp(t - 1, "\x01" "10=", 4) != 0 || a > 9 || b > 9 || c > 9 || t[6] != FF_SOH))
        return -1;
    return (int)(a * 100 + b * 10 + c);
}

#endif
