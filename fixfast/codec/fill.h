/* Templates: fixed text with holes in it, and the loop that fills the holes as long as values are what they nearly
 * always are. Nothing here calls back into Python, so nothing borrowed can go away.
 */

#ifndef FIXFAST_FILL_H
#define FIXFAST_FILL_H

#include "put_out.h"

enum { FF_SLOT_STR, FF_SLOT_INT, FF_SLOT_TIME, FF_SLOT_DECIMAL, FF_SLOT_BOOL, FF_SLOT_SCALED, FF_SLOT_GROUP };

/* One Slot, and the fixed text in front of its value: from the SOH of the field before to its own "tag=". */
typedef struct {
    uint8_t text[FF_SLACK]; /* the first bytes of that text */
    int whole;              /* how many bytes the text has */
    int bare;               /* how many of them are left if the slot is left out */
    int start;              /* where it begins in the text of the plan */
    int number;             /* of its value among those given */
    int kind;               /* FF_SLOT_STR ... */
    int scale;              /* of FF_SLOT_SCALED: its decimals; of FF_SLOT_GROUP: which group */
    int tag;
} ff_hole;

/* The body of a message, or an entry of a group. What an entry is begins with SOH and does not end with it; what a
 * message is begins with "8=" and ends with SOH.
 */
typedef struct {
    const ff_hole *holes;
    const uint8_t *text; /* all fixed text; FF_SLACK bytes more */
    Py_ssize_t count;    /* of the holes */
    Py_ssize_t tail;     /* where the text behind the last value begins */
    Py_ssize_t size;     /* of the text */
    Py_ssize_t head;     /* bytes of it up to the body, BodyLength being written with three digits; 0 in an entry */
    Py_ssize_t need;     /* bytes that must be free before it is written, texts of more than 16 bytes apart */
} ff_plan;

/* Write the value of a slot, if it is what values nearly always are; NULL: it is something else. */
static inline uint8_t *ff_put_slot(
    ff_out *o, const ff_hole *hole, PyTypeObject *decimal, const uint8_t *limit, uint8_t *p, PyObject *value
) {
    int64_t number;
    int overflow, kind = hole->kind;
    if (kind == FF_SLOT_STR)
        return ff_put_text(p, limit, value);
    if (!PyLong_CheckExact(value)) {
        if (kind == FF_SLOT_DECIMAL && Py_TYPE(value) == decimal)
            return ff_put_decimal(p, value);
        if (kind == FF_SLOT_BOOL && PyBool_Check(value)) {
            *p = value == Py_True ? 'Y' : 'N';
            return p + 1;
        }
        return NULL;
    }
    switch (kind) {
    case FF_SLOT_TIME:
        number = ff_int64(value, &overflow);
        return overflow ? NULL : ff_put_time(o, p, number);
    case FF_SLOT_SCALED:
        if (hole->scale) {
            uint64_t magnitude;
            if (ff_is_digit(value))
                return p + ff_put_decimals(p, ff_digit(value), hole->scale);
            number = ff_int64(value, &overflow);
            if (overflow)
                return NULL;
            magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
            p[0] = '-';
            p += number < 0;
            return p + ff_put_decimals(p, magnitude, hole->scale);
        }
        /* fallthrough */
    case FF_SLOT_INT:
    case FF_SLOT_DECIMAL:
        if (ff_is_digit(value))
            return p + ff_put_unsigned(p, ff_digit(value));
        return ff_is_small(value) ? p + ff_put_int(p, ff_small(value)) : NULL;
    }
    return NULL;
}

static inline void ff_put_fixed(uint8_t *p, const ff_plan *plan, const ff_hole *hole) {
    memcpy(p, hole->text, FF_SLACK);
    if (hole->whole > FF_SLACK)
        ff_copy_blocks(p + FF_SLACK, plan->text + hole->start + FF_SLACK, hole->whole - FF_SLACK);
}

/* Write slots i, i + 1 ... with the fixed text in front of each, as long as the values are simple. Returns the number of
 * the first that is not, of which nothing is written; or i, if there is less room than the plan needs. `given`: how many
 * values there are; those behind them are None, which leaves a slot out.
 */
static inline Py_ssize_t ff_put_slots(
    ff_out *o, const ff_plan *plan, Py_ssize_t i, PyObject *const *values, Py_ssize_t given, PyTypeObject *decimal
) {
    const ff_hole *hole = plan->holes + i, *end = plan->holes + plan->count;
    /* room for everything but long texts is seen to once, by what lies behind the limit */
    const uint8_t *limit;
    uint8_t *p = o->p;
    if (o->end - p < plan->need)
        return i;
    limit = o->end - plan->need;
    for (; hole < end; hole++) {
        PyObject *value = hole->number < given ? values[hole->number] : Py_None;
        uint8_t *q;
        ff_put_fixed(p, plan, hole);
        if (value == Py_None) {
            p += hole->bare;
            continue;
        }
        q = ff_put_slot(o, hole, decimal, limit, p + hole->whole, value);
        if (q == NULL)
            break;
        p = q;
    }
    o->p = p;
    return hole - plan->holes;
}

/* Write entries i, i + 1 ... of `count`, each a tuple of the plan's values, or the value itself where there is one, as long
 * as all is simple and there is room. Returns the number of the first that is not written.
 */
static inline Py_ssize_t ff_put_entries(
    ff_out *o, const ff_plan *plan, PyObject *const *entries, Py_ssize_t i, Py_ssize_t count, PyTypeObject *decimal
) {
    for (; i < count; i++) {
        uint8_t *start = o->p;
        PyObject *const *values = entries + i;
        if (PyTuple_CheckExact(entries[i])) {
            if (PyTuple_GET_SIZE(entries[i]) != plan->count)
                return i;
            values = ((PyTupleObject *)entries[i])->ob_item;
        } else if (plan->count != 1)
            return i;
        /* the delimiter tells the peer where an entry begins */
        if (values[0] == Py_None)
            return i;
        if (ff_put_slots(o, plan, 0, values, plan->count, decimal) < plan->count) {
            o->p = start;
            return i;
        }
    }
    return i;
}

/* Remember the last second in an object. PERF: the next message is of the same day, and mostly of the same second (NOS 128
 * -> 120 ns). Without a GIL nothing is remembered: threads may share the object.
 */
static inline void ff_use_times(ff_out *o, ff_times *times) {
#ifndef Py_GIL_DISABLED
    o->times = times;
#endif
}

/* Begin a message: its text stands so that the body begins where a body does. */
static inline void ff_begin_plan(ff_out *o, const ff_plan *plan) {
    o->p = o->base + FF_HEADROOM - plan->head;
}

/* End a message: there is room for the text behind the last value. Returns the first byte of the message.
 * PERF: nearly all bodies have a length of three digits, for which the plan's text has the place (with the SOH in the
 * fixed text, and no arguments copied: an encoder with 12 values 176 -> 150 ns, of which the call itself is 60).
 */
static inline uint8_t *ff_end_plan(ff_out *o, const ff_plan *plan, PyObject *begin) {
    uint8_t *body = o->base + FF_HEADROOM;
    Py_ssize_t n = plan->size - plan->tail, size;
    uint32_t digits;
    ff_copy_blocks(o->p, plan->text + plan->tail, n);
    o->p += n;
    size = o->p - body;
    if (size < 100 || size > 999)
        return ff_put_head(o, begin);
    digits = ff_three[size] | 1U << 24;
#if FF_LITTLE
    memcpy(body - 4, &digits, 4);
#else
    body[-4] = (uint8_t)digits;
    body[-3] = (uint8_t)(digits >> 8);
    body[-2] = (uint8_t)(digits >> 16);
#endif
    return body - plan->head;
}

#endif
