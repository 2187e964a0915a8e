/* A message checked by its compiled dictionary: one walk over its table of fields. The rules are those of
 * reference/validate.py, which says them in fewer words.
 */
#ifndef FF_WALK_H
#define FF_WALK_H

#include "schema.h"

/* What is checked: fixfast.dictionary.validation.Validation. */
enum {
    FF_CHECK_VALUES = 1,            /* level "full" */
    FF_CHECK_UNKNOWN = 2,
    FF_CHECK_USER_DEFINED = 4,
    FF_CHECK_CODES = 8,
    FF_CHECK_ORDER = 16,
    FF_CHECK_EMPTY = 32
};

typedef struct {
    uint32_t flags;
    uint32_t max_entries;           /* of one group */
} ff_rules;

/* A message that parse() made: `count` tags, the offsets of their values, and where those end, from the first byte. */
typedef struct {
    const uint8_t *base;
    const int32_t *tags;
    uint32_t count;
} ff_fields;

/* SessionRejectReasons, and one that is ours. */
enum {
    FF_INVALID_TAG = 0, FF_REQUIRED_MISSING = 1, FF_NOT_OF_MESSAGE = 2, FF_NO_VALUE = 4, FF_BAD_VALUE = 5, FF_BAD_FORMAT = 6,
    FF_DECRYPTION = 7, FF_BAD_XML = 12, FF_REPEATED = 13, FF_OUT_OF_ORDER = 14, FF_GROUP_ORDER = 15, FF_BAD_COUNT = 16,
    FF_TOO_MANY_ENTRIES = 116       /* 16, with a text of its own */
};

typedef struct {
    int reason;
    int32_t tag;
    uint32_t rank;                  /* the lower, the more it counts; FF_NO_FAULT */
    uint32_t at;                    /* of faults of one rank, the one with the lowest `at` counts */
} ff_fault;

#define FF_NO_FAULT UINT32_MAX

/* The place of a reason in the order in which faults count. */
uint32_t ff_rank(int reason);

/* Put into `fault` what counts most of what is wrong; its rank says whether anything is. `node` is that of the message's
 * type, `blob` checked by ff_schema_check(). If `xml` is not NULL, it has room for the places of all fields; those of the
 * XMLDATA members that have a value are put there, *xml_count of them. Takes no memory, calls nothing, linear in fields. */
void ff_validate(const uint8_t *blob, const ff_schema_node *node, const ff_fields *fields, const ff_rules *rules,
                 ff_fault *fault, uint32_t *xml, uint32_t *xml_count);

#endif
