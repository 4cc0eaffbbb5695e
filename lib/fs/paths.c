// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Directory entries: fs/ext4/ext4.h, struct ext4_dir_entry_2. Hash-tree nodes look like empty entries
 * to a reader that goes through them one after another, so the tree needs no thought here.
 */
#include "fs/paths.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/walk.h"

enum {
	DIRENT_HEADER = 8,
	DIRENT_RECORD = 4,
	DIRENT_NAME_BYTES = 6,
	INLINE_PARENT_BYTES = 4, /* inline directories start with the parent's number, in place of "." and ".." */
	XATTR_INDEX_SYSTEM = 7,  /* "system.data" holds what of an inline directory i_block has no room for */
	PATH_DEPTH_MAX = 1024,
	PATH_BYTES_MAX = 64 << 10,
};

static int list_add(struct named_list *list, uint32_t inode)
{
	if (list->count && list->item[list->count - 1].inode >= inode)
		return 0;
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		struct named *more = realloc(list->item, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->item = more;
		list->room = room;
	}
	list->item[list->count++] = (struct named){ .inode = inode };
	return 0;
}

int paths_add_directory(struct paths *paths, uint32_t inode)
{
	return list_add(&paths->directories, inode);
}

int paths_want(struct paths *paths, uint32_t inode)
{
	return list_add(&paths->wanted, inode);
}

static struct named *list_find(const struct named_list *list, uint32_t inode)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->item[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->count && list->item[low].inode == inode ? &list->item[low] : NULL;
}

static int keep_name(struct paths *paths, struct named *named, uint32_t parent, const uint8_t *name, size_t bytes)
{
	if (!named || named->parent)
		return 0;
	if (paths->text_room - paths->text_bytes <= bytes) {
		size_t room = paths->text_room ? paths->text_room * 2 : 4096;
		char *more = realloc(paths->text, room);

		if (!more)
			return -ENOMEM;
		paths->text = more;
		paths->text_room = room;
	}
	named->parent = parent;
	named->name = paths->text_bytes;
	memcpy(paths->text + paths->text_bytes, name, bytes);
	paths->text_bytes += bytes;
	paths->text[paths->text_bytes++] = '\0';
	return 0;
}

static bool is_real_name(const uint8_t *name, size_t bytes)
{
	if (!bytes || (name[0] == '.' && (bytes == 1 || (bytes == 2 && name[1] == '.'))))
		return false;
	return !memchr(name, '\0', bytes) && !memchr(name, '/', bytes);
}

/* ext4_rec_len_from_disk(): 64 KiB do not fit into 16 bits. */
static size_t record_bytes(const uint8_t *entry, size_t area)
{
	size_t bytes = get_le16(entry + DIRENT_RECORD);

	if (area < 65536)
		return bytes;
	return bytes == 0xffff || !bytes ? area : (bytes & 0xfffc) | (bytes & 3) << 16;
}

static int parse_entries(struct paths *paths, uint32_t directory, const uint8_t *area, size_t bytes)
{
	int r = 0;

	for (size_t at = 0; !r && at + DIRENT_HEADER <= bytes;) {
		const uint8_t *entry = area + at;
		size_t record = record_bytes(entry, bytes);
		size_t name_bytes = entry[DIRENT_NAME_BYTES];
		uint32_t inode = get_le32(entry);

		if (record < DIRENT_HEADER || record % 4 || record > bytes - at)
			return 0;
		at += record;
		if (!inode || name_bytes > record - DIRENT_HEADER || !is_real_name(entry + DIRENT_HEADER, name_bytes))
			continue;
		if (inode != EXT2_ROOT_INO && inode != directory)
			r = keep_name(paths, list_find(&paths->directories, inode), directory, entry + DIRENT_HEADER,
			              name_bytes);
		if (!r)
			r = keep_name(paths, list_find(&paths->wanted, inode), directory, entry + DIRENT_HEADER,
			              name_bytes);
	}
	return r;
}

struct reading {
	struct paths *paths;
	uint32_t directory;
	uint8_t *block;
	struct bitset *blocks; /* read so far: a block that two directories claim is read once */
};

static int read_run(void *context, bool is_node, uint64_t logical, uint64_t physical, uint64_t count)
{
	struct reading *reading = context;
	struct fs *fs = reading->paths->fs;
	int r = 0;

	(void)logical;
	for (uint64_t i = 0; !is_node && i < count && !r; i++) {
		if (bitset_test(reading->blocks, physical + i))
			continue;
		bitset_set(reading->blocks, physical + i);
		r = fs_read_block(fs, physical + i, reading->block);
		if (!r)
			r = parse_entries(reading->paths, reading->directory, reading->block, fs->block_bytes);
		else if (r != -ENOMEM)
			r = 0;
	}
	return r;
}

static int read_inline_rest(void *context, const struct xattr *xattr)
{
	struct reading *reading = context;

	if (xattr->name_index != XATTR_INDEX_SYSTEM || xattr->name_bytes != 4 || memcmp(xattr->name, "data", 4) ||
	    !xattr->value)
		return 0;
	return parse_entries(reading->paths, reading->directory, xattr->value, xattr->value_bytes);
}

static int read_directory(struct reading *reading, const struct inode *inode, struct bitset *seen)
{
	struct fs *fs = reading->paths->fs;
	struct map_sink sink = { .run = read_run, .context = reading, .seen = seen };
	int r;

	if (!LINUX_S_ISDIR(inode->mode))
		return 0;
	if (!(inode->flags & EXT4_INLINE_DATA_FL))
		return fs_map_inode(fs, inode, &sink);
	r = parse_entries(reading->paths, reading->directory, inode->map + INLINE_PARENT_BYTES,
	                  FS_INODE_MAP_BYTES - INLINE_PARENT_BYTES);
	return r ? r : xattr_each_in_inode(fs, inode, read_inline_rest, reading);
}

int paths_read(struct paths *paths)
{
	struct fs *fs = paths->fs;
	struct reading reading = { .paths = paths };
	struct bitset *seen = bitset_new(fs->blocks);
	uint8_t *raw = malloc(inode_bytes(fs));
	struct inode inode;
	int r;

	reading.block = malloc(fs->block_bytes);
	reading.blocks = bitset_new(fs->blocks);
	r = seen && raw && reading.block && reading.blocks ? 0 : -ENOMEM;
	for (size_t i = 0; i < paths->directories.count && !r; i++) {
		reading.directory = paths->directories.item[i].inode;
		r = inode_read(fs, reading.directory, raw, &inode);
		if (!r)
			r = read_directory(&reading, &inode, seen);
		else if (r != -ENOMEM)
			r = 0;
	}
	bitset_free(reading.blocks);
	free(reading.block);
	free(raw);
	bitset_free(seen);
	return r;
}

/* From the name up to the root, filling the buffer from its end. */
char *paths_get(const struct paths *paths, uint32_t inode)
{
	const struct named *named = list_find(&paths->wanted, inode);
	size_t at = PATH_BYTES_MAX - 1;
	char *path, *result;

	if (inode == EXT2_ROOT_INO)
		return strdup("/");
	if (!named || !named->parent)
		return strdup("");
	path = malloc(PATH_BYTES_MAX);
	if (!path)
		return NULL;
	path[at] = '\0';
	for (unsigned depth = 0; named && named->parent && depth < PATH_DEPTH_MAX; depth++) {
		const char *name = paths->text + named->name;
		size_t bytes = strlen(name);

		if (bytes + 1 > at)
			break;
		at -= bytes;
		memcpy(path + at, name, bytes);
		path[--at] = '/';
		if (named->parent == EXT2_ROOT_INO) {
			result = strdup(path + at);
			free(path);
			return result;
		}
		named = list_find(&paths->directories, named->parent);
	}
	free(path);
	return strdup(""); /* a loop, or a directory that nothing names */
}

void paths_free(struct paths *paths)
{
	free(paths->directories.item);
	free(paths->wanted.item);
	free(paths->text);
	*paths = (struct paths){ 0 };
}
