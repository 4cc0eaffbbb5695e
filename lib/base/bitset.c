/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/bitset.h"

#include <stdlib.h>

static uint64_t words_for(uint64_t bits)
{
	return bits / 64 + (bits % 64 != 0);
}

struct bitset *bitset_new(uint64_t bits)
{
	struct bitset *set;

	if (bits > (SIZE_MAX - sizeof(*set)) / 2)
		return NULL;
	set = calloc(1, sizeof(*set) + words_for(bits) * sizeof(set->word[0]));
	if (set)
		set->bits = bits;
	return set;
}

void bitset_free(struct bitset *set)
{
	free(set);
}

void bitset_set_range(struct bitset *set, uint64_t first, uint64_t count)
{
	for (; count && first % 64; first++, count--)
		bitset_set(set, first);
	for (; count >= 64; first += 64, count -= 64)
		set->word[first / 64] = ~(uint64_t)0;
	for (; count; first++, count--)
		bitset_set(set, first);
}

/* Reading a page of zeros costs nothing; writing one would make it resident. */
static void set_word(struct bitset *set, uint64_t i, uint64_t word)
{
	if (set->word[i] != word)
		set->word[i] = word;
}

void bitset_or(struct bitset *into, const struct bitset *from)
{
	for (uint64_t i = 0; i < words_for(from->bits); i++)
		set_word(into, i, into->word[i] | from->word[i]);
}

void bitset_and(struct bitset *into, const struct bitset *from)
{
	for (uint64_t i = 0; i < words_for(from->bits); i++)
		set_word(into, i, into->word[i] & from->word[i]);
}

void bitset_copy(struct bitset *into, const struct bitset *from)
{
	for (uint64_t i = 0; i < words_for(from->bits); i++)
		set_word(into, i, from->word[i]);
}

uint64_t bitset_count(const struct bitset *set)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < words_for(set->bits); i++)
		n += (uint64_t)__builtin_popcountll(set->word[i]);
	return n;
}

/* The first bit in [from, limit) whose value is `wanted`, or limit. */
static uint64_t find_bit(const struct bitset *set, uint64_t from, uint64_t limit, bool wanted)
{
	uint64_t flip = wanted ? 0 : ~(uint64_t)0;

	while (from < limit) {
		uint64_t word = (set->word[from / 64] ^ flip) >> (from % 64);

		if (word) {
			from += (uint64_t)__builtin_ctzll(word);
			return from < limit ? from : limit;
		}
		from = (from / 64 + 1) * 64;
	}
	return limit;
}

bool bitset_next_run(const struct bitset *set, uint64_t from, uint64_t most, uint64_t *first, uint64_t *count)
{
	uint64_t start = find_bit(set, from, set->bits, true);
	uint64_t limit = set->bits - start > most ? start + most : set->bits;

	if (start >= set->bits)
		return false;
	*first = start;
	*count = find_bit(set, start, limit, false) - start;
	return true;
}
