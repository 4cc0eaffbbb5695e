/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One bit per file-system block: the only thing here whose memory grows with the volume. */
#ifndef SVC_BITSET_H
#define SVC_BITSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bitset {
	uint64_t bits;   /* how many */
	uint64_t word[]; /* bit n is word[n / 64] >> (n % 64) & 1 */
};

/* All bits clear; untouched pages cost no memory. NULL: out of memory. Free with bitset_free. */
struct bitset *bitset_new(uint64_t bits);
void bitset_free(struct bitset *set);

static inline bool bitset_test(const struct bitset *set, uint64_t bit)
{
	return set->word[bit / 64] >> (bit % 64) & 1;
}

static inline void bitset_set(struct bitset *set, uint64_t bit)
{
	set->word[bit / 64] |= (uint64_t)1 << (bit % 64);
}

static inline void bitset_clear(struct bitset *set, uint64_t bit)
{
	set->word[bit / 64] &= ~((uint64_t)1 << (bit % 64));
}

/* Sets bits [first, first + count). The range must lie within the set. */
void bitset_set_range(struct bitset *set, uint64_t first, uint64_t count);

/* into |= from, into &= from, into = from. Both have the same number of bits. */
void bitset_or(struct bitset *into, const struct bitset *from);
void bitset_and(struct bitset *into, const struct bitset *from);
void bitset_copy(struct bitset *into, const struct bitset *from);

uint64_t bitset_count(const struct bitset *set);

/*
 * The next run of set bits at or after `from`: its first bit and its length, at most `most` bits long.
 * Returns false where there is none.
 */
bool bitset_next_run(const struct bitset *set, uint64_t from, uint64_t most, uint64_t *first, uint64_t *count);

#endif
