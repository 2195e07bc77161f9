/* How papers are matched, one after the other. See matcher.h. Runs without Python's lock. */
#include "matcher.h"

static void teach(MatcherData *matcher) {
    matcher->taught->papers++;
    for (size_t i = 0; i < matcher->present.used; i++)
        matcher->taught->terms.at[matcher->present.at[i]].seen++;
}

/* Only dead queries are answered again. Of many answers all bits are written anew: 5 us for a million queries. */
static void forget_answers(MatcherData *matcher, const PaperData *paper) {
    const TableData *table = matcher->table;
    if (paper->met_end - paper->met > table->dead.used / 4) {
        memcpy(matcher->answered.at, table->dead.at, table->dead.used * sizeof *table->dead.at);
        return;
    }
    for (size_t i = paper->met; i < paper->met_end; i++)
        matcher->answered.at[matcher->met.at[i] / 64] &= ~(1ULL << (matcher->met.at[i] & 63));
}

static bool match_paper(MatcherData *matcher, PaperData *paper) {
    const TableData *table = matcher->table;
    /* One place more than there are queries: `answer` writes before it knows. */
    if (!MAKE_ROOM(&matcher->met, table->queries.used + 1))
        return false;
    matcher->present.used = 0;
    paper->met = matcher->met.used;
    note_term(matcher, ALWAYS);
    bool found = find_terms(matcher, paper);
    if (found)
        ask_queries(matcher);
    if (found && matcher->taught)
        teach(matcher);
    paper->met_end = matcher->met.used;
    forget_answers(matcher, paper);
    for (size_t i = 0; i < matcher->present.used; i++)
        matcher->has.at[matcher->present.at[i] / 64] = 0;
    return found;
}

/* Marks for as many terms and queries as the table has by now; dead queries are as if answered already. */
static bool make_marks(MatcherData *matcher) {
    const TableData *table = matcher->table;
    size_t terms = table->terms.used / 64 + 1, queries = table->dead.used;
    if (terms > matcher->has.used) {
        if (!MAKE_ROOM(&matcher->has, terms - matcher->has.used))
            return false;
        memset(matcher->has.at + matcher->has.used, 0, (terms - matcher->has.used) * sizeof *matcher->has.at);
        matcher->has.used = terms;
    }
    matcher->present.used = 0;
    if (!MAKE_ROOM(&matcher->present, table->terms.used))
        return false;
    if (matcher->deaths == table->deaths)
        return true;
    matcher->answered.used = 0;
    if (!MAKE_ROOM(&matcher->answered, queries))
        return false;
    if (queries)
        memcpy(matcher->answered.at, table->dead.at, queries * sizeof *table->dead.at);
    matcher->answered.used = queries;
    matcher->deaths = table->deaths;
    return true;
}

bool match_papers(MatcherData *matcher) {
    if (!make_marks(matcher))
        return false;
    for (size_t i = 0; i < matcher->papers.used; i++)
        if (!match_paper(matcher, &matcher->papers.at[i]))
            return false;
    return true;
}

/* ---- begin, forget, end ----------------------------------------------------------------------------------------- */

/* Learning tens of thousands of words anew would take a second, and Python's lock. */
static bool know_words_of(MatcherData *matcher, const MatcherData *other) {
    matcher->seed = other->seed;
    matcher->heard = other->heard;
    return COPY_OF(&matcher->words, other->words.at, other->words.used, 0) &&
           COPY_OF(&matcher->letters, other->letters.at, other->letters.used, 0) &&
           COPY_OF(&matcher->begins, other->begins.at, other->begins.used, 0) &&
           COPY_OF(&matcher->follows, other->follows.at, other->follows.used, 0) && room_for_word(matcher, 0);
}

bool matcher_begin(MatcherData *matcher, const TableData *table, TableData *taught, const MatcherData *other,
                   uint64_t seed) {
    memset(matcher, 0, sizeof *matcher);
    matcher->table = table;
    matcher->taught = taught;
    matcher->seed = seed;
    matcher->deaths = UINT64_MAX;
    return other == NULL ? forget_words(matcher) : know_words_of(matcher, other);
}

bool forget_words(MatcherData *matcher) {
    discard_places(&matcher->word_places);
    DISCARD(&matcher->words);
    DISCARD(&matcher->letters);
    DISCARD(&matcher->begins);
    DISCARD(&matcher->follows);
    DISCARD(&matcher->unknown);
    matcher->heard = 0;
    return room_for_word(matcher, 0);
}

void forget_papers(MatcherData *matcher) {
    enum { KEPT = 1 << 22 }; /* what an ordinary batch needs at a million profiles stays */
    matcher->texts.used = matcher->codes.used = matcher->outside.used = matcher->papers.used = 0;
    matcher->spots.used = matcher->met.used = matcher->unknown.used = 0;
    if (matcher->met.room > KEPT)
        DISCARD(&matcher->met);
    if (matcher->spots.room > KEPT)
        DISCARD(&matcher->spots);
    if (matcher->cuts.room > KEPT)
        DISCARD(&matcher->cuts);
    if (matcher->steps.room > KEPT)
        DISCARD(&matcher->steps);
    if (matcher->edges.room > KEPT)
        DISCARD(&matcher->edges);
    if (matcher->ends.room > KEPT)
        DISCARD(&matcher->ends);
}

bool is_too_large(const MatcherData *matcher, size_t most_words) {
    return matcher->words.used > most_words || matcher->letters.used > 64 * most_words ||
           matcher->begins.used + matcher->follows.used > 64 * most_words;
}

void matcher_end(MatcherData *matcher) {
    DISCARD(&matcher->texts);
    DISCARD(&matcher->codes);
    DISCARD(&matcher->outside);
    DISCARD(&matcher->papers);
    DISCARD(&matcher->words);
    DISCARD(&matcher->letters);
    DISCARD(&matcher->begins);
    DISCARD(&matcher->follows);
    DISCARD(&matcher->unknown);
    discard_places(&matcher->word_places);
    DISCARD(&matcher->cuts);
    DISCARD(&matcher->spots);
    DISCARD(&matcher->steps);
    DISCARD(&matcher->edges);
    DISCARD(&matcher->ends);
    DISCARD(&matcher->present);
    DISCARD(&matcher->has);
    DISCARD(&matcher->answered);
    DISCARD(&matcher->met);
    memset(matcher, 0, sizeof *matcher);
}
