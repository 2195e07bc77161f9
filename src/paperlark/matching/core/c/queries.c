/* The queries that a paper with these terms meets. See matcher.h. */
#include "matcher.h"

/* Takes a query for met, if it is; without a branch, for nobody could guess which way it goes. There is always room: a
 * paper meets no more queries than there are. */
static void answer(MatcherData *matcher, uint32_t query, bool is_met) {
    uint64_t *bits = &matcher->answered.at[query / 64];
    uint64_t bit = (uint64_t)is_met << (query & 63);
    matcher->met.at[matcher->met.used] = query;
    matcher->met.used += (bit & ~*bits) != 0;
    *bits |= bit;
}

/* Queries that are one after the other: their bits are set at once. */
static void answer_run(MatcherData *matcher, uint32_t query, uint32_t number) {
    while (number) {
        uint32_t from = query & 63, here = number < 64 - from ? number : 64 - from;
        uint64_t run = (here == 64 ? ~0ULL : (1ULL << here) - 1) << from;
        uint64_t *bits = &matcher->answered.at[query / 64];
        uint64_t fresh = run & ~*bits;
        uint32_t *met = matcher->met.at + matcher->met.used;
        *bits |= run;
        if (fresh == run) {
            for (uint32_t i = 0; i < here; i++)
                met[i] = query + i;
            matcher->met.used += here;
        } else if (fresh) {
            uint32_t used = 0;
            for (uint32_t i = 0; i < here; i++) {
                met[used] = query + i;
                used += fresh >> (from + i) & 1;
            }
            matcher->met.used += used;
        }
        query += here;
        number -= here;
    }
}

static bool tail_holds(const MatcherData *matcher, uint32_t at) {
    const uint32_t *tail = matcher->table->tails.at + at;
    uint32_t required = *tail++, forbidden = *tail++;
    while (required--)
        if (!is_set(matcher->has.at, *tail++))
            return false;
    while (forbidden--)
        if (is_set(matcher->has.at, *tail++))
            return false;
    return true;
}

static void ask_clause(MatcherData *matcher, const Clause *clause) {
    const uint64_t *has = matcher->has.at;
    bool holds = (is_set(has, clause->required[0]) & is_set(has, clause->required[1])) &
                 !(is_set(has, clause->forbidden[0]) | is_set(has, clause->forbidden[1]));
    if (clause->tail)
        holds = holds && tail_holds(matcher, clause->tail);
    answer(matcher, clause->query, holds);
}

/* Those that are posted under this term alone, or first, stand last and one after the other. The others are strewn. */
static void ask_singles(MatcherData *matcher, const uint32_t *singles, uint32_t number) {
    if (number == 0)
        return;
    uint32_t run = number - 1;
    while (run && singles[run - 1] + 1 == singles[run])
        run--;
    for (uint32_t i = 0; i < run; i++)
        answer(matcher, singles[i], true);
    answer_run(matcher, singles[run], number - run);
}

static void ask(MatcherData *matcher, uint32_t place) {
    const TableData *table = matcher->table;
    const Term *term = &table->terms.at[place];
    uint32_t clauses = clauses_end(table, place);
    ask_singles(matcher, &table->singles.at[term->singles], singles_end(table, place) - term->singles);
    for (uint32_t i = term->clauses; i < clauses; i++)
        ask_clause(matcher, &table->clauses.at[i]);
    matcher->examined += clauses - term->clauses;
    for (uint32_t i = term->added; i; i = table->added.at[i].next, matcher->examined++)
        ask_clause(matcher, &table->clauses.at[table->added.at[i].clause]);
}

/* The first lines of what is posted under a term; of the further ones the processor thinks by itself. */
static void prefetch_lines(const void *from, const void *until) {
    enum { LINE = 64, MOST = 6 };
    const char *at = from, *end = until;
    for (int i = 0; i < MOST && at < end; i++, at += LINE)
        PREFETCH(at);
}

static void prefetch_postings(const MatcherData *matcher, uint32_t place) {
    const TableData *table = matcher->table;
    const Term *term = &table->terms.at[place];
    prefetch_lines(&table->singles.at[term->singles], &table->singles.at[singles_end(table, place)]);
    prefetch_lines(&table->clauses.at[term->clauses], &table->clauses.at[clauses_end(table, place)]);
    if (term->added)
        PREFETCH(&table->added.at[term->added]);
}

void ask_queries(MatcherData *matcher) {
    enum { AHEAD = 8 };
    const Numbers *present = &matcher->present;
    for (size_t i = 0; i < present->used; i++) {
        if (i + AHEAD < present->used)
            prefetch_postings(matcher, present->at[i + AHEAD]);
        ask(matcher, present->at[i]);
    }
}

