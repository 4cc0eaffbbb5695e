// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose the differing units are. A unit may be one file's on one copy and another file's on the next: where
 * both made new files after they parted, it usually is. So every copy's view is asked about all units, and
 * names the files that are its own. In the sums each unit is counted once: by whom a view names first;
 * what no view named stays unknown.
 */
#include <errno.h>
#include <stdlib.h>

#include "fs/owners.h"
#include "fs/paths.h"
#include "fs/walk.h"

/* The inode of a large attribute, and the file whose attribute it is. */
struct borrowed {
	uint32_t inode;
	uint32_t owner;
};

struct attribute {
	struct bitset *asked; /* what differs and some copy uses */
	struct bitset *left;  /* of it: what no view has named */
	struct bitset *view;  /* of it: what the view at hand has not named; a damaged one may name a unit twice */
	uint32_t unit_bytes;
	struct attribution *result;
	struct owners owners;
	struct fs *const *all; /* by copy */
	int copies;
	uint8_t *raw; /* room for an inode of another copy */
	/* the view at hand */
	struct fs *fs;
	int copy;
	bool is_below; /* it is one below a journal */
	struct paths paths;
	struct borrowed *borrowed;
	size_t borrowings;
	size_t borrow_room;
};

/* Takes the units of [first, first + count) out of the set. Returns how many there were. */
static uint64_t take(struct bitset *set, uint64_t first, uint64_t count)
{
	uint64_t taken = 0, end;

	if (first >= set->bits)
		return 0;
	end = set->bits - first < count ? set->bits : first + count;
	while (first < end) {
		unsigned shift = first % 64;
		uint64_t bits = end - first < 64 - shift ? end - first : 64 - shift;
		uint64_t mask = (bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1) << shift;
		uint64_t hit = set->word[first / 64] & mask;

		if (hit) {
			taken += (uint64_t)__builtin_popcountll(hit);
			set->word[first / 64] &= ~mask;
		}
		first += bits;
	}
	return taken;
}

static int on_owned(void *context, const struct owned *owned)
{
	struct attribute *attribute = context;
	uint64_t per_block = attribute->fs->block_bytes / attribute->unit_bytes;
	uint64_t first = owned->run.first * per_block, count = owned->run.count * per_block;
	uint64_t bytes = take(attribute->view, first, count) * attribute->unit_bytes;
	uint64_t new_bytes = bytes ? take(attribute->left, first, count) * attribute->unit_bytes : 0;

	if (!bytes)
		return 0;
	if (owned->class == OWNED_JOURNAL) {
		attribute->result->journal_bytes += new_bytes;
	} else if (owned->class == OWNED_METADATA) {
		attribute->result->metadata_bytes[owned->metadata] += new_bytes;
	} else {
		attribute->result->file_bytes += new_bytes;
		return owners_add(&attribute->owners, owned->inode, owned->kind, attribute->copy, bytes, new_bytes);
	}
	return 0;
}

struct borrowing {
	struct attribute *attribute;
	uint32_t owner;
};

static int on_xattr(void *context, const struct xattr *xattr)
{
	struct borrowing *borrowing = context;
	struct attribute *attribute = borrowing->attribute;

	if (!xattr->value_inode)
		return 0;
	if (attribute->borrowings == attribute->borrow_room) {
		size_t room = attribute->borrow_room ? attribute->borrow_room * 2 : 64;
		struct borrowed *more = realloc(attribute->borrowed, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		attribute->borrowed = more;
		attribute->borrow_room = room;
	}
	attribute->borrowed[attribute->borrowings++] = (struct borrowed){ xattr->value_inode, borrowing->owner };
	return 0;
}

/* Whether a copy has another version of this inode, or none. */
static bool has_other_version(struct attribute *attribute, const struct inode *inode)
{
	struct identity own = identity_of(inode);

	for (int i = 0; i < attribute->copies; i++) {
		struct identity identity;
		struct inode other;

		if (i == attribute->copy || !attribute->all[i] || attribute->all[i]->is_uncertain ||
		    inode_bytes(attribute->all[i]) != inode_bytes(attribute->fs))
			continue;
		if (inode_read(attribute->all[i], inode->number, attribute->raw, &other))
			return true;
		identity = identity_of(&other);
		if (!other.links || identity_compare(&identity, &own) ||
		    !inode_is_same(inode->raw, other.raw, inode_bytes(attribute->fs)))
			return true;
	}
	return false;
}

/*
 * What a file is, it is not by its blocks alone: one that was deleted, cut off or never had blocks, a link, what lies in
 * the inode. It is an owner then without bytes of its own.
 */
static int note_inode(struct attribute *attribute, const struct inode *inode)
{
	uint64_t unit = inode_offset(attribute->fs, inode->number) / attribute->unit_bytes;

	if (attribute->is_below || !inode->links || inode->flags & EXT4_EA_INODE_FL ||
	    inode_is_reserved(attribute->fs, inode->number) || unit >= attribute->asked->bits ||
	    !bitset_test(attribute->asked, unit) || !has_other_version(attribute, inode))
		return 0;
	return owners_add(&attribute->owners, inode, LINUX_S_ISDIR(inode->mode) ? OWNER_DIRECTORY : OWNER_FILE,
	                  attribute->copy, 0, 0);
}

static int on_inode(void *context, const struct inode *inode)
{
	struct attribute *attribute = context;
	struct borrowing borrowing = { attribute, inode->number };
	int r = 0;

	if (LINUX_S_ISDIR(inode->mode))
		r = paths_add_directory(&attribute->paths, inode->number);
	if (!r)
		r = note_inode(attribute, inode);
	if (r || !ext2fs_has_feature_ea_inode(attribute->fs->ext2->super))
		return r;
	r = xattr_each_in_inode(attribute->fs, inode, on_xattr, &borrowing);
	return r ? r : xattr_each_in_block(attribute->fs, inode, on_xattr, &borrowing);
}

static int borrowed_compare(const void *left, const void *right)
{
	const struct borrowed *a = left, *b = right;

	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	return a->owner < b->owner ? -1 : a->owner > b->owner;
}

static int number_compare(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

/* Large attributes' inodes have no name: they go by that of the first file that refers to them. */
static void name_borrowed(struct attribute *attribute)
{
	struct owners *owners = &attribute->owners;

	if (!attribute->borrowings)
		return;
	qsort(attribute->borrowed, attribute->borrowings, sizeof(*attribute->borrowed), borrowed_compare);
	for (size_t i = owners->first, at = 0; i < owners->count; i++) {
		struct owner *owner = &owners->item[i];

		while (at < attribute->borrowings && attribute->borrowed[at].inode < owner->identity.inode)
			at++;
		if (owner->kind == OWNER_XATTR && at < attribute->borrowings &&
		    attribute->borrowed[at].inode == owner->identity.inode)
			owner->named_as = attribute->borrowed[at].owner;
	}
}

static int resolve_paths(struct attribute *attribute)
{
	struct owners *owners = &attribute->owners;
	size_t count = owners->count - owners->first;
	uint32_t *number = malloc((count + 1) * sizeof(*number));
	int r = number ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !r; i++)
		number[i] = owners->item[owners->first + i].named_as;
	if (!r)
		qsort(number, count, sizeof(*number), number_compare);
	for (size_t i = 0; i < count && !r; i++)
		r = paths_want(&attribute->paths, number[i]);
	free(number);
	if (!r && count)
		r = paths_read(&attribute->paths);
	for (size_t i = owners->first; i < owners->count && !r; i++) {
		owners->item[i].path = paths_get(&attribute->paths, owners->item[i].named_as);
		if (!owners->item[i].path)
			r = -ENOMEM;
	}
	return r;
}

static int walk_view(struct attribute *attribute, struct fs *fs, int copy, const struct bitset *about)
{
	struct walk_sink sink = { .owned = on_owned, .inode = on_inode, .context = attribute };
	uint64_t first, count;
	int r;

	if (fs->is_uncertain || !bitset_next_run(about, 0, 1, &first, &count))
		return 0;
	bitset_copy(attribute->view, about);
	attribute->fs = fs;
	attribute->copy = copy;
	attribute->is_below = fs != attribute->all[copy];
	attribute->paths = (struct paths){ .fs = fs };
	attribute->borrowings = 0;
	r = fs_walk(fs, &sink);
	if (!r) {
		owners_merge(&attribute->owners);
		name_borrowed(attribute);
		r = resolve_paths(attribute);
	}
	if (!r) {
		owners_merge_by_name(&attribute->owners);
		owners_end_view(&attribute->owners);
	}
	paths_free(&attribute->paths);
	return r;
}

/* What differs and is in use. */
static int find_asked(struct attribute *attribute, struct fs *const fs[], int copies, const struct bitset *differing,
                      struct svc_error *error)
{
	int r = 0;

	attribute->asked = bitset_new(differing->bits);
	attribute->left = bitset_new(differing->bits);
	attribute->view = bitset_new(differing->bits);
	if (!attribute->asked || !attribute->left || !attribute->view)
		return error_set(error, -ENOMEM, "out of memory");
	for (int i = 0; i < copies && !r; i++)
		if (fs[i])
			r = fs_mark_used(fs[i], attribute->unit_bytes, attribute->asked, error);
	bitset_and(attribute->asked, differing);
	bitset_copy(attribute->left, attribute->asked);
	return r;
}

/* What each copy that knows the owner says of it; and the copy that alone knows it, or -1. */
static void find_sides(struct attribute *attribute, const struct owner *owner, struct file_difference *file)
{
	bool is_elsewhere = false;

	for (int i = 0; i < attribute->copies; i++) {
		struct fs *fs = attribute->all[i];
		struct identity identity;
		struct inode inode;

		if (!fs || inode_read(fs, owner->identity.inode, attribute->raw, &inode))
			continue;
		/* a view that could be asked has named it, unless it is another file of no generation */
		if (identity_is_weak(&owner->identity) && !fs->is_uncertain && !(owner->named_by >> i & 1))
			continue;
		identity = identity_of(&inode);
		/* a freed inode keeps its mode and generation, but no links: nor has one deleted while open */
		if ((!inode.links && owner->path[0]) || identity_compare(&identity, &owner->identity))
			continue;
		is_elsewhere |= i != owner->copy;
		file->side[file->sides++] = (struct file_side){ i, inode.size, inode.modified };
	}
	file->only_on = is_elsewhere ? -1 : owner->copy;
}

static int file_compare(const void *left, const void *right)
{
	const struct file_difference *a = left, *b = right;
	int order;

	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	order = strcmp(a->path, b->path);
	if (order)
		return order;
	return a->inode != b->inode ? (a->inode < b->inode ? -1 : 1) : (int)a->kind - (int)b->kind;
}

/* Hands the owners' paths over to the result. */
static int make_files(struct attribute *attribute)
{
	struct owners *owners = &attribute->owners;
	struct attribution *result = attribute->result;
	int others = 0;

	for (int i = 0; i < attribute->copies; i++)
		others += attribute->all[i] != NULL;
	result->file = calloc(owners->count + 1, sizeof(*result->file));
	result->side = calloc(owners->count * (size_t)others + 1, sizeof(*result->side));
	if (!result->file || !result->side)
		return -ENOMEM;
	for (size_t i = 0; i < owners->count; i++) {
		struct owner *owner = &owners->item[i];
		struct file_difference *file = &result->file[result->files++];

		*file = (struct file_difference){
			.path = owner->path,
			.inode = owner->identity.inode,
			.kind = owner->kind,
			.is_deleted = !owner->path[0],
			.bytes = owner->bytes,
			.side = result->side + i * (size_t)others,
		};
		find_sides(attribute, owner, file);
		if (others < 2)
			file->only_on = -1;
		owner->path = NULL;
	}
	qsort(result->file, result->files, sizeof(*result->file), file_compare);
	return 0;
}

int fs_attribute(struct fs *const fs[], int copies, int first, const struct bitset *differing, uint32_t unit_bytes,
                 struct attribution *owners, struct svc_error *error)
{
	struct attribute attribute = { .unit_bytes = unit_bytes, .result = owners, .all = fs, .copies = copies };
	int r;

	*owners = (struct attribution){ 0 };
	for (int i = 0; i < copies; i++)
		if (!fs[i] || fs[i]->is_uncertain)
			owners->unnamed |= (uint64_t)1 << i;
	attribute.raw = malloc(EXT2_MAX_BLOCK_SIZE);
	r = attribute.raw ? 0 : error_set(error, -ENOMEM, "out of memory");
	if (!r)
		r = find_asked(&attribute, fs, copies, differing, error);
	if (r)
		goto out;
	if (first >= 0 && first < copies && fs[first])
		r = walk_view(&attribute, fs[first], first, attribute.asked);
	for (int i = 0; i < copies && !r; i++)
		if (i != first && fs[i])
			r = walk_view(&attribute, fs[i], i, attribute.asked);
	/* Last what only the views below the journals own, blocks that a replay will free: nobody's files any more
	 * where another view names them. */
	for (int i = 0; i < copies && !r; i++)
		if (fs[i] && fs[i]->on_disk)
			r = walk_view(&attribute, fs[i]->on_disk, i, attribute.left);
	if (!r)
		r = make_files(&attribute);
	if (r) {
		error_set(error, r, "out of memory");
		fs_attribution_free(owners);
		goto out;
	}
	owners->unknown_bytes = bitset_count(attribute.left) * unit_bytes;
	owners->done = true;
out:
	owners_free(&attribute.owners);
	free(attribute.borrowed);
	free(attribute.raw);
	bitset_free(attribute.view);
	bitset_free(attribute.left);
	bitset_free(attribute.asked);
	return r;
}

void fs_attribution_free(struct attribution *owners)
{
	for (size_t i = 0; i < owners->files; i++)
		free(owners->file[i].path);
	free(owners->file);
	free(owners->side);
	*owners = (struct attribution){ 0 };
}
