/* Queries, compiled: what `layout.py` describes, with the hash tables that find things in it.
 *
 * Changed by one thread that holds Python's lock, and only while nobody matches. A change first makes all the room
 * that it may need; from there on it cannot fail, so a table is never left half changed.
 */
#ifndef PAPERLARK_TABLE_H
#define PAPERLARK_TABLE_H

#include "growing.h"

enum { ALWAYS = 0, NEVER = 1 };         /* terms that every paper has, and that none has */
enum { STEM, WORD, EXACT, BEGINS, EXACT_BEGINS, CODE, CODE_BEGINS, KINDS };
enum { SCOPE_CODE = 5, SCOPE_OUTSIDE = 6 };

typedef struct {
    uint32_t at, length; /* its word: letters[at : at + length] */
    uint8_t kind;
    uint8_t follows; /* whether any row goes on by it */
    uint16_t spare;
    uint32_t root; /* the node of the rows that begin with it; 0: none does */
} Symbol;

/* The beginning of a row, up to a symbol: a node of the trie. Of nothing else are there so many: it has 16 bytes. */
typedef struct {
    uint32_t parent, symbol;
    uint32_t ends;     /* the term that ends here; 0: none; with the bit MANY: the first of several endings */
    uint32_t children; /* a bit for each symbol that may go on: most words that do not are never looked up */
} Node;

#define MANY (1U << 31)

typedef struct {
    uint32_t term, next;
} Ending;

typedef struct {
    uint32_t singles; /* where queries that need nothing else begin, up to where the next term's do; */
    uint32_t clauses; /* clauses likewise */
    uint32_t added;   /* the newest of what was posted later; 0: nothing */
    float seen;       /* papers that had it, the guess among them, */
    int32_t born;     /* of those since this number of papers */
    uint8_t scope, rows;
    uint16_t spare;
} Term;

/* What a clause needs beside the term that it is posted under. Almost all fit into these 24 bytes; the others have
 * their rest in tails[tail:]: how many more are required, how many forbidden, and these. */
typedef struct {
    uint32_t query;
    uint32_t required[2];
    uint32_t forbidden[2];
    uint32_t tail;
} Clause;

typedef struct {
    uint32_t clause, next;
} Added;

typedef struct {
    uint64_t key[2];
    uint32_t held;    /* by how many profiles; 0: dead */
    uint32_t clauses;
} Query;

typedef GROWING(uint8_t) Letters;
typedef GROWING(uint32_t) Numbers;

typedef struct {
    Letters letters;
    GROWING(Symbol) symbols;
    GROWING(Node) nodes;
    GROWING(Ending) endings;
    GROWING(Term) terms;
    Numbers singles;
    GROWING(Clause) clauses;
    Numbers tails;
    GROWING(Added) added;
    GROWING(Query) queries;
    GROWING(uint64_t) dead; /* a bit for each query that nobody holds */

    Places symbol_places, node_places, query_places;
    uint64_t seed;
    uint32_t papers;
    uint32_t longest[KINDS]; /* bytes of the longest symbol of each kind */
    uint64_t generation;     /* changes with every symbol and with every root: what words say may have changed */
    uint64_t deaths;         /* changes with every query that dies or comes to life */
    size_t postings, live;   /* clauses of queries that are held; how many these are */
} TableData;

/* One symbol of a row that is asked for. */
typedef struct {
    uint32_t kind, length;
    const uint8_t *word;
} Asked;

bool table_begin(TableData *table, uint64_t seed);
void table_end(TableData *table);
bool table_is_sound(const TableData *table); /* whether columns that were read fit together */
bool table_index(TableData *table);          /* make the hash tables of what was read */

uint32_t find_symbol(const TableData *table, uint32_t kind, const uint8_t *word, size_t length);
uint32_t find_node(const TableData *table, uint32_t parent, uint32_t symbol);
uint64_t hash_of_node(const TableData *table, uint32_t parent, uint32_t symbol); /* in node_places; of no root */
uint32_t find_query(const TableData *table, const uint64_t key[2]);

/* The terms of a node's `ends`, one after the other: for (Ended at = ended_at(…); at.term; at = ended_next(…)). */
typedef struct {
    uint32_t term, more;
} Ended;

static inline Ended ended_next(const TableData *table, Ended at) {
    const Ending *ending = &table->endings.at[at.more]; /* at 0 there is none, and no term */
    return (Ended){ending->term, ending->next};
}

static inline Ended ended_at(const TableData *table, uint32_t ends) {
    return ends & MANY ? ended_next(table, (Ended){0, ends & ~MANY}) : (Ended){ends, 0};
}

/* Clauses up to here stand in the order of the terms that they are posted under; those behind were added later. */
static inline uint32_t clauses_in_order(const TableData *table) {
    return (uint32_t)(table->clauses.used + 1 - table->added.used);
}

static inline uint32_t singles_end(const TableData *table, uint32_t term) {
    return term + 1 < table->terms.used ? table->terms.at[term + 1].singles : (uint32_t)table->singles.used;
}

static inline uint32_t clauses_end(const TableData *table, uint32_t term) {
    return term + 1 < table->terms.used ? table->terms.at[term + 1].clauses : clauses_in_order(table);
}

/* Rows stand one after the other in `asked`; ends[i] is where row i ends. EMPTY: no memory. */
uint32_t add_term(TableData *table, uint32_t scope, const Asked *asked, const size_t *ends, size_t rows, float guess);
uint32_t add_outside(TableData *table, float guess);
bool room_for_query(TableData *table, size_t clauses, size_t literals);
uint32_t add_query(TableData *table, const uint64_t key[2]);
void add_clause(TableData *table, uint32_t query, uint32_t *required, size_t needed, const uint32_t *forbidden,
                size_t barred);
void hold_query(TableData *table, uint32_t query);
void release_query(TableData *table, uint32_t query);

#endif
