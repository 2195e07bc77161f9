/* How papers are matched: their words, what these say, the terms that follow from that, the queries that ask for them.
 * See matcher.h. Runs without Python's lock. */
#include "matcher.h"

/* ---- words of a text -------------------------------------------------------------------------------------------- */

static bool is_letter(uint8_t byte, bool plain) {
    if (!plain)
        return byte != ' ' && byte != '-';
    return (uint8_t)((byte | 32) - 'a') < 26 || (uint8_t)(byte - '0') < 10;
}

static bool room_for_word(MatcherData *matcher, size_t length) {
    Places *places = &matcher->word_places;
    if (!MAKE_ROOM(&matcher->words, 1) || !MAKE_ROOM(&matcher->letters, length) || !MAKE_ROOM(&matcher->unknown, 1))
        return false;
    if (has_slots(places, 1))
        return true;
    if (!new_slots(places, 2 * places->used + 1024))
        return false;
    for (size_t place = 0; place < matcher->words.used; place++) {
        const Word *word = &matcher->words.at[place];
        put_place(places, hash_of(matcher->seed, matcher->letters.at + word->at, word->length), (uint32_t)place);
    }
    return true;
}

/* The word's place in the vocabulary; a new one is unknown at first. EMPTY: no memory. */
static uint32_t word_for(MatcherData *matcher, const uint8_t *at, size_t length) {
    const Places *places = &matcher->word_places;
    uint64_t hash = hash_of(matcher->seed, at, length);
    for (size_t slot = first_slot(places, hash); places->tags[slot]; slot = next_slot(places, slot)) {
        const Word *word = &matcher->words.at[places->slots[slot]];
        if (places->tags[slot] == tag_of(hash) &&
            same_bytes(at, length, matcher->letters.at + word->at, word->length))
            return places->slots[slot];
    }
    if (!room_for_word(matcher, length))
        return EMPTY;
    uint32_t place = (uint32_t)matcher->words.used++;
    matcher->words.at[place] = (Word){.at = (uint32_t)matcher->letters.used, .length = (uint32_t)length};
    memcpy(matcher->letters.at + matcher->letters.used, at, length);
    matcher->letters.used += length;
    put_place(&matcher->word_places, hash, place);
    matcher->unknown.at[matcher->unknown.used++] = place;
    return place;
}

/* One pass over the letters. A single hyphen between two words ties them; a compound's letters stand together in the
 * text, hyphens and all, so its key is a slice of the text too. */
static bool find_words_of(MatcherData *matcher, Text *text) {
    const uint8_t *at = text->at, *end = at + text->length;
    const uint8_t *begins[CLOSED_PARTS]; /* of the words that are tied to the one at hand, and its own; newest first */
    size_t tied = 0;
    text->first = matcher->spots.used;
    for (const uint8_t *last_end = NULL;;) {
        while (at < end && !is_letter(*at, text->plain))
            at++;
        if (at == end)
            break;
        const uint8_t *begin = at;
        while (at < end && is_letter(*at, text->plain))
            at++;
        bool joins = last_end != NULL && begin == last_end + 1 && *last_end == '-';
        tied = joins ? (tied + 1 < CLOSED_PARTS ? tied + 1 : CLOSED_PARTS - 1) : 0;
        memmove(begins + 1, begins, tied * sizeof *begins);
        begins[0] = begin;
        if (!MAKE_ROOM(&matcher->spots, 1))
            return false;
        size_t spot = matcher->spots.used++;
        matcher->spots.at[spot] = (Spot){{EMPTY, EMPTY, EMPTY}};
        for (size_t back = 0; back <= tied; back++) {
            uint32_t word = word_for(matcher, begins[back], (size_t)(at - begins[back]));
            if (word == EMPTY)
                return false;
            matcher->spots.at[spot - back].words[back] = word;
        }
        last_end = at;
    }
    text->spots = matcher->spots.used - text->first;
    return true;
}

bool find_words(MatcherData *matcher) {
    for (size_t i = 0; i < matcher->texts.used; i++)
        if (!find_words_of(matcher, &matcher->texts.at[i]))
            return false;
    return true;
}

bool learn_word(MatcherData *matcher, uint32_t place, const uint8_t *folded, size_t folded_length,
                const uint8_t *stemmed, size_t stemmed_length, const uint8_t *cased, size_t cased_length) {
    Word *word = &matcher->words.at[place];
    size_t length = word->length;
    if (!MAKE_ROOM(&matcher->letters, length + folded_length + stemmed_length + cased_length))
        return false;
    uint8_t *to = matcher->letters.at + matcher->letters.used;
    memcpy(to, matcher->letters.at + word->at, length);
    memcpy(to + length, folded, folded_length); /* none of these is NULL: each is some bytes object's */
    memcpy(to + length + folded_length, stemmed, stemmed_length);
    memcpy(to + length + folded_length + stemmed_length, cased, cased_length);
    word->at = (uint32_t)matcher->letters.used;
    word->folded = (uint32_t)folded_length;
    word->stemmed = (uint32_t)stemmed_length;
    word->cased = (uint32_t)cased_length;
    word->learned = true;
    matcher->letters.used += length + folded_length + stemmed_length + cased_length;
    return true;
}

/* ---- what a word says ------------------------------------------------------------------------------------------- */

static void say(MatcherData *matcher, Word *word, uint32_t kind, const uint8_t *letters, size_t length) {
    uint32_t symbol = find_symbol(matcher->table, kind, letters, length);
    if (symbol)
        matcher->said.at[word->said + word->said_used++] = (Said){symbol, matcher->table->symbols.at[symbol].root};
}

static size_t shorter(size_t one, size_t other) { return one < other ? one : other; }

/* Looked up once for each word, and again when the table has got new symbols since. */
static bool find_said(MatcherData *matcher, Word *word) {
    const TableData *table = matcher->table;
    size_t begins = shorter(word->folded, table->longest[BEGINS]);
    size_t cased_begins = shorter(word->cased, table->longest[EXACT_BEGINS]);
    size_t most = 3 + begins + cased_begins;
    if (most > word->said_room) {
        if (!MAKE_ROOM(&matcher->said, most))
            return false;
        word->said = (uint32_t)matcher->said.used;
        word->said_room = (uint32_t)most;
        matcher->said.used += most;
    }
    const uint8_t *folded = matcher->letters.at + word->at + word->length;
    const uint8_t *stemmed = folded + word->folded, *cased = stemmed + word->stemmed;
    word->said_used = 0;
    say(matcher, word, STEM, stemmed, word->stemmed);
    say(matcher, word, WORD, folded, word->folded);
    say(matcher, word, EXACT, cased, word->cased);
    for (size_t length = 1; length <= begins; length++)
        say(matcher, word, BEGINS, folded, length);
    for (size_t length = 1; length <= cased_begins; length++)
        say(matcher, word, EXACT_BEGINS, cased, length);
    word->generation = table->generation + 1;
    return true;
}

static bool find_all_said(MatcherData *matcher, const Text *text) {
    for (size_t i = 0; i < text->spots; i++)
        for (size_t part = 0; part < CLOSED_PARTS; part++) {
            uint32_t place = matcher->spots.at[text->first + i].words[part];
            if (place == EMPTY)
                break;
            Word *word = &matcher->words.at[place];
            if (word->generation != matcher->table->generation + 1 && !find_said(matcher, word))
                return false;
            PREFETCH(&matcher->said.at[word->said]);
        }
    return true;
}

/* ---- terms ------------------------------------------------------------------------------------------------------ */

static bool is_set(const uint64_t *bits, uint32_t place) { return bits[place / 64] >> (place & 63) & 1; }

/* There is always room: no more terms can be present than there are. */
static void note_term(MatcherData *matcher, uint32_t term) {
    if (is_set(matcher->has.at, term))
        return;
    matcher->has.at[term / 64] |= 1ULL << (term & 63);
    matcher->present.at[matcher->present.used++] = term;
}

static void note_if_looked_for(MatcherData *matcher, uint32_t term, uint32_t scopes) {
    if (scopes >> matcher->table->terms.at[term].scope & 1)
        note_term(matcher, term);
}

static void note_endings(MatcherData *matcher, const Node *node, uint32_t scopes) {
    for (Ended at = ended_at(matcher->table, node); at.term; at = ended_next(matcher->table, at))
        note_if_looked_for(matcher, at.term, scopes);
}

static bool take_step(MatcherData *matcher, uint32_t node, uint32_t spot) {
    if (!MAKE_ROOM(&matcher->steps, 1))
        return false;
    PREFETCH(&matcher->table->nodes.at[node]);
    matcher->steps.at[matcher->steps.used++] = (Step){node, spot};
    return true;
}

static bool begin_rows(MatcherData *matcher, const Text *text) {
    const Spot *spots = matcher->spots.at + text->first;
    for (uint32_t spot = 0; spot < text->spots; spot++)
        for (uint32_t part = 0; part < CLOSED_PARTS && spots[spot].words[part] != EMPTY; part++) {
            const Word *word = &matcher->words.at[spots[spot].words[part]];
            const Said *said = matcher->said.at + word->said;
            for (uint32_t i = 0; i < word->said_used; i++)
                if (said[i].root && !take_step(matcher, said[i].root, spot + part + 1))
                    return false;
        }
    return true;
}

static bool may_go_on(MatcherData *matcher, Step step, uint32_t children, uint32_t place, uint32_t spot) {
    const TableData *table = matcher->table;
    const Word *word = &matcher->words.at[place];
    const Said *said = matcher->said.at + word->said;
    if (!MAKE_ROOM(&matcher->edges, word->said_used))
        return false;
    for (uint32_t i = 0; i < word->said_used; i++)
        if (children >> (said[i].symbol & 31) & 1) {
            uint64_t hash = hash_of_node(table, step.node, said[i].symbol);
            prefetch_tag(&table->node_places, hash);
            matcher->edges.at[matcher->edges.used++] = (Edge){hash, step.node, said[i].symbol, spot};
        }
    return true;
}

/* The rows of some steps, one word further; those that go on are steps again. Each pass asks memory for what the next
 * one reads: nodes, tags, slots, nodes. */
static bool go_on(MatcherData *matcher, const Text *text, size_t from, size_t until) {
    const TableData *table = matcher->table;
    const Spot *spots = matcher->spots.at + text->first;
    matcher->edges.used = 0;
    for (size_t i = from; i < until; i++) {
        Step step = matcher->steps.at[i];
        uint32_t children = table->nodes.at[step.node].children;
        if (!children || step.spot == text->spots)
            continue;
        for (uint32_t part = 0; part < CLOSED_PARTS && spots[step.spot].words[part] != EMPTY; part++)
            if (!may_go_on(matcher, step, children, spots[step.spot].words[part], step.spot + part + 1))
                return false;
    }
    size_t likely = 0;
    for (size_t i = 0; i < matcher->edges.used; i++)
        if (may_have(&table->node_places, matcher->edges.at[i].hash))
            matcher->edges.at[likely++] = matcher->edges.at[i];
    for (size_t i = 0; i < likely; i++) {
        const Edge *edge = &matcher->edges.at[i];
        uint32_t child = find_node(table, edge->node, edge->symbol);
        if (child && !take_step(matcher, child, edge->spot))
            return false;
    }
    return true;
}

/* The terms that end at any of the steps. */
static void note_ends(MatcherData *matcher, uint32_t scopes) {
    const TableData *table = matcher->table;
    for (size_t i = 0; i < matcher->steps.used; i++) {
        uint32_t ends = table->nodes.at[matcher->steps.at[i].node].ends;
        if (ends & MANY)
            PREFETCH(&table->endings.at[ends & ~MANY]);
    }
    for (size_t i = 0; i < matcher->steps.used; i++)
        PREFETCH(&table->terms.at[ended_at(table, &table->nodes.at[matcher->steps.at[i].node]).term]);
    for (size_t i = 0; i < matcher->steps.used; i++)
        note_endings(matcher, &table->nodes.at[matcher->steps.at[i].node], scopes);
}

/* All rows that begin at each word of a text, followed as far as the text does, all of them a word at a time. */
static bool walk(MatcherData *matcher, const Text *text) {
    matcher->steps.used = 0;
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
        note_endings(matcher, &matcher->table->nodes.at[root], 1U << SCOPE_CODE);
}

static void note_code(MatcherData *matcher, const Code *code) {
    note_symbol(matcher, CODE, code->at, code->length);
    size_t begins = shorter(code->length, matcher->table->longest[CODE_BEGINS]);
    for (size_t length = 1; length <= begins; length++)
        note_symbol(matcher, CODE_BEGINS, code->at, length);
}

static bool find_terms(MatcherData *matcher, const PaperData *paper) {
    for (size_t i = paper->texts; i < paper->texts_end; i++)
        if (!find_all_said(matcher, &matcher->texts.at[i]) || !walk(matcher, &matcher->texts.at[i]))
            return false;
    for (size_t i = paper->codes; i < paper->codes_end; i++)
        note_code(matcher, &matcher->codes.at[i]);
    for (size_t i = paper->outside; i < paper->outside_end; i++)
        note_term(matcher, matcher->outside.at[i]);
    return true;
}

/* ---- queries ---------------------------------------------------------------------------------------------------- */

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

static void look_at(MatcherData *matcher, const Clause *clause) {
    const uint64_t *has = matcher->has.at;
    matcher->examined++;
    if (is_set(has, clause->required[0]) && is_set(has, clause->required[1]) && !is_set(has, clause->forbidden[0]) &&
        !is_set(has, clause->forbidden[1]) && (clause->tail == 0 || tail_holds(matcher, clause->tail)))
        answer(matcher, clause->query);
}

static void ask(MatcherData *matcher, uint32_t place) {
    const TableData *table = matcher->table;
    const Term *term = &table->terms.at[place];
    const uint32_t *singles = table->singles.at;
    for (uint32_t i = term->singles, end = singles_end(table, place), next; i < end; i = next) {
        for (next = i + 1; next < end && singles[next] == singles[next - 1] + 1; next++)
            ;
        answer_run(matcher, singles[i], next - i);
    }
    for (uint32_t i = term->clauses, end = clauses_end(table, place); i < end; i++)
        look_at(matcher, &table->clauses.at[i]);
    for (uint32_t i = term->added; i; i = table->added.at[i].next)
        look_at(matcher, &table->clauses.at[table->added.at[i].clause]);
}

static void prefetch_postings(const MatcherData *matcher, uint32_t place) {
    const TableData *table = matcher->table;
    const Term *term = &table->terms.at[place];
    PREFETCH(&table->singles.at[term->singles]);
    PREFETCH(&table->clauses.at[term->clauses]);
    if (term->added)
        PREFETCH(&table->added.at[term->added]);
}

static void ask_all(MatcherData *matcher) {
    enum { AHEAD = 8 };
    const Numbers *present = &matcher->present;
    for (size_t i = 0; i < present->used; i++) {
        if (i + AHEAD < present->used)
            prefetch_postings(matcher, present->at[i + AHEAD]);
        ask(matcher, present->at[i]);
    }
}

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
        ask_all(matcher);
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

bool matcher_begin(MatcherData *matcher, const TableData *table, TableData *taught, uint64_t seed) {
    memset(matcher, 0, sizeof *matcher);
    matcher->table = table;
    matcher->taught = taught;
    matcher->seed = seed;
    matcher->deaths = UINT64_MAX;
    return forget_words(matcher);
}

bool forget_words(MatcherData *matcher) {
    discard_places(&matcher->word_places);
    DISCARD(&matcher->words);
    DISCARD(&matcher->letters);
    DISCARD(&matcher->said);
    DISCARD(&matcher->unknown);
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
    if (matcher->steps.room > KEPT)
        DISCARD(&matcher->steps);
    if (matcher->edges.room > KEPT)
        DISCARD(&matcher->edges);
}

bool is_too_large(const MatcherData *matcher, size_t most_words) {
    return matcher->words.used > most_words || matcher->letters.used > 64 * most_words ||
           matcher->said.used > 64 * most_words;
}

void matcher_end(MatcherData *matcher) {
    DISCARD(&matcher->texts);
    DISCARD(&matcher->codes);
    DISCARD(&matcher->outside);
    DISCARD(&matcher->papers);
    DISCARD(&matcher->words);
    DISCARD(&matcher->letters);
    DISCARD(&matcher->said);
    DISCARD(&matcher->unknown);
    discard_places(&matcher->word_places);
    DISCARD(&matcher->spots);
    DISCARD(&matcher->steps);
    DISCARD(&matcher->edges);
    DISCARD(&matcher->present);
    DISCARD(&matcher->has);
    DISCARD(&matcher->answered);
    DISCARD(&matcher->met);
    memset(matcher, 0, sizeof *matcher);
}
