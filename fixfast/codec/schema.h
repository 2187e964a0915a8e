/* The compiled dictionary ("blob") as C reads it. dictionary/compile.py writes it; this header is its specification.
 *
 * One block of bytes without pointers: it can be mapped from a file or be the content of a bytes object. Numbers are
 * 32-bit in the machine's own byte order. An offset counts bytes from the start of the blob and is a multiple of 4; 0
 * means "none". ff_schema_check() judges a whole blob, whoever made it; after that, nothing here checks anything.
 *
 * Hash tables have a power of two of slots, at least one of them empty and at most half of them full, and are probed
 * linearly. A slot with tag 0 (a text of length 0, a member's number 0) is empty: the standard has no tag 0.
 */
#ifndef FF_SCHEMA_H
#define FF_SCHEMA_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FF_SCHEMA_MAGIC 0x42444646u     /* "FFDB" where the low byte comes first; other machines see another number */
#define FF_SCHEMA_FORMAT 1u
#define FF_SCHEMA_DEPTH 16              /* groups in groups in any node; the standard's deepest has 5 */
#define FF_SCHEMA_MEMBERS 4096          /* members of one node; the standard's largest message has 643 */

/* What may stand in a field: fixfast.dictionary.model.Kind, in its order. */
enum {
    FF_KIND_STR, FF_KIND_CHAR, FF_KIND_INT, FF_KIND_UINT, FF_KIND_DAY, FF_KIND_DECIMAL, FF_KIND_BOOL, FF_KIND_TIME,
    FF_KIND_DATE, FF_KIND_TIMEONLY, FF_KIND_LOCALTIME, FF_KIND_TZTIME, FF_KIND_TZTIMESTAMP, FF_KIND_MONTHYEAR,
    FF_KIND_TENOR, FF_KIND_CHARS, FF_KIND_STRINGS, FF_KIND_DATA, FF_KIND_XML, FF_KINDS
};

/* Flags of a member. The section is that of a top-level member; members of groups have FF_IN_BODY. */
enum { FF_IN_HEADER = 0, FF_IN_BODY = 1, FF_IN_TRAILER = 2, FF_SECTION = 3, FF_REQUIRED = 4 };

typedef struct {
    uint32_t magic, format, size;       /* size: of the whole blob in bytes */
    uint8_t digest[32];                 /* SHA-256 of everything behind the header */
    uint32_t messages, message_mask;    /* ff_schema_message[message_mask + 1] */
    uint32_t fields, field_mask;        /* ff_schema_field[field_mask + 1]: every field of the dictionary */
    uint32_t pairs, pair_count;         /* ff_schema_pair[pair_count], ascending by length */
    uint32_t common;                    /* node of header and trailer: a message of a type that is not known */
} ff_schema_header;

typedef struct {
    uint32_t text, length;              /* MsgType: where it is, and its bytes; length 0: an empty slot */
    uint32_t hash;                      /* ff_text_hash of it */
    uint32_t node;                      /* header, body and trailer in one table */
} ff_schema_message;

typedef struct {
    int32_t tag;
    uint32_t kind;
    uint32_t codes;                     /* ff_schema_codes, 0: any value */
} ff_schema_field;

typedef struct {
    int32_t length, data;
} ff_schema_pair;

/* A message, or a group: one entry of it. In memory: this, `words` words of required members, the members in the
 * dictionary's order, and a hash table of their numbers. PERF: tables of whole members, half of them empty, were twice
 * as large, 32 KB for the largest message: a whole first cache. */
typedef struct {
    uint32_t slot_mask;                 /* slots - 1; at least 2 slots */
    uint32_t count;                     /* members */
    int32_t delimiter;                  /* the tag that opens an entry; 0 in a message */
    uint32_t words;                     /* (count + 31) / 32 */
} ff_schema_node;

typedef struct {
    int32_t tag;
    uint16_t index;                     /* place in the dictionary's order, from 0; the bit of required members */
    uint8_t flags;
    uint8_t kind;
    uint32_t child;                     /* node of the group that this tag counts, else 0 */
    uint32_t codes;
} ff_schema_member;

/* A set of codes. In memory: this, then the table of the codes that are longer than one byte. */
typedef struct {
    uint32_t mask;                      /* slots - 1 */
    uint32_t count;                     /* longer codes */
    uint32_t single[8];                 /* a bit for each byte that is a code */
} ff_schema_codes;

typedef struct {
    uint32_t text, length;              /* length 0: an empty slot */
    uint32_t hash;
} ff_schema_code;

/* --- hashes: compile.py has the same ------------------------------------------------------------------------ */

static inline uint32_t ff_tag_hash(int32_t tag) {
    return (uint32_t)tag * 0x9E3779B1u >> 16;
}

/* FNV-1a */
static inline uint32_t ff_text_hash(const uint8_t *p, size_t n) {
    uint32_t hash = 0x811C9DC5u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * 0x01000193u;
    return hash;
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static inline const ff_schema_header *ff_header_of(const uint8_t *blob) {
    return (const ff_schema_header *)blob;
}

static inline const ff_schema_node *ff_node_at(const uint8_t *blob, uint32_t at) {
    return (const ff_schema_node *)(blob + at);
}

/* The bits of required members, 32 to a word, by index. */
static inline const uint32_t *ff_required(const ff_schema_node *node) {
    return (const uint32_t *)(node + 1);
}

/* The members by index: ff_members(node)[index]. */
static inline const ff_schema_member *ff_members(const ff_schema_node *node) {
    return (const ff_schema_member *)(ff_required(node) + node->words);
}

/* The hash table of a node: index + 1 of a member, 0 in an empty slot. */
static inline const uint16_t *ff_slots(const ff_schema_node *node) {
    return (const uint16_t *)(ff_members(node) + node->count);
}

/* The member with this tag, NULL if there is none. Any int32 may be asked for. */
static inline const ff_schema_member *ff_member(const ff_schema_node *node, int32_t tag) {
    const ff_schema_member *members = ff_members(node);
    const uint16_t *slots = ff_slots(node);
    uint32_t slot = ff_tag_hash(tag) & node->slot_mask;
    for (; slots[slot]; slot = (slot + 1) & node->slot_mask)
        if (members[slots[slot] - 1].tag == tag)
            return members + slots[slot] - 1;
    return NULL;
}

/* The field with this tag, NULL if the dictionary has none. */
static inline const ff_schema_field *ff_field_of(const uint8_t *blob, int32_t tag) {
    const ff_schema_header *header = ff_header_of(blob);
    const ff_schema_field *fields = (const ff_schema_field *)(blob + header->fields);
    uint32_t slot = ff_tag_hash(tag) & header->field_mask;
    if (tag == 0)
        return NULL;
    while (fields[slot].tag != tag) {
        if (fields[slot].tag == 0)
            return NULL;
        slot = (slot + 1) & header->field_mask;
    }
    return fields + slot;
}

/* PERF: texts here are of a few bytes: a call of memcmp() costs more than the loop (4 ns a message). */
static inline int ff_same_text(const uint8_t *a, const uint8_t *b, size_t n) {
    while (n && a[n - 1] == b[n - 1])
        n--;
    return n == 0;
}

/* The node of a message type, NULL if the dictionary has no such message. */
static inline const ff_schema_node *ff_message_node(const uint8_t *blob, const uint8_t *type, size_t n) {
    const ff_schema_header *header = ff_header_of(blob);
    const ff_schema_message *messages = (const ff_schema_message *)(blob + header->messages);
    uint32_t hash = ff_text_hash(type, n);
    uint32_t slot = hash & header->message_mask;
    while (messages[slot].length) {
        if (messages[slot].hash == hash && messages[slot].length == n && ff_same_text(blob + messages[slot].text, type, n))
            return ff_node_at(blob, messages[slot].node);
        slot = (slot + 1) & header->message_mask;
    }
    return NULL;
}

/* Whether p[0:n], n > 0, is one of the codes. */
static inline int ff_has_code(const uint8_t *blob, uint32_t codes, const uint8_t *p, size_t n) {
    const ff_schema_codes *set = (const ff_schema_codes *)(blob + codes);
    const ff_schema_code *table = (const ff_schema_code *)(set + 1);
    uint32_t hash, slot;
    if (n == 1)
        return (int)(set->single[p[0] >> 5] >> (p[0] & 31) & 1);
    if (!set->count)
        return 0;
    hash = ff_text_hash(p, n);
    for (slot = hash & set->mask; table[slot].length; slot = (slot + 1) & set->mask)
        if (table[slot].hash == hash && table[slot].length == n && ff_same_text(blob + table[slot].text, p, n))
            return 1;
    return 0;
}

/* Whether any bytes at all are a whole blob that everything above can be trusted with (schema_check.c): every offset,
 * count and text inside, tables with an empty slot, nodes that nest no deeper than FF_SCHEMA_DEPTH, never in a circle.
 * NULL, or what is wrong. Linear in n. `blob` is aligned to 4 bytes. The digest is for the caller to compare. */
const char *ff_schema_check(const uint8_t *blob, size_t n);

#endif
