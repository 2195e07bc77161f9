/* How a table is made and changed. See table.h. */
#include "table.h"

static uint64_t hash_of_symbol(const TableData *table, uint32_t kind, const uint8_t *word, size_t length) {
    return hash_of(table->seed + kind, word, length);
}

uint64_t hash_of_node(const TableData *table, uint32_t parent, uint32_t symbol) {
    return mixed(mixed(table->seed, (uint64_t)parent << 32 | symbol), 0);
}

/* Keys are hashes already. */
static uint64_t hash_of_query(const TableData *table, const uint64_t key[2]) { return table->seed ^ key[0]; }

/* ---- the hash tables -------------------------------------------------------------------------------------------- */

typedef uint64_t (*HashOfPlace)(const TableData *, uint32_t place);

static uint64_t hash_of_kept_symbol(const TableData *table, uint32_t place) {
    const Symbol *symbol = &table->symbols.at[place];
    return hash_of_symbol(table, symbol->kind, table->letters.at + symbol->at, symbol->length);
}

static uint64_t hash_of_kept_node(const TableData *table, uint32_t place) {
    return hash_of_node(table, table->nodes.at[place].parent, table->nodes.at[place].symbol);
}

static uint64_t hash_of_kept_query(const TableData *table, uint32_t place) {
    return hash_of_query(table, table->queries.at[place].key);
}

/* Slots for `more` places. Making new ones puts all of them anew, 50 ms for a million, so a sixteenth as many again are
 * made; of a table that was read too, so that what is added first need not wait.
 * Nodes that a symbol leads to are found there, and need none. */
static bool make_slots(const TableData *table, Places *places, size_t more, size_t first, size_t used,
                       HashOfPlace hash) {
    if (has_slots(places, more))
        return true;
    size_t wanted = places->used + more;
    if (!new_slots(places, wanted + wanted / 16))
        return false;
    for (size_t place = first; place < used; place++)
        if (hash != hash_of_kept_node || table->nodes.at[place].parent)
            put_place(places, hash(table, (uint32_t)place), (uint32_t)place);
    return true;
}

static bool room_for_symbols(TableData *table, size_t more) {
    return MAKE_ROOM(&table->symbols, more) &&
           make_slots(table, &table->symbol_places, more, 1, table->symbols.used, hash_of_kept_symbol);
}

static bool room_for_nodes(TableData *table, size_t more) {
    return MAKE_ROOM(&table->nodes, more) &&
           make_slots(table, &table->node_places, more, 1, table->nodes.used, hash_of_kept_node);
}

bool room_for_query(TableData *table, size_t clauses, size_t literals) {
    return MAKE_ROOM(&table->queries, 1) && MAKE_ROOM(&table->dead, 1) && MAKE_ROOM(&table->clauses, clauses) && MAKE_ROOM(&table->added, clauses) &&
           MAKE_ROOM(&table->tails, 2 * clauses + literals) &&
           make_slots(table, &table->query_places, 1, 0, table->queries.used, hash_of_kept_query);
}

uint32_t find_symbol(const TableData *table, uint32_t kind, const uint8_t *word, size_t length) {
    const Places *places = &table->symbol_places;
    uint64_t hash = hash_of_symbol(table, kind, word, length);
    for (size_t slot = first_slot(places, hash); places->tags[slot]; slot = next_slot(places, slot)) {
        if (places->tags[slot] != tag_of(hash))
            continue;
        const Symbol *symbol = &table->symbols.at[places->slots[slot]];
        if (symbol->kind == kind && same_bytes(word, length, table->letters.at + symbol->at, symbol->length))
            return places->slots[slot];
    }
    return 0;
}

uint32_t find_node(const TableData *table, uint32_t parent, uint32_t symbol) {
    if (parent == 0)
        return table->symbols.at[symbol].root;
    const Places *places = &table->node_places;
    uint64_t hash = hash_of_node(table, parent, symbol);
    for (size_t slot = first_slot(places, hash); places->tags[slot]; slot = next_slot(places, slot)) {
        if (places->tags[slot] != tag_of(hash))
            continue;
        const Node *node = &table->nodes.at[places->slots[slot]];
        if (node->parent == parent && node->symbol == symbol)
            return places->slots[slot];
    }
    return 0;
}

uint32_t find_query(const TableData *table, const uint64_t key[2]) {
    const Places *places = &table->query_places;
    uint64_t hash = hash_of_query(table, key);
    for (size_t slot = first_slot(places, hash); places->tags[slot]; slot = next_slot(places, slot)) {
        if (places->tags[slot] != tag_of(hash))
            continue;
        const Query *query = &table->queries.at[places->slots[slot]];
        if (query->key[0] == key[0] && query->key[1] == key[1])
            return places->slots[slot];
    }
    return EMPTY;
}

/* ---- who lives -------------------------------------------------------------------------------------------------- */

static void note_life(TableData *table, uint32_t query) {
    const Query *held = &table->queries.at[query];
    uint64_t bit = 1ULL << (query & 63);
    if (query / 64 == table->dead.used)
        table->dead.at[table->dead.used++] = 0;
    table->deaths++;
    if (held->held) {
        table->dead.at[query / 64] &= ~bit;
        table->live++;
        table->postings += held->clauses;
    } else {
        table->dead.at[query / 64] |= bit;
    }
}

void hold_query(TableData *table, uint32_t query) {
    if (table->queries.at[query].held++ == 0)
        note_life(table, query);
}

void release_query(TableData *table, uint32_t query) {
    Query *held = &table->queries.at[query];
    if (held->held && --held->held == 0) {
        note_life(table, query);
        table->live--;
        table->postings -= held->clauses;
    }
}

/* ---- from nothing, or from a file ------------------------------------------------------------------------------- */

bool table_begin(TableData *table, uint64_t seed) {
    memset(table, 0, sizeof *table);
    table->seed = seed;
    /* Place 0 means "none" in all of these. */
    if (!room_for_symbols(table, 1) || !room_for_nodes(table, 1) || !MAKE_ROOM(&table->endings, 1) ||
        !MAKE_ROOM(&table->terms, 2) || !MAKE_ROOM(&table->tails, 1) || !MAKE_ROOM(&table->added, 1) ||
        !room_for_query(table, 0, 0))
        return false;
    table->symbols.at[table->symbols.used++] = (Symbol){.kind = KINDS};
    table->nodes.at[table->nodes.used++] = (Node){0};
    table->endings.at[table->endings.used++] = (Ending){0};
    table->tails.at[table->tails.used++] = 0;
    table->added.at[table->added.used++] = (Added){0};
    table->terms.at[table->terms.used++] = (Term){.scope = SCOPE_OUTSIDE};
    table->terms.at[table->terms.used++] = (Term){.scope = SCOPE_OUTSIDE};
    return true;
}

void table_end(TableData *table) {
    DISCARD(&table->letters);
    DISCARD(&table->symbols);
    DISCARD(&table->nodes);
    DISCARD(&table->endings);
    DISCARD(&table->terms);
    DISCARD(&table->singles);
    DISCARD(&table->clauses);
    DISCARD(&table->tails);
    DISCARD(&table->added);
    DISCARD(&table->queries);
    DISCARD(&table->dead);
    discard_places(&table->symbol_places);
    discard_places(&table->node_places);
    discard_places(&table->query_places);
    memset(table, 0, sizeof *table);
}

bool table_index(TableData *table) {
    discard_places(&table->symbol_places);
    discard_places(&table->node_places);
    discard_places(&table->query_places);
    for (size_t place = 1; place < table->symbols.used; place++) {
        const Symbol *symbol = &table->symbols.at[place];
        if (symbol->length > table->longest[symbol->kind])
            table->longest[symbol->kind] = symbol->length;
    }
    if (!MAKE_ROOM(&table->dead, table->queries.used / 64 + 1))
        return false;
    for (uint32_t place = 0; place < table->queries.used; place++)
        note_life(table, place);
    size_t inner = 0;
    for (size_t place = 0; place < table->nodes.used; place++)
        inner += table->nodes.at[place].parent != 0;
    return make_slots(table, &table->symbol_places, table->symbols.used, 1, table->symbols.used, hash_of_kept_symbol) &&
           make_slots(table, &table->node_places, inner, 1, table->nodes.used, hash_of_kept_node) &&
           make_slots(table, &table->query_places, table->queries.used, 0, table->queries.used, hash_of_kept_query);
}

/* ---- terms ------------------------------------------------------------------------------------------------------ */

static uint32_t symbol_for(TableData *table, const Asked *asked) {
    uint32_t found = find_symbol(table, asked->kind, asked->word, asked->length);
    if (found)
        return found;
    uint32_t place = (uint32_t)table->symbols.used++;
    table->symbols.at[place] = (Symbol){
        .at = (uint32_t)table->letters.used, .length = asked->length, .kind = (uint8_t)asked->kind};
    if (asked->length)
        memcpy(table->letters.at + table->letters.used, asked->word, asked->length);
    table->letters.used += asked->length;
    if (asked->length > table->longest[asked->kind])
        table->longest[asked->kind] = asked->length;
    put_place(&table->symbol_places, hash_of_kept_symbol(table, place), place);
    table->generation++;
    return place;
}

static uint32_t node_for(TableData *table, uint32_t parent, uint32_t symbol) {
    uint32_t found = find_node(table, parent, symbol);
    if (found)
        return found;
    uint32_t place = (uint32_t)table->nodes.used++;
    table->nodes.at[place] = (Node){.parent = parent, .symbol = symbol};
    if (parent == 0) {
        table->symbols.at[symbol].root = place;
        table->generation++;
    } else {
        Node *above = &table->nodes.at[parent];
        uint32_t children = above->children | 1U << (symbol & 31);
        table->generation += !table->symbols.at[symbol].follows || (above->parent == 0 && children != above->children);
        table->symbols.at[symbol].follows = true;
        above->children = children;
        put_place(&table->node_places, hash_of_kept_node(table, place), place);
    }
    return place;
}

static bool ends_at(const TableData *table, uint32_t term, const Node *node) {
    for (Ended at = ended_at(table, node->ends); at.term; at = ended_next(table, at))
        if (at.term == term)
            return true;
    return false;
}

/* The term that ends at all of these nodes and nowhere else, if there is one. */
static uint32_t term_of(const TableData *table, uint32_t scope, const uint32_t *ends, size_t rows) {
    for (Ended at = ended_at(table, table->nodes.at[ends[0]].ends); at.term; at = ended_next(table, at)) {
        const Term *found = &table->terms.at[at.term];
        size_t same = 0;
        if (found->scope == scope && found->rows == rows)
            while (same < rows && ends_at(table, at.term, &table->nodes.at[ends[same]]))
                same++;
        if (same == rows)
            return at.term;
    }
    return 0;
}

static void end_term(TableData *table, uint32_t term, Node *node) {
    table->generation += node->parent == 0;
    if (node->ends == 0) {
        node->ends = term;
        return;
    }
    if ((node->ends & MANY) == 0) {
        table->endings.at[table->endings.used] = (Ending){node->ends, 0};
        node->ends = (uint32_t)table->endings.used++ | MANY;
    }
    table->endings.at[table->endings.used] = (Ending){term, node->ends & ~MANY};
    node->ends = (uint32_t)table->endings.used++ | MANY;
}

/* Their places leave the bit MANY free. */
static bool room_for_term(TableData *table, size_t rows) {
    return table->terms.used < MANY && table->endings.used + 2 * rows < MANY && MAKE_ROOM(&table->terms, 1) &&
           MAKE_ROOM(&table->endings, 2 * rows);
}

static uint32_t new_term(TableData *table, uint32_t scope, size_t rows, float guess) {
    enum { GUESS_WEIGHT = 16 }; /* papers that a guess is worth */
    table->terms.at[table->terms.used] = (Term){
        .singles = (uint32_t)table->singles.used,
        .clauses = clauses_in_order(table),
        .seen = guess * GUESS_WEIGHT,
        .born = (int32_t)table->papers - GUESS_WEIGHT,
        .scope = (uint8_t)scope,
        .rows = (uint8_t)rows,
    };
    return (uint32_t)table->terms.used++;
}

uint32_t add_term(TableData *table, uint32_t scope, const Asked *asked, const size_t *ends, size_t rows, float guess) {
    size_t symbols = ends[rows - 1], bytes = 0;
    for (size_t i = 0; i < symbols; i++)
        bytes += asked[i].length;
    uint32_t *nodes = malloc(rows * sizeof *nodes);
    if (nodes == NULL || !MAKE_ROOM(&table->letters, bytes) || !room_for_symbols(table, symbols) ||
        !room_for_nodes(table, symbols) || !room_for_term(table, rows)) {
        free(nodes);
        return EMPTY;
    }
    for (size_t row = 0, i = 0; row < rows; row++) {
        uint32_t node = 0;
        for (; i < ends[row]; i++)
            node = node_for(table, node, symbol_for(table, &asked[i]));
        nodes[row] = node;
    }
    uint32_t term = term_of(table, scope, nodes, rows);
    if (term == 0) {
        term = new_term(table, scope, rows, guess);
        for (size_t row = 0; row < rows; row++)
            end_term(table, term, &table->nodes.at[nodes[row]]);
    }
    free(nodes);
    return term;
}

uint32_t add_outside(TableData *table, float guess) {
    return room_for_term(table, 0) ? new_term(table, SCOPE_OUTSIDE, 0, guess) : EMPTY;
}

/* ---- queries ---------------------------------------------------------------------------------------------------- */

uint32_t add_query(TableData *table, const uint64_t key[2]) {
    uint32_t query = (uint32_t)table->queries.used++;
    table->queries.at[query] = (Query){{key[0], key[1]}, 0, 0};
    put_place(&table->query_places, hash_of_kept_query(table, query), query);
    note_life(table, query);
    return query;
}

static float share(const TableData *table, uint32_t term) {
    if (term == ALWAYS)
        return 1;
    const Term *found = &table->terms.at[term];
    int64_t papers = (int64_t)table->papers - found->born;
    return found->seen / (float)(papers > 0 ? papers : 1);
}

/* Posts under the rarest term that is required; its place among them becomes the first's. */
static uint32_t take_rarest(const TableData *table, uint32_t *required, size_t needed) {
    size_t best = 0;
    for (size_t i = 1; i < needed; i++)
        if (share(table, required[i]) < share(table, required[best]))
            best = i;
    uint32_t rarest = required[best];
    required[best] = required[0];
    return rarest;
}

void add_clause(TableData *table, uint32_t query, uint32_t *required, size_t needed, const uint32_t *forbidden,
                size_t barred) {
    uint32_t pivot = ALWAYS;
    if (needed) {
        pivot = take_rarest(table, required, needed);
        required++;
        needed--;
    }
    Clause clause = {query, {ALWAYS, ALWAYS}, {NEVER, NEVER}, 0};
    size_t required_here = needed < 2 ? needed : 2, forbidden_here = barred < 2 ? barred : 2;
    for (size_t i = 0; i < required_here; i++)
        clause.required[i] = required[i];
    for (size_t i = 0; i < forbidden_here; i++)
        clause.forbidden[i] = forbidden[i];
    if (needed > 2 || barred > 2) {
        uint32_t *tail = table->tails.at + table->tails.used;
        clause.tail = (uint32_t)table->tails.used;
        *tail++ = (uint32_t)(needed - required_here);
        *tail++ = (uint32_t)(barred - forbidden_here);
        for (size_t i = required_here; i < needed; i++)
            *tail++ = required[i];
        for (size_t i = forbidden_here; i < barred; i++)
            *tail++ = forbidden[i];
        table->tails.used = (size_t)(tail - table->tails.at);
    }
    table->clauses.at[table->clauses.used] = clause;
    table->added.at[table->added.used] = (Added){(uint32_t)table->clauses.used++, table->terms.at[pivot].added};
    table->terms.at[pivot].added = (uint32_t)table->added.used++;
    table->queries.at[query].clauses++;
}
