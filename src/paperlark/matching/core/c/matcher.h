/* Holds papers against a table, with what one thread needs to do so: a vocabulary, marks, and room for the answers.
 *
 * The vocabulary remembers of each word of a text which symbols it says. It can be forgotten at any time, and is, when
 * it has grown too large: no text can make it grow without bound.
 */
#ifndef PAPERLARK_MATCHER_H
#define PAPERLARK_MATCHER_H

#include "table.h"

enum { CLOSED_PARTS = 3 }; /* words that are read closed, as one */

/* A word or compound of a text. Its letters stand together: as written (compounds with their hyphens), folded, stemmed,
 * with its case. What it says: the rows that begin with it, and the symbols by which rows go on. Fills a cache line: it
 * is waited for once. */
typedef struct {
    uint32_t at, length, folded, stemmed, cased;
    uint32_t begins, begins_used;   /* matcher.begins[begins : begins + begins_used] */
    uint32_t follows, follows_used; /* matcher.follows likewise: places of symbols, */
    uint32_t may_follow;            /* and a bit for each of them, as in Node.children */
    uint64_t heard;                 /* the table's generation in which this was found, and one; 0: never yet */
    bool learned;
    uint8_t spare[15];
} Word;

/* A row's first node, with what stands there: of all nodes these are looked at by far the most. */
typedef struct {
    uint32_t node, ends, children;
} Begin;

/* The words at a place of a text: the word itself, and compounds of two and three; EMPTY where no hyphens tie them. */
typedef struct {
    uint32_t words[CLOSED_PARTS];
} Spot;

/* A word of a text, to be found in the vocabulary, and where its place is to be noted. */
typedef struct {
    const uint8_t *at;
    uint64_t hash;
    uint32_t length, spot, part;
} Cut;

typedef struct {
    const uint8_t *at;
    size_t length;
    bool plain;      /* ASCII as written; else words that are found already, with hyphens and spaces between */
    uint32_t scopes; /* a bit for each scope that looks here */
    size_t first, spots; /* its words: matcher.spots[first : first + spots] */
} Text;

typedef struct {
    const uint8_t *at;
    size_t length;
} Code;

typedef struct {
    size_t texts, texts_end, codes, codes_end, outside, outside_end;
    size_t met, met_end; /* what it meets: matcher.met[met : met_end] */
} PaperData;

/* A beginning of a row that was found and that may go on, and where in the text. */
typedef struct {
    uint32_t node, children, spot;
} Step;

/* How it may go on: to the node of this symbol, if there is one. */
typedef struct {
    uint64_t hash;
    uint32_t node, symbol, spot;
} Edge;

typedef struct {
    const TableData *table;
    TableData *taught; /* the same table where it learns from the papers how rare terms are; else NULL */

    GROWING(Text) texts;
    GROWING(Code) codes;
    Numbers outside;
    GROWING(PaperData) papers;

    GROWING(Word) words;
    Letters letters;
    GROWING(Begin) begins;
    Numbers follows;
    Places word_places;
    Numbers unknown; /* words that were never seen: the caller learns what they say */
    uint64_t seed;
    uint64_t heard; /* the table's generation of which `begins` and `follows` are, and one */

    GROWING(Cut) cuts;
    GROWING(Spot) spots;
    GROWING(Step) steps;
    GROWING(Edge) edges;
    Numbers ends;              /* of the nodes that were found, as in Node.ends */
    Numbers present;           /* terms of the paper at hand */
    GROWING(uint64_t) has;     /* a bit for each of them */
    GROWING(uint64_t) answered; /* a bit for each query that it is known to meet, and for each dead one */
    uint64_t deaths;           /* of the table when `answered` was made */
    Numbers met;
    uint64_t examined; /* clauses that were looked at so far */
} MatcherData;

/* other: whose words it knows from the beginning; NULL: none. */
bool matcher_begin(MatcherData *matcher, const TableData *table, TableData *taught, const MatcherData *other, uint64_t seed);
void matcher_end(MatcherData *matcher);
bool forget_words(MatcherData *matcher);
void forget_papers(MatcherData *matcher);
bool is_too_large(const MatcherData *matcher, size_t most_words);

/* First find the words of all texts; then let the unknown ones be learned; then match. False: no memory. */
bool find_words(MatcherData *matcher);
bool learn_word(MatcherData *matcher, uint32_t word, const uint8_t *folded, size_t folded_length,
                const uint8_t *stemmed, size_t stemmed_length, const uint8_t *cased, size_t cased_length);
bool match_papers(MatcherData *matcher);

/* What matching a paper is made of. */
bool room_for_word(MatcherData *matcher, size_t length);
bool hear_words(MatcherData *matcher, const Text *text);             /* find what its words say */
bool find_terms(MatcherData *matcher, const PaperData *paper);       /* fills `present` and `has` */
void ask_queries(MatcherData *matcher);                              /* fills `met` */
void note_term(MatcherData *matcher, uint32_t term);

static inline bool is_set(const uint64_t *bits, uint32_t place) { return bits[place / 64] >> (place & 63) & 1; }
static inline size_t shorter(size_t one, size_t other) { return one < other ? one : other; }

#endif
