/* Whether columns fit together, so that nothing that follows them can leave them. A checksum says that a file is as it
 * was written; this says that what was written can be used. Looks at everything once: 20 ms for a million queries. */
#include "table.h"

static bool symbols_are_sound(const TableData *table) {
    for (size_t i = 0; i < table->symbols.used; i++) {
        const Symbol *symbol = &table->symbols.at[i];
        if (symbol->kind >= KINDS + (i == 0) || symbol->root >= table->nodes.used ||
            symbol->at > table->letters.used || symbol->length > table->letters.used - symbol->at)
            return false;
    }
    return table->symbols.used > 0;
}

/* A chain leads to earlier places only, so that it ends. */
static bool trie_is_sound(const TableData *table) {
    for (size_t i = 0; i < table->nodes.used; i++) {
        const Node *node = &table->nodes.at[i];
        size_t most = node->ends & MANY ? table->endings.used : table->terms.used;
        if ((i && node->parent >= i) || node->symbol >= table->symbols.used || (node->ends & ~MANY) >= most)
            return false;
    }
    for (size_t i = 0; i < table->endings.used; i++)
        if (table->endings.at[i].term >= table->terms.used || (i && table->endings.at[i].next >= i))
            return false;
    return table->nodes.used > 0 && table->endings.used > 0 && table->endings.at[0].term == 0 &&
           table->endings.at[0].next == 0;
}

static bool postings_are_sound(const TableData *table) {
    if (table->added.used == 0 || table->added.used > table->clauses.used + 1)
        return false;
    for (uint32_t i = 0; i < table->terms.used; i++) {
        const Term *term = &table->terms.at[i];
        if (term->singles > singles_end(table, i) || term->clauses > clauses_end(table, i) ||
            term->added >= table->added.used || term->scope > SCOPE_OUTSIDE)
            return false;
    }
    for (size_t i = 0; i < table->singles.used; i++)
        if (table->singles.at[i] >= table->queries.used)
            return false;
    for (size_t i = 1; i < table->added.used; i++)
        if (table->added.at[i].clause >= table->clauses.used || table->added.at[i].next >= i)
            return false;
    return table->terms.used >= 2;
}

static bool tail_is_sound(const TableData *table, uint32_t at) {
    const Numbers *tails = &table->tails;
    if (at == 0)
        return true;
    if (at >= tails->used || tails->used - at < 2)
        return false;
    uint64_t terms = (uint64_t)tails->at[at] + tails->at[at + 1];
    if (terms > tails->used - at - 2)
        return false;
    for (size_t i = 0; i < terms; i++)
        if (tails->at[at + 2 + i] >= table->terms.used)
            return false;
    return true;
}

static bool clauses_are_sound(const TableData *table) {
    for (size_t i = 0; i < table->clauses.used; i++) {
        const Clause *clause = &table->clauses.at[i];
        for (size_t j = 0; j < 2; j++)
            if (clause->required[j] >= table->terms.used || clause->forbidden[j] >= table->terms.used)
                return false;
        if (clause->query >= table->queries.used || !tail_is_sound(table, clause->tail))
            return false;
    }
    return table->tails.used > 0;
}

bool table_is_sound(const TableData *table) {
    return symbols_are_sound(table) && trie_is_sound(table) && postings_are_sound(table) && clauses_are_sound(table);
}
