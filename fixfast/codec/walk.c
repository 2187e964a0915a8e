/* The walk of walk.h.
 *
 * A field belongs to the innermost open level (the message, or a group's entry) that has its tag; that ends the groups
 * inside this level. A stretch of fields of one level is walked in one of three loops, made of one body: of the message, of
 * a group whose members fit the bits of one word, of a larger group.
 */
#include "walk.h"

#include <assert.h>

#include "formats.h"

enum { SECURE_DATA = 91, APPL_VER_ID = 1128, APPL_VER_ID_PLACE = 3, FIRST_USER_DEFINED = 5000 };
enum { SMALL = 64 };                /* members of a group whose seen ones are one word */

/* PERF: a pointer that the compiler would else put together anew for each field (2 instructions of 40 a field each). */
#if defined(__GNUC__)
#define KEEP(pointer) __asm__("" : "+r"(pointer))
#else
#define KEEP(pointer) ((void)(pointer))
#endif

#define NOT_SAID UINT64_MAX         /* the count field says no number */

typedef struct {
    const ff_schema_node *node;
    uint32_t at;                    /* of a group: where its count field is */
    uint32_t entries;
    uint64_t announced;             /* entries, or NOT_SAID */
    uint32_t reach;                 /* of an entry: 1 + the highest index so far */
    uint64_t seen;                  /* a bit for each member, in a group with up to SMALL members; else: */
    uint32_t many[FF_SCHEMA_MEMBERS / 32];
} level;

typedef struct {
    const uint8_t *blob;
    const uint8_t *base;
    const int32_t *tags;
    const uint32_t *starts, *ends;
    uint32_t count;
    const ff_rules *rules;
    ff_fault *fault;
    uint32_t *xml;                  /* NULL: nobody asks */
    uint32_t xml_count;
    uint32_t section;               /* of the message: the highest so far */
    level *open;                    /* the innermost level */
    ff_date_memory date;
    level levels[FF_SCHEMA_DEPTH + 1];
} walk;

/* --- faults: cold ------------------------------------------------------------------------------------------- */

uint32_t ff_rank(int reason) {
    static const uint8_t order[] = {18, 11, 0, 3, 2, 4, 7, 13, 14, 15, 16, 17, 12, 6, 5, 1, 99};
    uint32_t i;
    for (i = 0; i < sizeof order; i++)
        if (order[i] == reason)
            break;
    return i;
}

static FF_NOINLINE void note(walk *w, int reason, uint32_t at, int32_t tag) {
    uint32_t rank = ff_rank(reason == FF_TOO_MANY_ENTRIES ? FF_BAD_COUNT : reason);
    if (rank < w->fault->rank || (rank == w->fault->rank && at < w->fault->at)) {
        w->fault->reason = reason;
        w->fault->tag = tag;
        w->fault->rank = rank;
        w->fault->at = at;
    }
}

static FF_NOINLINE void note_missing(walk *w, const ff_schema_node *node, uint32_t word, uint32_t bits) {
    uint32_t bit = 0;
    while (!(bits >> bit & 1))
        bit++;
    note(w, FF_REQUIRED_MISSING, 0, ff_members(node)[word * 32 + bit].tag);     /* at 0: the first noted stays */
}

/* A member that was seen before in its level, or stands behind one that it should stand in front of. */
static FF_NOINLINE void note_late(walk *w, uint32_t i, int repeated, int grouped) {
    if (repeated)
        note(w, FF_REPEATED, i, w->tags[i]);
    else if (grouped && (w->rules->flags & FF_CHECK_ORDER))
        note(w, FF_GROUP_ORDER, i, w->tags[i]);
}

static FF_NOINLINE void note_stranger(walk *w, uint32_t i) {
    int32_t tag = w->tags[i];
    if (w->rules->flags & (tag >= FIRST_USER_DEFINED ? FF_CHECK_USER_DEFINED : FF_CHECK_UNKNOWN))
        note(w, ff_field_of(w->blob, tag) ? FF_NOT_OF_MESSAGE : FF_INVALID_TAG, i, tag);
}

static FF_NOINLINE void note_empty(walk *w, uint32_t i) {
    if (w->rules->flags & FF_CHECK_EMPTY)
        note(w, FF_NO_VALUE, i, w->tags[i]);
}

static FF_NOINLINE void note_misplaced(walk *w, uint32_t i) {
    if (w->rules->flags & FF_CHECK_ORDER)
        note(w, FF_OUT_OF_ORDER, i, w->tags[i]);
}

/* Header fields that are looked at for themselves. */
static FF_NOINLINE void note_special(walk *w, uint32_t i) {
    if (w->tags[i] == SECURE_DATA)
        note(w, FF_DECRYPTION, i, SECURE_DATA);
    else if (i != APPL_VER_ID_PLACE && (w->rules->flags & FF_CHECK_ORDER))
        note(w, FF_OUT_OF_ORDER, i, APPL_VER_ID);
}

/* --- values ------------------------------------------------------------------------------------------------- */

static FF_NOINLINE int listed(const uint8_t *blob, uint32_t codes, const uint8_t *p, size_t n) {
    size_t i, first = 0;
    for (i = 0; i <= n; i++)
        if (i == n || p[i] == ' ') {
            if (i == first || !ff_has_code(blob, codes, p + first, i - first))
                return 0;
            first = i + 1;
        }
    return 1;
}

FF_ALWAYS_INLINE void check_codes(walk *w, uint32_t i, const ff_schema_member *m, const uint8_t *p, size_t n) {
    int right;
    if (m->kind == FF_KIND_CHARS || m->kind == FF_KIND_STRINGS)
        right = listed(w->blob, m->codes, p, n);
    else
        right = ff_has_code(w->blob, m->codes, p, n);
    if (FF_UNLIKELY(!right))
        note(w, FF_BAD_VALUE, i, m->tag);
}

FF_ALWAYS_INLINE void check_value(walk *w, uint32_t i, const ff_schema_member *m, const uint8_t *p, size_t n) {
    if (FF_UNLIKELY(m->kind == FF_KIND_XML) && w->xml)
        w->xml[w->xml_count++] = i;
    if (FF_UNLIKELY(!(w->rules->flags & FF_CHECK_VALUES)))
        return;                     /* here for XMLDATA only */
    if (FF_UNLIKELY(!ff_is_kind(m->kind, w->base, p, n, &w->date))) {
        note(w, FF_BAD_FORMAT, i, m->tag);
        return;
    }
    if (m->codes && (w->rules->flags & FF_CHECK_CODES))
        check_codes(w, i, m, p, n);
    if (FF_UNLIKELY(m->kind == FF_KIND_DAY) && !ff_is_day(p, n))
        note(w, FF_BAD_VALUE, i, m->tag);
}

/* --- levels ------------------------------------------------------------------------------------------------- */

/* The entry that is open, or the message, ends: see what it lacks. */
FF_ALWAYS_INLINE void end_small(walk *w, const ff_schema_node *node, uint64_t required, uint64_t seen) {
    uint64_t missing = required & ~seen;
    if (FF_UNLIKELY(missing != 0))
        note_missing(w, node, (uint32_t)missing ? 0 : 1, (uint32_t)missing ? (uint32_t)missing : (uint32_t)(missing >> 32));
}

FF_ALWAYS_INLINE void end_large(walk *w, const ff_schema_node *node, const uint32_t *seen) {
    const uint32_t *required = ff_required(node);
    const uint32_t words = node->words;
    uint32_t word, missing = 0;
    /* PERF: no branch in the loop, so that the compiler takes four words at a time (6 ns of 15 for 300 members). */
    for (word = 0; word < words; word++)
        missing |= required[word] & ~seen[word];
    if (FF_LIKELY(!missing))
        return;
    for (word = 0; !(required[word] & ~seen[word]); word++)
        ;
    note_missing(w, node, word, required[word] & ~seen[word]);
}

/* PERF: most messages have 2 to 12 words: a call of memset() costs more (4 ns a message). */
FF_ALWAYS_INLINE void clear(uint32_t *words, uint32_t count) {
    uint32_t word;
    for (word = 0; word < count; word += 4)         /* `many` has a multiple of 4 */
        memset(words + word, 0, 16);
}

FF_ALWAYS_INLINE uint64_t required_bits(const ff_schema_node *node) {
    const uint32_t *required = ff_required(node);
    return (node->words > 0 ? required[0] : 0) | (node->words > 1 ? (uint64_t)required[1] << 32 : 0);
}

static void end_group(walk *w) {
    level *l = w->open--;
    int32_t count_tag = w->tags[l->at];
    if (l->entries && l->node->count <= SMALL)
        end_small(w, l->node, required_bits(l->node), l->seen);
    else if (l->entries)
        end_large(w, l->node, l->many);
    if (FF_UNLIKELY(l->entries > w->rules->max_entries))
        note(w, FF_TOO_MANY_ENTRIES, l->at, count_tag);
    else if (FF_UNLIKELY(l->announced != NOT_SAID && l->announced != l->entries))
        note(w, FF_BAD_COUNT, l->at, count_tag);
}

/* Field i counts the entries of a group: judge it, at every level of validation, and open the group. Returns whether there
 * is one. */
static int open_group(walk *w, uint32_t i, const ff_schema_member *m) {
    const uint8_t *p = w->base + w->starts[i];
    const uint32_t n = w->ends[i] - w->starts[i];
    const ff_schema_node *node = ff_node_at(w->blob, m->child);
    uint64_t announced = n ? 0 : NOT_SAID;
    uint32_t k;
    level *l;
    for (k = 0; k < n; k++) {
        uint32_t digit = (uint32_t)p[k] - '0';
        if (FF_UNLIKELY(digit > 9)) {
            note(w, FF_BAD_FORMAT, i, m->tag);
            announced = NOT_SAID;
            break;
        }
        if (announced <= FF_MAX_FIELDS)             /* above that it is wrong, whatever follows */
            announced = announced * 10 + digit;
    }
    if (announced != NOT_SAID && m->codes && (w->rules->flags & FF_CHECK_VALUES) && (w->rules->flags & FF_CHECK_CODES))
        check_codes(w, i, m, p, n);
    if (announced == 0 && (i + 1 == w->count || w->tags[i + 1] != node->delimiter))
        return 0;                                   /* as good as absent (V20) */
    l = ++w->open;
    assert(l < w->levels + FF_SCHEMA_DEPTH + 1);    /* ff_schema_check() has seen to it */
    l->node = node;
    l->at = i;
    l->entries = l->reach = 0;
    l->seen = 0;
    l->announced = announced;
    return 1;
}

/* --- the loop ----------------------------------------------------------------------------------------------- */

/* Walk fields from i on as long as they belong to the innermost level. Returns the first that does not, or the one
 * behind a count field, whose group is the innermost level then. `values`, `grouped` and `small` are constants.
 *
 * PERF: what is read for each field is in local variables, because every store could change what `w` points to (57 -> 33
 * instructions a field); what is rare is behind one branch each, in functions of its own. */
FF_ALWAYS_INLINE uint32_t stretch(walk *w, uint32_t i, const int values, const int grouped, const int small) {
    level *l = w->open;
    const ff_schema_node *node = l->node;
    const ff_schema_member *members = ff_members(node);
    const uint16_t *slots = ff_slots(node);
    const uint32_t mask = node->slot_mask;
    const size_t count = w->count;
    const int32_t *at = w->tags + i;            /* the tag; `count` behind it is the start of the value, then its end */
    const int32_t *last = w->tags + count;
    const int32_t delimiter = node->delimiter;
    const uint64_t required = small ? required_bits(node) : 0;
    uint64_t seen = l->seen;
    uint32_t entries = l->entries, reach = l->reach, section = w->section;

    KEEP(members);
    KEEP(slots);
    for (; at < last; at++) {
        const int32_t tag = *at;
        const ff_schema_member *m;
        uint32_t index, number, slot = ff_tag_hash(tag) & mask;
        for (;; slot = (slot + 1) & mask) {
            number = slots[slot];
            m = members + number - 1;
            if (FF_UNLIKELY(number == 0) || FF_LIKELY(m->tag == tag))
                break;
        }
        if (FF_UNLIKELY(number == 0))
            break;
        index = number - 1;

        if (grouped && (tag == delimiter || FF_UNLIKELY(!entries))) {
            if (FF_UNLIKELY(tag != delimiter))
                note(w, FF_GROUP_ORDER, i, tag);
            if (entries && small)
                end_small(w, node, required, seen);
            else if (entries)
                end_large(w, node, l->many);
            entries++;
            seen = 0;
            reach = 0;
            if (!small)
                clear(l->many, node->words);
        }
        if (small) {
            /* PERF: one test for what is repeated and what is out of order: nothing at or behind its place was seen. */
            if (FF_UNLIKELY(seen >> index))
                note_late(w, (uint32_t)(at - w->tags), (int)(seen >> index & 1), 1);
            seen |= (uint64_t)1 << index;
        } else {
            const uint32_t bit = 1u << (index & 31), word = l->many[index >> 5];
            if (FF_UNLIKELY(word & bit) || (grouped && FF_UNLIKELY(index < reach)))
                note_late(w, (uint32_t)(at - w->tags), (word & bit) != 0, grouped);
            l->many[index >> 5] = word | bit;
            if (grouped)
                reach = index + 1 > reach ? index + 1 : reach;
        }
        if (!grouped) {
            const uint32_t mine = m->flags & FF_SECTION;
            if (FF_UNLIKELY(mine < section))
                note_misplaced(w, (uint32_t)(at - w->tags));
            else
                section = mine;
            if (mine == FF_IN_HEADER && FF_UNLIKELY(tag == SECURE_DATA || tag == APPL_VER_ID))
                note_special(w, (uint32_t)(at - w->tags));
        }
        if (FF_UNLIKELY(at[count] == at[2 * count]))
            note_empty(w, (uint32_t)(at - w->tags));
        else if (values && !m->child)
            check_value(w, (uint32_t)(at - w->tags), m, w->base + (uint32_t)at[count], (uint32_t)at[2 * count] - (uint32_t)at[count]);
        if (FF_UNLIKELY(m->child != 0) && open_group(w, (uint32_t)(at - w->tags), m)) {
            at++;
            break;
        }
    }
    l->seen = seen;
    l->entries = entries;
    l->reach = reach;
    w->section = section;
    return (uint32_t)(at - w->tags);
}

static FF_NOINLINE void check_first(walk *w, uint32_t i, const ff_schema_member *m, const uint8_t *p, size_t n) {
    check_value(w, i, m, p, n);
}

/* PERF: the first three fields of every message are 8, 9 and 35, none of them empty: where they are the first members,
 * too, as in all dictionaries of the standard, they need not be looked up (6 ns a message). */
static uint32_t begin(walk *w, int values) {
    const ff_schema_node *node = w->levels->node;
    const ff_schema_member *m = ff_members(node);
    uint32_t i;
    if (FF_UNLIKELY(node->count < 3 || m[0].tag != 8 || m[1].tag != 9 || m[2].tag != 35 || w->count < 3 ||
                    ((m[0].flags | m[1].flags | m[2].flags) & FF_SECTION) || (m[0].child | m[1].child | m[2].child)))
        return 0;
    w->levels->many[0] = 7;
    for (i = 0; values && i < 3; i++)
        check_first(w, i, m + i, w->base + w->starts[i], w->ends[i] - w->starts[i]);
    return 3;
}

FF_ALWAYS_INLINE void run(walk *w, const int values) {
    uint32_t i = begin(w, values);
    while (i < w->count) {
        level *l = w->open;
        ptrdiff_t depth = l - w->levels;
        if (l == w->levels)
            i = stretch(w, i, values, 0, 0);
        else if (FF_LIKELY(l->node->count <= SMALL))
            i = stretch(w, i, values, 1, 1);
        else
            i = stretch(w, i, values, 1, 0);
        if (i == w->count || w->open != l)
            continue;
        while (--depth >= 0 && !ff_member(w->levels[depth].node, w->tags[i]))
            ;
        if (depth < 0)
            note_stranger(w, i++);
        else
            while (w->open > w->levels + depth)
                end_group(w);
    }
    while (w->open > w->levels)
        end_group(w);
    end_large(w, w->levels->node, w->levels->many);
}

static FF_NOINLINE void run_structure(walk *w) {
    run(w, 0);
}

static FF_NOINLINE void run_values(walk *w) {
    run(w, 1);
}

void ff_validate(const uint8_t *blob, const ff_schema_node *node, const ff_fields *fields, const ff_rules *rules,
                 ff_fault *fault, uint32_t *xml, uint32_t *xml_count) {
    walk w;                         /* 10 KiB, of which what is used is set */
    w.blob = blob;
    w.base = fields->base;
    w.tags = fields->tags;
    w.starts = (const uint32_t *)fields->tags + fields->count;
    w.ends = w.starts + fields->count;
    w.count = fields->count;
    w.rules = rules;
    w.fault = fault;
    w.xml = xml;
    w.xml_count = 0;
    w.section = FF_IN_HEADER;
    w.date = ff_load8((const uint8_t *)"00010101");
    w.open = w.levels;
    w.levels->node = node;
    w.levels->at = 0;
    w.levels->entries = w.levels->reach = 0;
    w.levels->seen = 0;
    clear(w.levels->many, node->words);
    fault->rank = FF_NO_FAULT;
    if ((rules->flags & FF_CHECK_VALUES) || xml)
        run_values(&w);
    else
        run_structure(&w);
    if (xml_count)
        *xml_count = w.xml_count;
}
