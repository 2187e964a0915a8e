/* The judge of compiled dictionaries: see schema.h. It believes nothing, and reads nothing it has not found inside. */
#include "schema.h"

#include <stdlib.h>

/* What stands where in the blob, found on the way. No two parts overlap (texts aside): so each word is looked at once,
 * and a blob of n bytes cannot take more than n steps, however its offsets cross. */
typedef struct {
    const uint8_t *blob;
    uint32_t size;
    uint8_t *marks;                     /* for each word of the blob, one of: */
    const char *wrong;
} judge;

/* At the start of what may be pointed to more than once, what it is; of a group GROUP + levels. */
enum { FREE, TAKEN, CODES, MESSAGE, GROUP };

static int fail(judge *j, const char *wrong) {
    if (!j->wrong)
        j->wrong = wrong;
    return -1;
}

/* Claim blob[at : at + count * width] for one part. */
static int claim(judge *j, uint32_t at, uint64_t count, uint32_t width) {
    uint64_t bytes = count * width;     /* both below 2**33 */
    uint32_t i, end;
    if (at < sizeof(ff_schema_header) || at % 4 || at > j->size || bytes > j->size - at)
        return fail(j, "a part lies outside");
    end = (at + (uint32_t)bytes + 3) / 4;
    for (i = at / 4; i < end; i++) {
        if (j->marks[i] != FREE)
            return fail(j, "parts overlap");
        j->marks[i] = TAKEN;
    }
    return 0;
}

/* A table of mask + 1 rows. */
static int claim_table(judge *j, uint32_t at, uint32_t mask, uint32_t width) {
    if (mask & ((uint64_t)mask + 1))
        return fail(j, "a table's size is no power of two");
    return claim(j, at, (uint64_t)mask + 1, width);
}

static int half_full(judge *j, uint32_t used, uint32_t mask) {
    return (uint64_t)used * 2 > (uint64_t)mask + 1 ? fail(j, "a table is more than half full") : 0;
}

static int check_text(judge *j, uint32_t at, uint32_t length) {
    if (at < sizeof(ff_schema_header) || at % 4 || at > j->size || length > j->size - at)
        return fail(j, "a text lies outside");
    return 0;
}

static int check_codes(judge *j, uint32_t at) {
    const ff_schema_codes *set = (const ff_schema_codes *)(j->blob + at);
    const ff_schema_code *table = (const ff_schema_code *)(set + 1);
    uint32_t i, used = 0;
    if (at == 0 || (at % 4 == 0 && at < j->size && j->marks[at / 4] == CODES))
        return 0;
    if (claim(j, at, 1, sizeof *set) || claim_table(j, at + (uint32_t)sizeof *set, set->mask, sizeof *table))
        return -1;
    j->marks[at / 4] = CODES;
    for (i = 0; i <= set->mask; i++) {
        if (!table[i].length)
            continue;
        used++;
        if (check_text(j, table[i].text, table[i].length))
            return -1;
    }
    if (used != set->count)
        return fail(j, "a count of codes is wrong");
    return half_full(j, used, set->mask);
}

static int check_field(judge *j, int32_t tag, uint32_t kind, uint32_t codes) {
    if (tag <= 0)
        return fail(j, "a tag is not positive");
    if (kind >= FF_KINDS)
        return fail(j, "a kind is unknown");
    return check_codes(j, codes);
}

/* The numbers of all members, each once. */
static int check_slots(judge *j, const ff_schema_node *node) {
    const uint16_t *slots = ff_slots(node);
    uint32_t seen[FF_SCHEMA_MEMBERS / 32] = {0};
    uint32_t i, used = 0;
    for (i = 0; i <= node->slot_mask; i++) {
        uint32_t index = (uint32_t)slots[i] - 1;
        if (!slots[i])
            continue;
        if (index >= node->count || seen[index / 32] >> (index % 32) & 1)
            return fail(j, "a member's number is wrong");
        seen[index / 32] |= 1u << (index % 32);
        used++;
    }
    if (used != node->count)
        return fail(j, "a member is missing");
    return half_full(j, used, node->slot_mask);
}

static int check_node(judge *j, uint32_t at, int depth, int group);

/* The levels of groups from this node on, itself one. */
static int check_group(judge *j, uint32_t at, int depth) {
    int levels;
    if (at % 4 == 0 && at < j->size && j->marks[at / 4] >= GROUP)
        levels = j->marks[at / 4] - GROUP;
    else if ((levels = check_node(j, at, depth, 1)) < 0)
        return -1;
    return depth + levels - 1 > FF_SCHEMA_DEPTH ? fail(j, "groups nest too deep") : levels;
}

static int check_members(judge *j, const ff_schema_node *node, int depth, int group) {
    const ff_schema_member *members = ff_members(node);
    const uint32_t *required = ff_required(node);
    uint32_t i;
    int deepest = 0;
    for (i = 0; i < node->count; i++) {
        const ff_schema_member *m = members + i;
        uint32_t section = m->flags & FF_SECTION;
        int levels = 0;
        if (m->index != i)
            return fail(j, "a member's index is wrong");
        if (m->flags > (FF_REQUIRED | FF_IN_TRAILER) || section > FF_IN_TRAILER || (group && section != FF_IN_BODY))
            return fail(j, "a member's flags are wrong");
        if ((required[i / 32] >> (i % 32) & 1) != (m->flags / FF_REQUIRED & 1u))
            return fail(j, "required members are not those that are flagged");
        if (check_field(j, m->tag, m->kind, m->codes))
            return -1;
        if (m->child && (levels = check_group(j, m->child, depth + 1)) < 0)
            return -1;
        if (levels > deepest)
            deepest = levels;
    }
    for (; i % 32; i++)
        if (required[i / 32] >> (i % 32) & 1)
            return fail(j, "more is required than there are members");
    return deepest;
}

/* A node that nobody has looked at. Returns the levels of groups, a group itself one; -1: something is wrong.
 * `depth`: groups down to this one, 0 in a message. Recurses FF_SCHEMA_DEPTH deep at most; a circle is an overlap. */
static int check_node(judge *j, uint32_t at, int depth, int group) {
    const ff_schema_node *node = (const ff_schema_node *)(j->blob + at);
    const ff_schema_member *first;
    int levels;
    if (depth > FF_SCHEMA_DEPTH)
        return fail(j, "groups nest too deep");
    if (claim(j, at, 1, sizeof *node))
        return -1;
    if (node->count > FF_SCHEMA_MEMBERS || node->words != (node->count + 31) / 32 || !node->slot_mask)
        return fail(j, "a node's counts are wrong");
    at += (uint32_t)sizeof *node;
    if (claim(j, at, node->words, 4))
        return -1;
    at += node->words * 4;
    if (claim(j, at, node->count, sizeof *first))
        return -1;
    at += node->count * (uint32_t)sizeof *first;
    if (claim_table(j, at, node->slot_mask, 2) || check_slots(j, node))
        return -1;
    if ((node->delimiter != 0) != group)
        return fail(j, "a message is where a group should be, or the other way round");
    first = group ? ff_member(node, node->delimiter) : NULL;
    if (group && !first)
        return fail(j, "a delimiter is no member of its group");
    if ((levels = check_members(j, node, depth, group)) < 0)
        return -1;
    if (group)
        j->marks[((const uint8_t *)node - j->blob) / 4] = (uint8_t)(GROUP + ++levels);
    return levels;
}

/* The node of a message; several messages may have the same. */
static int check_message(judge *j, uint32_t at) {
    if (at % 4 == 0 && at < j->size && j->marks[at / 4] == MESSAGE)
        return 0;
    if (check_node(j, at, 0, 0) < 0)
        return -1;
    j->marks[at / 4] = MESSAGE;
    return 0;
}

static int check_messages(judge *j, const ff_schema_header *header) {
    const ff_schema_message *table = (const ff_schema_message *)(j->blob + header->messages);
    uint32_t i, used = 0;
    if (claim_table(j, header->messages, header->message_mask, sizeof *table))
        return -1;
    for (i = 0; i <= header->message_mask; i++) {
        if (!table[i].length)
            continue;
        used++;
        if (check_text(j, table[i].text, table[i].length) || check_message(j, table[i].node))
            return -1;
    }
    return half_full(j, used, header->message_mask);
}

static int check_fields(judge *j, const ff_schema_header *header) {
    const ff_schema_field *table = (const ff_schema_field *)(j->blob + header->fields);
    uint32_t i, used = 0;
    if (claim_table(j, header->fields, header->field_mask, sizeof *table))
        return -1;
    for (i = 0; i <= header->field_mask; i++) {
        if (!table[i].tag)
            continue;
        used++;
        if (check_field(j, table[i].tag, table[i].kind, table[i].codes))
            return -1;
    }
    return half_full(j, used, header->field_mask);
}

static int check_pairs(judge *j, const ff_schema_header *header) {
    const ff_schema_pair *pairs = (const ff_schema_pair *)(j->blob + header->pairs);
    uint32_t i;
    if (claim(j, header->pairs, header->pair_count, sizeof *pairs))
        return -1;
    for (i = 0; i < header->pair_count; i++)
        if (pairs[i].length <= (i ? pairs[i - 1].length : 0) || pairs[i].data <= 0)
            return fail(j, "pairs are out of order");
    return 0;
}

const char *ff_schema_check(const uint8_t *blob, size_t n) {
    const ff_schema_header *header = (const ff_schema_header *)blob;
    judge j = {blob, 0, NULL, NULL};
    if (n < sizeof *header || n > INT32_MAX || n % 4)
        return "not the size of a compiled dictionary";
    if (header->magic != FF_SCHEMA_MAGIC)
        return "not a compiled dictionary, or one of another kind of machine";
    if (header->format != FF_SCHEMA_FORMAT)
        return "another version of the format";
    if (header->size != n)
        return "not whole";
    j.size = (uint32_t)n;
    j.marks = calloc(n / 4, 1);
    if (!j.marks)
        return "no memory to check it";
    if (!check_fields(&j, header) && !check_pairs(&j, header) && !check_message(&j, header->common))
        check_messages(&j, header);
    free(j.marks);
    return j.wrong;
}
