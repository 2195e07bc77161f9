/* The queries that a paper with these terms meets. See matcher.h. */
#include "matcher.h"

/* There is always room: a paper meets no more queries than there are. */
static void answer(MatcherData *matcher, uint32_t query) {
    uint64_t bit = 1ULL << (query & 63);
    uint64_t *bits = &matcher->answered.at[query / 64];
    matcher->met.at[matcher->met.used] = query;
    matcher->met.used += (*bits & bit) == 0;
    *bits |= bit;
}

/* Queries posted together are numbered one after the other, so most answers come in runs: their bits are set at once. */
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

static bool holds(const MatcherData *matcher, const Clause *clause) {
    const uint64_t *has = matcher->has.at;
    return is_set(has, clause->required[0]) && is_set(has, clause->required[1]) && !is_set(has, clause->forbidden[0]) &&
           !is_set(has, clause->forbidden[1]) && (clause->tail == 0 || tail_holds(matcher, clause->tail));
}

static void ask_clause(MatcherData *matcher, const Clause *clause) {
    if (holds(matcher, clause))
        answer(matcher, clause->query);
}

static void ask_singles(MatcherData *matcher, const uint32_t *singles, uint32_t number) {
    for (uint32_t i = 0, next; i < number; i = next) {
        for (next = i + 1; next < number && singles[next] == singles[next - 1] + 1; next++)
            ;
        answer_run(matcher, singles[i], next - i);
    }
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

static void prefetch_postings(const MatcherData *matcher, uint32_t place) {
    const TableData *table = matcher->table;
    const Term *term = &table->terms.at[place];
    PREFETCH(&table->singles.at[term->singles]);
    PREFETCH(&table->clauses.at[term->clauses]);
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

