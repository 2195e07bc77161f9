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

/* `at` holds `used` elements and has room for `room`. Lent memory belongs to a mapped file: it may be written to (its
 * pages are private) but neither freed nor moved; the first time that it must grow, it becomes our own. */
#define GROWING(Type)                                                                                                  \
    struct {                                                                                                           \
        Type *at;                                                                                                      \
        size_t used, room;                                                                                             \
        bool lent;                                                                                                     \
    }

#define MAKE_ROOM(array, more) make_room((void **)&(array)->at, &(array)->room, &(array)->lent, (array)->used, (more), sizeof *(array)->at)
#define DISCARD(array) discard((void **)&(array)->at, &(array)->used, &(array)->room, &(array)->lent)

/* Room for `more` elements beyond those used. Doubles, so that adding one costs constant time on average. */
static inline bool make_room(void **at, size_t *room, bool *lent, size_t used, size_t more, size_t size) {
    if (more <= *room - used)
        return true;
    if (more >= UINT32_MAX || used + more >= UINT32_MAX) /* places are 32 bits wide */
        return false;
    size_t wanted = used + more;
    if (wanted < *room + *room / 2)
        wanted = *room + *room / 2;
    if (wanted < 16)
        wanted = 16;
    void *grown = *lent ? malloc(wanted * size) : realloc(*at, wanted * size);
    if (grown == NULL)
        return false;
    if (*lent && used)
        memcpy(grown, *at, used * size);
    *at = grown;
    *room = wanted;
    *lent = false;
    return true;
}

static inline void discard(void **at, size_t *used, size_t *room, bool *lent) {
    if (!*lent)
        free(*at);
    *at = NULL;
    *used = *room = 0;
    *lent = false;
}

/* A set of places, found by hash: open addressing, linear probing, at most two thirds full. A slot holds a place, or
 * `EMPTY`; the places themselves tell whether they are the wanted one, so identity is exact whatever the hash says. */
#define EMPTY UINT32_MAX

typedef struct {
    uint32_t *slots;
    size_t mask, used; /* the number of slots less one; zero without slots */
} Places;

static inline size_t slots_for(size_t places) {
    size_t slots = 64;
    while (slots / 3 * 2 < places)
        slots *= 2;
    return slots;
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
