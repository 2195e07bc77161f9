/* The terms of a paper: the rows that its words begin, followed as far as the text does. See matcher.h. */
#include "matcher.h"

/* There is always room: no more terms can be present than there are. */
void note_term(MatcherData *matcher, uint32_t term) {
    if (is_set(matcher->has.at, term))
        return;
    matcher->has.at[term / 64] |= 1ULL << (term & 63);
    matcher->present.at[matcher->present.used++] = term;
}

static void note_if_looked_for(MatcherData *matcher, uint32_t term, uint32_t scopes) {
    if (scopes >> matcher->table->terms.at[term].scope & 1)
        note_term(matcher, term);
}

static void note_endings(MatcherData *matcher, uint32_t ends, uint32_t scopes) {
    for (Ended at = ended_at(matcher->table, ends); at.term; at = ended_next(matcher->table, at))
        note_if_looked_for(matcher, at.term, scopes);
}

/* What stands at a node that a row has led to. There is room for one end and one step. */
static void reach(MatcherData *matcher, uint32_t node, uint32_t ends, uint32_t children, uint32_t spot) {
    if (ends)
        matcher->ends.at[matcher->ends.used++] = ends;
    if (children)
        matcher->steps.at[matcher->steps.used++] = (Step){node, children, spot};
}

static bool begin_rows(MatcherData *matcher, const Text *text) {
    const Spot *spots = matcher->spots.at + text->first;
    for (uint32_t spot = 0; spot < text->spots; spot++)
        for (uint32_t part = 0; part < CLOSED_PARTS && spots[spot].words[part] != EMPTY; part++) {
            const Word *word = &matcher->words.at[spots[spot].words[part]];
            const Begin *begins = matcher->begins.at + word->begins;
            if (!MAKE_ROOM(&matcher->ends, word->begins_used) || !MAKE_ROOM(&matcher->steps, word->begins_used))
                return false;
            for (uint32_t i = 0; i < word->begins_used; i++)
                reach(matcher, begins[i].node, begins[i].ends, begins[i].children, spot + part + 1);
        }
    return true;
}

/* Where a row may go on by a word: asks memory for what tells whether it does. */
static bool may_go_on(MatcherData *matcher, Step step, const Word *word, uint32_t spot) {
    const TableData *table = matcher->table;
    const uint32_t *follows = matcher->follows.at + word->follows;
    if (!MAKE_ROOM(&matcher->edges, word->follows_used))
        return false;
    for (uint32_t i = 0; i < word->follows_used; i++)
        if (step.children >> (follows[i] & 31) & 1) {
            uint64_t hash = hash_of_node(table, step.node, follows[i]);
            prefetch_tag(&table->node_places, hash);
            matcher->edges.at[matcher->edges.used++] = (Edge){hash, step.node, follows[i], spot};
        }
    return true;
}

/* The rows of some steps, one word further; those that go on are steps again. Each pass asks memory for what the next
 * one reads: tags, slots, nodes. */
static bool go_on(MatcherData *matcher, const Text *text, size_t from, size_t until) {
    const TableData *table = matcher->table;
    const Spot *spots = matcher->spots.at + text->first;
    matcher->edges.used = 0;
    for (size_t i = from; i < until; i++) {
        Step step = matcher->steps.at[i];
        if (step.spot == text->spots)
            continue;
        for (uint32_t part = 0; part < CLOSED_PARTS && spots[step.spot].words[part] != EMPTY; part++) {
            const Word *word = &matcher->words.at[spots[step.spot].words[part]];
            if ((step.children & word->may_follow) && !may_go_on(matcher, step, word, step.spot + part + 1))
                return false;
        }
    }
    size_t likely = 0;
    for (size_t i = 0; i < matcher->edges.used; i++)
        if (may_have(&table->node_places, matcher->edges.at[i].hash))
            matcher->edges.at[likely++] = matcher->edges.at[i];
    for (size_t i = 0; i < likely; i++)
        PREFETCH_RECORD(table->nodes.at, &table->node_places, matcher->edges.at[i].hash);
    if (!MAKE_ROOM(&matcher->ends, likely) || !MAKE_ROOM(&matcher->steps, likely))
        return false;
    for (size_t i = 0; i < likely; i++) {
        const Edge *edge = &matcher->edges.at[i];
        uint32_t child = find_node(table, edge->node, edge->symbol);
        if (child)
            reach(matcher, child, table->nodes.at[child].ends, table->nodes.at[child].children, edge->spot);
    }
    return true;
}

/* The terms that end where the rows have led. */
static void note_ends(MatcherData *matcher, uint32_t scopes) {
    const TableData *table = matcher->table;
    const Numbers *ends = &matcher->ends;
    for (size_t i = 0; i < ends->used; i++)
        if (ends->at[i] & MANY)
            PREFETCH(&table->endings.at[ends->at[i] & ~MANY]);
    for (size_t i = 0; i < ends->used; i++)
        PREFETCH(&table->terms.at[ended_at(table, ends->at[i]).term]);
    for (size_t i = 0; i < ends->used; i++)
        note_endings(matcher, ends->at[i], scopes);
}

/* All rows that begin at each word of a text, followed as far as the text does, all of them a word at a time. */
static bool walk(MatcherData *matcher, const Text *text) {
    matcher->steps.used = matcher->ends.used = 0;
    if (!begin_rows(matcher, text))
        return false;
    for (size_t from = 0, until; from < matcher->steps.used; from = until) {
        until = matcher->steps.used;
        if (!go_on(matcher, text, from, until))
            return false;
    }
    note_ends(matcher, text->scopes);
    return true;
}

static void note_symbol(MatcherData *matcher, uint32_t kind, const uint8_t *letters, size_t length) {
    uint32_t symbol = find_symbol(matcher->table, kind, letters, length);
    uint32_t root = symbol ? matcher->table->symbols.at[symbol].root : 0;
    if (root)
        note_endings(matcher, matcher->table->nodes.at[root].ends, 1U << SCOPE_CODE);
}

static void note_code(MatcherData *matcher, const Code *code) {
    note_symbol(matcher, CODE, code->at, code->length);
    size_t begins = shorter(code->length, matcher->table->longest[CODE_BEGINS]);
    for (size_t length = 1; length <= begins; length++)
        note_symbol(matcher, CODE_BEGINS, code->at, length);
}

bool find_terms(MatcherData *matcher, const PaperData *paper) {
    for (size_t i = paper->texts; i < paper->texts_end; i++)
        if (!hear_words(matcher, &matcher->texts.at[i]) || !walk(matcher, &matcher->texts.at[i]))
            return false;
    for (size_t i = paper->codes; i < paper->codes_end; i++)
        note_code(matcher, &matcher->codes.at[i]);
    for (size_t i = paper->outside; i < paper->outside_end; i++)
        note_term(matcher, matcher->outside.at[i]);
    return true;
}

