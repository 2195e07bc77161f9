/* Arrays that grow, and the hash that all look-ups go by.
 *
 * Nothing here raises: growing also happens while Python's lock is released. A function that needs memory returns
 * false when there is none, and what it was given is as it was before.
 */
#ifndef PAPERLARK_GROWING_H
#define PAPERLARK_GROWING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* `at` holds `used` elements and has room for `room`. */
#define GROWING(Type)                                                                                                  \
    struct {                                                                                                           \
        Type *at;                                                                                                      \
        size_t used, room;                                                                                             \
    }

#define MAKE_ROOM(array, more) make_room((void **)&(array)->at, &(array)->room, (array)->used, (more), sizeof *(array)->at)
#define COPY_OF(array, from, number, spare)                                                                            \
    copy_of((void **)&(array)->at, &(array)->used, &(array)->room, (from), (number), (spare), sizeof *(array)->at)
#define DISCARD(array) discard((void **)&(array)->at, &(array)->used, &(array)->room)

/* Memory for a large array, on pages of 2 MB where the system has such: what is looked up all over an array of 30 MB
 * would else wait for the page's address first, and then for the page. */
void *memory_for(size_t bytes);
enum { LARGE = 1 << 20 }; /* bytes from which on it is worth while */

/* Room for `more` elements beyond those used. Grows by a share of what there is, so that adding one costs constant time
 * on average: by half while that is little, then by an eighth, for room that is not used is memory too. */
static inline bool make_room(void **at, size_t *room, size_t used, size_t more, size_t size) {
    if (more <= *room - used)
        return true;
    if (more >= UINT32_MAX || used + more >= UINT32_MAX) /* places are 32 bits wide */
        return false;
    size_t wanted = used + more;
    size_t share = used / (used < 65536 ? 2 : 8);
    if (wanted < used + share)
        wanted = used + share;
    if (wanted < 16)
        wanted = 16;
    bool large = wanted * size >= LARGE;
    void *grown = large ? memory_for(wanted * size) : realloc(*at, wanted * size);
    if (grown == NULL)
        return false;
    if (large) {
        if (used)
            memcpy(grown, *at, used * size);
        free(*at);
    }
    *at = grown;
    *room = wanted;
    return true;
}

/* Makes an empty array a copy of some elements, with room for some more. */
static inline bool copy_of(void **at, size_t *used, size_t *room, const void *from, size_t number, size_t spare,
                           size_t size) {
    if (!make_room(at, room, 0, number + spare, size))
        return false;
    if (number)
        memcpy(*at, from, number * size);
    *used = number;
    return true;
}

static inline void discard(void **at, size_t *used, size_t *room) {
    free(*at);
    *at = NULL;
    *used = *room = 0;
}

/* What memory will soon be asked for. In a table of a million queries nearly every look-up waits for memory; asked for
 * ahead, many of them wait together. */
#if defined(__GNUC__)
#define PREFETCH(at) __builtin_prefetch(at)
#else
#define PREFETCH(at) ((void)(at))
#endif

/* A set of places, found by hash: open addressing, linear probing, at most three quarters full. Each slot has a tag, some
 * bits of the hash, and 0 where the slot is empty. The tags stand by themselves, 64 to a cache line, so that nearly all
 * look-ups of what is not there end in the tags and touch no slot and no record. The places themselves tell whether they
 * are the wanted one, so identity is exact whatever the hash says. Any number of slots will do: a place costs 5 to 10
 * bytes. */
#define EMPTY UINT32_MAX
enum { TOGETHER = 8 }; /* tags that are looked at together: the first so many stand behind the last once more */

typedef struct {
    uint8_t *tags;
    uint32_t *slots;
    size_t number, used; /* of slots, and of those that hold a place */
} Places;

static inline size_t slots_for(size_t places) { return places + places / 3 + 64; }

static inline uint8_t tag_of(uint64_t hash) { return (uint8_t)(hash | 1); }

static inline size_t first_slot(const Places *places, uint64_t hash) {
    return (size_t)((hash >> 32) * places->number >> 32);
}

static inline size_t next_slot(const Places *places, size_t slot) { return slot + 1 == places->number ? 0 : slot + 1; }

static inline void prefetch_tag(const Places *places, uint64_t hash) {
    PREFETCH(&places->tags[first_slot(places, hash)]);
}

/* The first slot of this hash's tag, an empty one where there is none. */
static inline size_t likely_slot(const Places *places, uint64_t hash) {
    size_t slot = first_slot(places, hash);
    while (places->tags[slot] && places->tags[slot] != tag_of(hash))
        slot = next_slot(places, slot);
    return slot;
}

#define EACH_BYTE 0x0101010101010101ULL

static inline bool has_zero_byte(uint64_t word) { return ((word - EACH_BYTE) & ~word & EACH_BYTE << 7) != 0; }

/* Whether there may be a place of this hash; then its slot is asked for. Looks at tags only, at several together: one by
 * one, a processor guesses wrong after how many it is over, which costs more than all these looks. */
static inline bool may_have(const Places *places, uint64_t hash) {
    uint64_t tags;
    memcpy(&tags, places->tags + first_slot(places, hash), TOGETHER);
    if (has_zero_byte(tags) && !has_zero_byte(tags ^ EACH_BYTE * tag_of(hash)))
        return false;
    size_t slot = likely_slot(places, hash);
    PREFETCH(&places->slots[slot]);
    return places->tags[slot] != 0;
}

/* Asks for the record at that slot's place, once the slot itself has come. */
#define PREFETCH_RECORD(records, places, hash)                                                                         \
    do {                                                                                                               \
        size_t slot_ = likely_slot((places), (hash));                                                                  \
        if ((places)->tags[slot_])                                                                                     \
            PREFETCH(&(records)[(places)->slots[slot_]]);                                                              \
    } while (false)

static inline void put_place(Places *places, uint64_t hash, uint32_t place) {
    size_t slot = first_slot(places, hash);
    while (places->tags[slot])
        slot = next_slot(places, slot);
    places->tags[slot] = tag_of(hash);
    if (slot < TOGETHER)
        places->tags[places->number + slot] = tag_of(hash);
    places->slots[slot] = place;
    places->used++;
}

static inline void discard_places(Places *places) {
    free(places->tags);
    free(places->slots);
    *places = (Places){0};
}

static inline bool has_slots(const Places *places, size_t more) {
    return slots_for(places->used + more) <= places->number;
}

/* Empty slots for `wanted` places in all, in place of those that were; whoever calls puts the places anew. */
static inline bool new_slots(Places *places, size_t wanted) {
    size_t number = slots_for(wanted);
    uint8_t *tags = number > UINT32_MAX ? NULL : memory_for(number + TOGETHER);
    uint32_t *slots = tags ? memory_for(number * sizeof *slots) : NULL;
    if (slots == NULL) {
        free(tags);
        return false;
    }
    memset(tags, 0, number + TOGETHER);
    discard_places(places);
    *places = (Places){tags, slots, number, 0};
    return true;
}

#define MULTIPLIER 0x9E3779B97F4A7C15ULL /* 2^64 divided by the golden ratio */

static inline uint64_t mixed(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * MULTIPLIER;
    return hash ^ hash >> 29;
}

/* The seed is drawn anew by each table: nobody can write a text whose words all meet in one slot. */
static inline uint64_t hash_of(uint64_t seed, const uint8_t *bytes, size_t length) {
    uint64_t hash = mixed(seed, length);
    uint64_t word;
    for (; length >= 8; bytes += 8, length -= 8) {
        memcpy(&word, bytes, 8);
        hash = mixed(hash, word);
    }
    word = 0;
    for (size_t i = 0; i < length; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return mixed(mixed(hash, word), seed);
}

static inline bool same_bytes(const uint8_t *one, size_t length, const uint8_t *other, size_t other_length) {
    return length == other_length && (length == 0 || memcmp(one, other, length) == 0);
}

#endif
