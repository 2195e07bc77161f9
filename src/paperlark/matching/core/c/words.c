/* The words of a text, in one pass over its letters, and what they say. See matcher.h. */
#include "matcher.h"

static bool is_letter(uint8_t byte, bool plain) {
    if (!plain)
        return byte != ' ' && byte != '-';
    return (uint8_t)((byte | 32) - 'a') < 26 || (uint8_t)(byte - '0') < 10;
}

bool room_for_word(MatcherData *matcher, size_t length) {
    Places *places = &matcher->word_places;
    if (!MAKE_ROOM(&matcher->words, 1) || !MAKE_ROOM(&matcher->letters, length) || !MAKE_ROOM(&matcher->unknown, 1))
        return false;
    if (has_slots(places, 1))
        return true;
    if (!new_slots(places, 2 * matcher->words.used + 1024))
        return false;
    for (size_t place = 0; place < matcher->words.used; place++) {
        const Word *word = &matcher->words.at[place];
        put_place(places, hash_of(matcher->seed, matcher->letters.at + word->at, word->length), (uint32_t)place);
    }
    return true;
}

/* The word's place in the vocabulary; a new one is unknown at first. EMPTY: no memory. */
static uint32_t word_for(MatcherData *matcher, const Cut *cut) {
    const Places *places = &matcher->word_places;
    for (size_t slot = first_slot(places, cut->hash); places->tags[slot]; slot = next_slot(places, slot)) {
        if (places->tags[slot] != tag_of(cut->hash))
            continue;
        const Word *word = &matcher->words.at[places->slots[slot]];
        if (same_bytes(cut->at, cut->length, matcher->letters.at + word->at, word->length))
            return places->slots[slot];
    }
    if (!room_for_word(matcher, cut->length))
        return EMPTY;
    uint32_t place = (uint32_t)matcher->words.used++;
    matcher->words.at[place] = (Word){.at = (uint32_t)matcher->letters.used, .length = cut->length};
    memcpy(matcher->letters.at + matcher->letters.used, cut->at, cut->length);
    matcher->letters.used += cut->length;
    put_place(&matcher->word_places, cut->hash, place);
    matcher->unknown.at[matcher->unknown.used++] = place;
    return place;
}

static bool cut_word(MatcherData *matcher, const uint8_t *from, const uint8_t *until, uint32_t spot, uint32_t part) {
    if (!MAKE_ROOM(&matcher->cuts, 1) || until - from >= UINT32_MAX)
        return false;
    uint64_t hash = hash_of(matcher->seed, from, (size_t)(until - from));
    prefetch_tag(&matcher->word_places, hash);
    matcher->cuts.at[matcher->cuts.used++] = (Cut){from, hash, (uint32_t)(until - from), spot, part};
    return true;
}

/* One pass over the letters. A single hyphen between two words ties them; a compound's letters stand together in the
 * text, hyphens and all, so its key is a slice of the text too. */
static bool cut_text(MatcherData *matcher, Text *text) {
    const uint8_t *at = text->at, *end = at + text->length;
    const uint8_t *begins[CLOSED_PARTS]; /* of the words that are tied to the one at hand, and its own; newest first */
    uint32_t tied = 0;
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
        for (uint32_t part = tied; part; part--)
            begins[part] = begins[part - 1];
        begins[0] = begin;
        if (!MAKE_ROOM(&matcher->spots, 1))
            return false;
        uint32_t spot = (uint32_t)matcher->spots.used++;
        matcher->spots.at[spot] = (Spot){{EMPTY, EMPTY, EMPTY}};
        for (uint32_t back = 0; back <= tied; back++)
            if (!cut_word(matcher, begins[back], at, spot - back, back))
                return false;
        last_end = at;
    }
    text->spots = matcher->spots.used - text->first;
    return true;
}

/* The vocabulary is larger than what a processor keeps at hand, so it is asked for all words of a text together: slots,
 * then records, then letters. One by one, each word would wait for each of these. */
static bool find_words_of(MatcherData *matcher, Text *text) {
    const Places *places = &matcher->word_places;
    matcher->cuts.used = 0;
    if (!cut_text(matcher, text))
        return false;
    for (size_t i = 0; i < matcher->cuts.used; i++)
        may_have(places, matcher->cuts.at[i].hash);
    for (size_t i = 0; i < matcher->cuts.used; i++)
        PREFETCH_RECORD(matcher->words.at, places, matcher->cuts.at[i].hash);
    for (size_t i = 0; i < matcher->cuts.used; i++) {
        size_t slot = likely_slot(places, matcher->cuts.at[i].hash);
        if (places->tags[slot])
            PREFETCH(&matcher->letters.at[matcher->words.at[places->slots[slot]].at]);
    }
    for (size_t i = 0; i < matcher->cuts.used; i++) {
        uint32_t word = word_for(matcher, &matcher->cuts.at[i]);
        if (word == EMPTY)
            return false;
        matcher->spots.at[matcher->cuts.at[i].spot].words[matcher->cuts.at[i].part] = word;
    }
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
    const TableData *table = matcher->table;
    uint32_t place = find_symbol(table, kind, letters, length);
    if (place == 0)
        return;
    const Symbol *symbol = &table->symbols.at[place];
    if (symbol->follows) {
        word->may_follow |= 1U << (place & 31);
        matcher->follows.at[word->follows + word->follows_used++] = place;
    }
    if (symbol->root) {
        const Node *root = &table->nodes.at[symbol->root];
        matcher->begins.at[word->begins + word->begins_used++] = (Begin){symbol->root, root->ends, root->children};
    }
}

/* A dozen look-ups: of the word in each reading, and of each of its beginnings that anybody could ask for. */
static bool hear_word(MatcherData *matcher, Word *word) {
    const TableData *table = matcher->table;
    size_t begins = shorter(word->folded, table->longest[BEGINS]);
    size_t cased_begins = shorter(word->cased, table->longest[EXACT_BEGINS]);
    size_t most = 3 + begins + cased_begins;
    if (!MAKE_ROOM(&matcher->begins, most) || !MAKE_ROOM(&matcher->follows, most))
        return false;
    word->begins = (uint32_t)matcher->begins.used;
    word->follows = (uint32_t)matcher->follows.used;
    word->begins_used = word->follows_used = word->may_follow = 0;
    const uint8_t *folded = matcher->letters.at + word->at + word->length;
    const uint8_t *stemmed = folded + word->folded, *cased = stemmed + word->stemmed;
    say(matcher, word, STEM, stemmed, word->stemmed);
    say(matcher, word, WORD, folded, word->folded);
    say(matcher, word, EXACT, cased, word->cased);
    for (size_t length = 1; length <= begins; length++)
        say(matcher, word, BEGINS, folded, length);
    for (size_t length = 1; length <= cased_begins; length++)
        say(matcher, word, EXACT_BEGINS, cased, length);
    matcher->begins.used += word->begins_used;
    matcher->follows.used += word->follows_used;
    word->heard = table->generation + 1;
    return true;
}

/* Once for each word, and anew when what words say has changed. */
bool hear_words(MatcherData *matcher, const Text *text) {
    uint64_t now = matcher->table->generation + 1;
    if (matcher->heard != now)
        matcher->begins.used = matcher->follows.used = 0;
    matcher->heard = now;
    for (size_t i = 0; i < text->spots; i++)
        for (size_t part = 0; part < CLOSED_PARTS; part++) {
            uint32_t place = matcher->spots.at[text->first + i].words[part];
            if (place == EMPTY)
                break;
            Word *word = &matcher->words.at[place];
            if (word->heard != now && !hear_word(matcher, word))
                return false;
            PREFETCH(&matcher->begins.at[word->begins]);
            PREFETCH(&matcher->follows.at[word->follows]);
        }
    return true;
}
