// SPDX-License-Identifier: GPL-2.0-or-later
#include "fs/owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS_PER_INODE = 4 };

struct identity identity_of(const struct inode *inode)
{
	return (struct identity){
		.inode = inode->number,
		.generation = inode->generation,
		.birth = inode->birth,
		.type = inode->mode & LINUX_S_IFMT,
	};
}

int identity_compare(const struct identity *a, const struct identity *b)
{
	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	if (a->generation != b->generation)
		return a->generation < b->generation ? -1 : 1;
	if (a->birth != b->birth)
		return a->birth < b->birth ? -1 : 1;
	return a->type < b->type ? -1 : a->type > b->type;
}

static int owner_compare(const void *left, const void *right)
{
	const struct owner *a = left, *b = right;
	int order = identity_compare(&a->identity, &b->identity);

	return order ? order : (a->kind > b->kind) - (a->kind < b->kind);
}

int owners_add(struct owners *owners, const struct inode *inode, enum owner_kind kind, int copy, uint64_t bytes,
               uint64_t new_bytes)
{
	struct owner *owner;

	for (size_t i = owners->count; i > owners->first && owners->count - i < KINDS_PER_INODE; i--) {
		owner = &owners->item[i - 1];
		if (owner->identity.inode == inode->number && owner->kind == kind) {
			owner->bytes += bytes;
			owner->new_bytes += new_bytes;
			return 0;
		}
	}
	if (owners->count == owners->room) {
		size_t room = owners->room ? owners->room * 2 : 64;

		owner = realloc(owners->item, room * sizeof(*owner));
		if (!owner)
			return -ENOMEM;
		owners->item = owner;
		owners->room = room;
	}
	owners->item[owners->count++] = (struct owner){
		.identity = identity_of(inode),
		.kind = kind,
		.copy = copy,
		.named_by = (uint64_t)1 << copy,
		.named_as = inode->number,
		.bytes = bytes,
		.new_bytes = new_bytes,
	};
	return 0;
}

bool identity_is_weak(const struct identity *identity)
{
	return !identity->generation;
}

static int owner_compare_named(const void *left, const void *right)
{
	const struct owner *a = left, *b = right;
	int order = owner_compare(a, b);

	return order ? order : strcmp(a->path, b->path);
}

/* The earlier one gets what the later one has. */
static void join(struct owner *known, const struct owner *more)
{
	known->named_by |= more->named_by;
	known->bytes += more->new_bytes;
	if (known->bytes < more->bytes)
		known->bytes = more->bytes;
}

static void merge(struct owners *owners, bool is_weak, int (*compare)(const void *, const void *))
{
	size_t kept = owners->first;

	for (size_t i = owners->first; i < owners->count; i++) {
		struct owner *item = &owners->item[i], *known = NULL;

		if (owners->first && identity_is_weak(&item->identity) == is_weak)
			known = bsearch(item, owners->item, owners->first, sizeof(*owners->item), compare);
		if (known) {
			join(known, item);
			free(item->path);
		} else {
			owners->item[kept++] = *item;
		}
	}
	owners->count = kept;
}

void owners_merge(struct owners *owners)
{
	merge(owners, false, owner_compare);
}

void owners_merge_by_name(struct owners *owners)
{
	merge(owners, true, owner_compare_named);
}

void owners_end_view(struct owners *owners)
{
	if (owners->count)
		qsort(owners->item, owners->count, sizeof(*owners->item), owner_compare_named);
	owners->first = owners->count;
}

void owners_free(struct owners *owners)
{
	for (size_t i = 0; i < owners->count; i++)
		free(owners->item[i].path);
	free(owners->item);
	*owners = (struct owners){ 0 };
}
